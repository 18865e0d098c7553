"""Reads Python without running it: one evaluator under flows and parameter schemas.

The way of a script::

    script: the bytes, read and parsed once
      -> scopes: statements, in order; what each name stands for at the end
           (syntax: trees; evaluate: expressions; calls; plain: Python's own operators;
           values: the results)
           -> makers, discovery: which names are flows -> selection: which one is meant
           -> parameters: the schema of a flow's function
                (annotations, classes, definitions, defaults; known_types: tables)

A name that depends on the machine that runs the script is one of several values
(:class:`~flowpack.analysis.values.OneOf`), and what only running would tell is
:class:`~flowpack.analysis.values.Unknown`. Nothing is ever guessed: an unknown name of a flow
is an error when that flow is asked for, and an unknown type or default is left open and noted.
"""
