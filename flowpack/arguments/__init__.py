"""Arguments of a call, made to fit the annotations of the function.

A value that fits is passed as it is. Text becomes numbers, booleans, times, UUIDs,
paths and members of enums, JSON's lists and objects become collections and records.
Nothing lossy is done: 3.7 is no int and ``"abc"`` no list. Annotations that say
nothing here, those of other libraries' classes among them, let everything pass.
Defaults are made to fit, too, anew in each call, as Prefect does. A default of None
says that the parameter may be None.
"""

from __future__ import annotations

import inspect
import types
import typing
from inspect import Parameter
from typing import Any, Callable, Dict, Mapping, Tuple

from flowpack.arguments.conversion import Misfit, convert
from flowpack.exceptions import ParameterError, printable


def bind(
    function: Callable[..., Any],
    args: Tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    converted: bool = True,
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """Return the arguments for a call of *function*, made to fit.

    Args:
        function: What is to be called.
        args: Arguments by position.
        kwargs: Arguments by name.
        converted: Whether values are made to fit the annotations, or only
            assigned to parameters.

    Raises:
        ParameterError: An argument is missing or unknown, or it or a default does
            not fit.
    """
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):
        return args, dict(kwargs)  # A builtin that does not say what it takes.
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as exc:
        name, problem = _problem_of_call(signature, args, kwargs)
        takes = ", ".join(signature.parameters) or "no arguments"
        reason = f"{problem}; the flow takes {printable(takes)}"
        raise ParameterError(name, reason) from exc
    if not converted:
        return bound.args, bound.kwargs
    parameters = signature.parameters
    defaults: Dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name in bound.arguments:
            value = bound.arguments[name]
            bound.arguments[name] = _fitted(function, parameter, value)
        elif parameter.default is not parameter.empty:
            value = parameter.default
            defaults[name] = _fitted(function, parameter, value, "its default: ")
    # Otherwise left out: a decorator may not know of all that its function takes.
    if any(parameters[name].default is not defaults[name] for name in defaults):
        bound.apply_defaults()
        bound.arguments.update(defaults)
    return bound.args, bound.kwargs


def _problem_of_call(
    signature: inspect.Signature, args: Tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Tuple[str, str]:
    """Return the parameter that keeps a call from being bound, and the problem."""
    parameters = signature.parameters.values()
    kinds = [each.kind for each in parameters]
    named = {each.name for each in parameters if each.kind in _BY_NAME}
    placed = [each.name for each in parameters if each.kind in _BY_POSITION]
    for name in kwargs:
        if name in named and name in placed[: len(args)]:
            return name, "it is given twice, by position and by name"
        if name not in named and Parameter.VAR_KEYWORD not in kinds:
            return name, "there is none of that name"
    if len(args) > len(placed) and Parameter.VAR_POSITIONAL not in kinds:
        return "", f"{len(args)} arguments are given by position"
    given = {*placed[: len(args)], *named.intersection(kwargs)}
    return next(
        (each.name, "missing")
        for each in parameters
        if each.default is each.empty
        and each.kind in _BY_POSITION | _BY_NAME
        and each.name not in given
    )


_BY_POSITION = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
_BY_NAME = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}


def annotation_of(function: Callable[..., Any], parameter: Parameter) -> Any:
    """Return the annotation of *parameter*, read if it is text; Any if it cannot be.

    Each is read by itself, so that one that names what is not there spoils no other.
    """
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return typing.get_type_hints(holder, scope, include_extras=True)["it"]
    except Exception:
        # Reading text is running an expression; it may fail in any way.
        return Any


def _fitted(
    function: Callable[..., Any],
    parameter: Parameter,
    value: Any,
    where: str = "",
) -> Any:
    if value is None and parameter.default is None:
        return value
    annotation = annotation_of(function, parameter)
    try:
        if parameter.kind is parameter.VAR_POSITIONAL:
            pairs = enumerate(value)
            return tuple(convert(each, annotation, f"[{i}]") for i, each in pairs)
        if parameter.kind is parameter.VAR_KEYWORD:
            return _fitted_keywords(value, annotation)
        return convert(value, annotation)
    except Misfit as exc:
        raise ParameterError(parameter.name, f"{where}{exc}") from exc


def _fitted_keywords(values: Dict[str, Any], annotation: Any) -> Dict[str, Any]:
    fitted = {}
    for name, value in values.items():
        try:
            fitted[name] = convert(value, annotation)
        except Misfit as exc:
            raise ParameterError(name, str(exc)) from exc
    return fitted
