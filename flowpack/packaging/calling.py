"""Calls of packagers, which may be users' own: written otherwise, or failing."""

from __future__ import annotations

import inspect
from typing import Any, Callable, ContextManager, Optional, TypeVar

from flowpack.blocks.storage_errors import translate_errors
from flowpack.client import Client
from flowpack.connect import current_client
from flowpack.exceptions import PackagingError, printable
from flowpack.packaging.base import Packager

Value = TypeVar("Value")


def async_method(packager: Packager) -> Optional[str]:
    """Return the name of a method that is ``async def``, which nobody here awaits."""
    for name in ("check_compat", "package", "prepare", "default_flow_runner"):
        method = getattr(packager, name)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            return name
    return None


def is_prepared(packager: Packager) -> bool:
    """Return True if ``prepare`` describes what ``package`` of the packager does.

    It does not where a subclass has a ``package`` of its own and inherits it.
    """
    classes = type(packager).__mro__
    defined = [cls for cls in classes if {"prepare", "package"} & {*vars(cls)}]
    return "prepare" in vars(defined[0])


def packager_errors(packager: Packager) -> ContextManager[None]:
    """Turn what a packager raises inside, which may be a user's own, into an error.

    Raises:
        PackagingError: It raised something else than a ``FlowpackError``.
    """
    what = f"the packager {type(packager).__name__}"
    return translate_errors(lambda reason: PackagingError(f"{what} raised {reason}"))


def with_client(method: Callable[..., Value], client: Client, *args: Any) -> Value:
    """Call a packager's *method*, with *client* where it takes one.

    What it calls of flowpack without a client uses this one, too.

    Raises:
        PackagingError: It takes other arguments, or returned something to be awaited.
    """
    name = getattr(method, "__qualname__", type(method).__name__)
    try:
        signature = inspect.signature(method)
        named = {"client": client} if "client" in signature.parameters else {}
        try:
            bound = signature.bind(*args, **named)
        except TypeError:
            bound = signature.bind(*args, client)
    except (TypeError, ValueError) as exc:
        raise PackagingError(
            f"{name} cannot be called with the arguments that flowpack.Packager gives"
            f" it: {printable(exc)}"
        ) from exc
    with current_client(client):
        result = method(*bound.args, **bound.kwargs)
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()  # Else it warns that nobody awaited it.
        raise PackagingError(
            f"{name}() returned something to be awaited, and flowpack awaits nothing;"
            " write it without async"
        )
    return result


def check_returned(packager: Packager, result: object, kind: type) -> None:
    """Raise a ``PackagingError`` unless what a packager returned is a *kind*."""
    if not isinstance(result, kind):
        raise PackagingError(
            f"the packager {type(packager).__name__} returned"
            f" {type(result).__name__}, not {kind.__name__}"
        )
