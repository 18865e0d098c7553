"""The name of :func:`flowpack.jsonvalues.replaced_env` under its former module."""

from flowpack.jsonvalues import replaced_env

__all__ = ["replaced_env"]
