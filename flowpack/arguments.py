"""Arguments of a call, converted to fit the annotations of the function.

Defaults are converted too, anew in each call, as Prefect does. A parameter whose default is
None may be None.
"""

from __future__ import annotations

import inspect
import types
from inspect import Parameter
from typing import Any, Callable, Dict, Mapping, Tuple

from flowpack._type_conversion import ConversionError, convert, convert_each
from flowpack._type_hints import resolve_hints
from flowpack.exceptions import ParameterError, printable

_BY_POSITION = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
_BY_NAME = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}


def bind(
    function: Callable[..., Any],
    args: Tuple[Any, ...],
    kwargs: Mapping[str, Any],
    *,
    converted: bool = True,
) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    """Return the arguments for a call of *function*, converted to fit.

    Args:
        function: What is to be called.
        args: Arguments by position.
        kwargs: Arguments by name.
        converted: Whether values are converted, or only assigned to parameters.

    Raises:
        ParameterError: An argument is missing or unknown, or it or a default does not fit.
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
        raise ParameterError(name, f"{problem}; the flow takes {printable(takes)}") from exc
    if not converted:
        return bound.args, bound.kwargs
    parameters = signature.parameters
    defaults: Dict[str, Any] = {}
    for name, parameter in parameters.items():
        if name in bound.arguments:
            bound.arguments[name] = _convert_argument(function, parameter, bound.arguments[name])
        elif parameter.default is not parameter.empty:
            value = parameter.default
            defaults[name] = _convert_argument(function, parameter, value, "its default: ")
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


def _convert_argument(
    function: Callable[..., Any], parameter: Parameter, value: Any, where: str = ""
) -> Any:
    if value is None and parameter.default is None:
        return value
    annotation = _annotation_of(function, parameter)
    name = parameter.name
    try:
        if parameter.kind is parameter.VAR_POSITIONAL:
            return tuple(convert_each(value, annotation))
        if parameter.kind is parameter.VAR_KEYWORD:
            fitted = {}
            for name, item in value.items():
                fitted[name] = convert(item, annotation)
            return fitted
        return convert(value, annotation)
    except ConversionError as exc:
        raise ParameterError(name, f"{where}{exc}") from exc


def _annotation_of(function: Callable[..., Any], parameter: Parameter) -> Any:
    """Return the annotation of *parameter*; Any if there is none or it cannot be resolved.

    Each is resolved by itself, so that one that names what is not there spoils no other.
    """
    if parameter.annotation is parameter.empty:
        return Any
    holder = types.SimpleNamespace(__annotations__={"it": parameter.annotation})
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return resolve_hints(holder, scope)["it"]
    except Exception:
        return Any
