"""Warnings that name the line of whoever called flowpack."""

from __future__ import annotations

import contextvars
import sys
import warnings
from types import FrameType
from typing import Any, Dict, Optional, Tuple, Type

#: File, line, module and registry of a line of code, as :mod:`warnings` takes them.
_Caller = Tuple[str, int, str, Dict[Any, Any]]

#: Who called flowpack, in a thread of its own; None where the stack says it.
_caller: contextvars.ContextVar[Optional[_Caller]] = contextvars.ContextVar(
    "flowpack_caller", default=None
)


def warn(message: str, category: Type[Warning] = UserWarning) -> None:
    """Warn of *message* at the innermost line that is not flowpack's own."""
    warnings.warn_explicit(message, category, *_find_caller())


def caller_location() -> str:
    """Return file and line of the innermost code that is not flowpack's own."""
    filename, line, *_ = _find_caller()
    return f"{filename}:{line}"


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
        return "sys", 1, "sys", {}
    names = frame.f_globals
    module = names.get("__name__") or "<unknown>"
    registry = names.setdefault("__warningregistry__", {})
    return frame.f_code.co_filename, frame.f_lineno, module, registry


def _is_own(frame: FrameType) -> bool:
    """Return True if the code is flowpack's, or was made by attrs for a class."""
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    return package == "flowpack" or frame.f_code.co_filename.startswith("<attrs ")
