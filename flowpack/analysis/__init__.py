"""Reads Python without running it: one evaluator under flows and parameter schemas.

``script`` (bytes and tree) -> ``scopes`` (statements) with ``evaluate`` and ``calls``
(expressions) -> ``makers`` and ``discovery`` (flows) -> ``parameters`` and the rest (schemas).
A name that depends on the machine that runs the script is one of several ``values``, and what
only running would tell is unknown: an error where a flow's name rests on it, else open.
"""
