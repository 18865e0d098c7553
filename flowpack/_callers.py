"""Warnings that name the line of whoever called flowpack."""

from __future__ import annotations

import contextvars
import sys
import warnings
from types import FrameType
from typing import Any, Dict, NamedTuple, Optional, Type


class _Caller(NamedTuple):
    """A line of code that is not flowpack's, as :mod:`warnings` wants it."""

    filename: str
    line: int
    module: str
    registry: Dict[Any, Any]


#: Who called flowpack, in a thread of its own; None where the stack says it.
_caller: contextvars.ContextVar[Optional[_Caller]] = contextvars.ContextVar(
    "flowpack_caller", default=None
)


def warn(message: str, category: Type[Warning] = UserWarning) -> None:
    """Warn of *message* at the innermost line that is not flowpack's own."""
    caller = _find_caller()
    warnings.warn_explicit(
        message, category, caller.filename, caller.line, caller.module, caller.registry
    )


def caller_location() -> str:
    """Return file and line of the innermost code that is not flowpack's own."""
    caller = _find_caller()
    return f"{caller.filename}:{caller.line}"


def copy_context() -> contextvars.Context:
    """Return a context for another thread, whose warnings name this one's caller."""
    context = contextvars.copy_context()
    context.run(_caller.set, _find_caller())
    return context


def _find_caller() -> _Caller:
    known = _caller.get()
    if known is not None:
        return known
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    if frame is None:
        return _Caller("sys", 1, "sys", {})
    names = frame.f_globals
    return _Caller(
        frame.f_code.co_filename,
        frame.f_lineno,
        names.get("__name__") or "<unknown>",
        names.setdefault("__warningregistry__", {}),
    )


def _is_own(frame: FrameType) -> bool:
    """Return True if the code is flowpack's, or was made by attrs for a class."""
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package == "flowpack" or frame.f_code.co_filename.startswith("<attrs ")
