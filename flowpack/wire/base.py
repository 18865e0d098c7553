"""The names of :mod:`flowpack.wire.dialect` under its former name."""

from flowpack.wire.dialect import Change, Dialect

__all__ = ["Change", "Dialect"]
