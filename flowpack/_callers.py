"""Warnings that name the line of whoever called flowpack."""

from __future__ import annotations

import contextvars
import sys
import warnings
from types import FrameType
from typing import Any, Dict, Optional, Tuple, Type

#: File, line, module and registry of a line of code, as :mod:`warnings` takes them.
_Caller = Tuple[str, int, str, Dict[Any, Any]]

#: Who called flowpack, for work in threads, whose stacks do not show it.
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
    caller = _caller.get()
    frame: Optional[FrameType] = sys._getframe(1)
    while caller is None and frame is not None:
        names, filename = frame.f_globals, frame.f_code.co_filename
        name = str(names.get("__name__"))
        # Code of "<attrs ..." was made by attrs for a class of flowpack's.
        if name.partition(".")[0] != "flowpack" and not filename.startswith("<attrs "):
            registry = names.setdefault("__warningregistry__", {})
            caller = filename, frame.f_lineno, name, registry
        frame = frame.f_back
    return caller or ("sys", 1, "sys", {})
