"""Tracebacks without the values of variables, which some tools print and which may be secret."""

from __future__ import annotations

import functools
import sys
from types import FrameType, TracebackType
from typing import Any, Callable, Optional, Set, Type, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])
Self = TypeVar("Self", bound="HidesLocals")

_MARK = "_hides_locals"

#: Where ``attrs.evolve`` and ``copy.replace`` are.
_PASSING_ON = ("attr._make", "attr._funcs", "copy")


def hides_locals(function: Function) -> Function:
    """Return *function*, whose errors show no variables of the frames inside it."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except BaseException as exc:
            del args, kwargs
            frame: Optional[FrameType] = sys._getframe(1)
            # Callers that pass keyword arguments on have them in a variable.
            while frame is not None and frame.f_globals.get("__name__") in _PASSING_ON:
                frame.f_locals.get("changes", {}).clear()
                frame = frame.f_back
            trace = exc.__traceback__  # It begins here, where frames still run.
            _clear(exc, trace and trace.tb_next, set())
            del frame, trace
            raise

    setattr(call, _MARK, True)
    return cast(Function, call)


def _clear(error: BaseException, trace: Optional[TracebackType], seen: Set[int]) -> None:
    """Clear the frames of *trace*, and those of the causes and parts of *error*."""
    while trace is not None and _clear_frame(trace.tb_frame):
        trace = trace.tb_next
    seen.add(id(error))
    if error.__suppress_context__:
        error.__context__ = None
    parts = getattr(error, "exceptions", ())
    parts = parts if isinstance(parts, (list, tuple)) else ()
    for each in (error.__cause__, error.__context__, *parts):
        if isinstance(each, BaseException) and id(each) not in seen:
            trace = each.__traceback__
            # Where that begins in a frame that runs, a caller is handling the error.
            if trace is None or _clear_frame(trace.tb_frame):
                _clear(each, trace, seen)


def _clear_frame(frame: FrameType) -> bool:
    """Clear *frame*; return False if that cannot be done, while it runs."""
    try:
        frame.clear()
    except RuntimeError:
        return False
    return True


def _repr_of_unfinished(method: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return *method*, a ``__repr__``, for objects whose constructor failed, too."""

    @functools.wraps(method)
    def call(self: Any) -> str:
        try:
            return method(self)
        except AttributeError:
            return f"<{type(self).__qualname__}, not complete>"

    setattr(call, _MARK, True)
    return call


class HidesLocals:
    """Base of classes whose constructors take secrets: :func:`hides_locals` is applied to each."""

    __slots__ = ()

    def __new__(cls: Type[Self], *args: Any, **kwargs: Any) -> Self:
        """Make an object. Only now does its class have the methods of attrs."""
        del args, kwargs
        for name, wrap in (("__init__", hides_locals), ("__repr__", _repr_of_unfinished)):
            method = getattr(cls, name)
            if not hasattr(method, _MARK):
                setattr(cls, name, wrap(method))
        return super().__new__(cls)
