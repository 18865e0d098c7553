"""The real programs that flowpack works with, for tests marked ``peer``.

Prefect's servers, agents and workers run in virtual environments of their own
(:mod:`tests.peers.environments`) as processes on loopback
(:mod:`tests.peers.prefect`), beside nginx (:mod:`tests.peers.nginx`) and a
key-value server (:mod:`tests.peers.keyvalue`).
"""
