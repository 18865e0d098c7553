"""Flows: functions with a name and a version, which scripts define with ``@flow``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Callable, Generic, Mapping, Optional, TypeVar, Union, cast, overload

import attrs

from flowpack._callers import warn
from flowpack.exceptions import quoted
from flowpack.models import name_problem

if sys.version_info >= (3, 10):
    from typing import ParamSpec
else:
    from typing_extensions import ParamSpec

P = ParamSpec("P")
R = TypeVar("R")

#: The script that is being loaded in this context.
_loading: ContextVar[Optional[str]] = ContextVar("flowpack_loading", default=None)

#: What Python calls a lambda, and we what has no name at all.
_NAMELESS = "<lambda>"
#: What a flow shows of its function; ``inspect`` and ``help`` look for these.
_SHOWN = ("__module__", "__name__", "__qualname__", "__doc__")


# Without slots, so that each flow can show its function's docstring as its own.
@attrs.frozen(slots=False, repr=False)
class Flow(Generic[P, R]):
    """A function that can be deployed; calling it calls the function.

    Attributes:
        fn: The function; any callable.
        name: As given, else the function's name with ``-`` for ``_``.
        description: As given, else the function's docstring.
        options: Settings of runs that Prefect knows. Of these only ``validate_parameters`` has
            a meaning here.

    Raises:
        TypeError: *fn* cannot be called, or *name* is no text.
        ValueError: *name* is one that servers refuse.

    Example:
        >>> from flowpack import flow
        >>> @flow
        ... def greet(name: str):
        ...     return f"hello {name}"
        >>> welcome = greet.with_options(name="welcome")
        >>> welcome
        <Flow 'welcome'>
        >>> welcome("Ada")
        'hello Ada'
    """

    fn: Callable[P, R] = attrs.field(validator=attrs.validators.is_callable())
    name: str = attrs.field()
    _version: Optional[str] = None
    description: Optional[str] = attrs.field()
    options: Mapping[str, Any] = attrs.field(factory=dict, eq=False)
    _anchor: object = attrs.field(default=None, eq=False)

    @name.default
    def _name_of_function(self) -> str:
        return str(getattr(self.fn, "__name__", _NAMELESS)).replace("_", "-")

    @name.validator
    def _check_name(self, _: object, name: Any) -> None:
        problem = name_problem(name)
        if name == _NAMELESS:
            problem = "the function has no name; give one: flow(..., name='...')"
        if problem:
            raise (ValueError if isinstance(name, str) else TypeError)(problem)

    @description.default
    def _docstring_of_function(self) -> Optional[str]:
        return inspect.getdoc(self.fn)

    def __attrs_post_init__(self) -> None:
        there = [each for each in _SHOWN if hasattr(self.fn, each)]
        self.__dict__.update({each: getattr(self.fn, each) for each in there})
        self.__dict__["__wrapped__"] = self.fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, its arguments converted to fit its annotations.

        A flow that is called while its script is loaded does nothing, with a warning.

        Raises:
            ParameterError: An argument is missing, unknown or does not fit.
        """
        script = _loading.get()
        if script is not None:
            warn(
                f"the flow {quoted(self.name)} was not called: {quoted(script)} is being loaded."
                " Put calls under if __name__ == '__main__':"
            )
            return cast(R, _nothing() if self.is_async else None)
        from flowpack.arguments import bind

        converted = self.options.get("validate_parameters", True)
        positional, named = bind(self.fn, args, kwargs, converted=converted)
        return self.fn(*positional, **named)

    def __repr__(self) -> str:
        return f"<Flow {quoted(self.name)}>"

    @property
    def version(self) -> Optional[str]:
        """As given, else the MD5 of the function's file; None where there is none."""
        return self._version or _version_of_file(self.fn)

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """The function's parameters by name, in order."""
        return inspect.signature(self.fn).parameters

    @property
    def is_async(self) -> bool:
        """Whether calling the flow gives a coroutine."""
        return inspect.iscoroutinefunction(self.fn)

    def with_options(
        self,
        *,
        name: Optional[str] = None,
        version: Union[str, int, float, None] = None,
        description: Optional[str] = None,
        **options: Any,
    ) -> Flow[P, R]:
        """Return a flow of the same function; what is None stays as it is."""
        return attrs.evolve(
            self,
            name=name or self.name,
            version=str(version) if version else self._version,
            description=description or self.description,
            options={**self.options, **options},
        )

    def anchored(self, anchor: object, version: Optional[str]) -> Flow[P, R]:
        """Return a copy that keeps *anchor*, which frees its module, and has a *version*."""
        return attrs.evolve(self, anchor=anchor, version=self._version or version)


@overload
def flow(
    fn: Callable[P, R],
    /,
    *,
    name: Optional[str] = ...,
    version: Union[str, int, float, None] = ...,
    description: Optional[str] = ...,
    **options: Any,
) -> Flow[P, R]: ...


@overload
def flow(
    fn: None = None,
    /,
    *,
    name: Optional[str] = ...,
    version: Union[str, int, float, None] = ...,
    description: Optional[str] = ...,
    **options: Any,
) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(
    fn: Optional[Callable[..., Any]] = None,
    /,
    *,
    name: Optional[str] = None,
    version: Union[str, int, float, None] = None,
    description: Optional[str] = None,
    **options: Any,
) -> Any:
    """Make a flow of a function: the decorator, with or without options, or a plain call.

    Args:
        fn: The function; None returns a decorator.
        name: None takes the function's name with ``-`` for ``_``.
        version: None takes the MD5 of the function's file.
        description: None takes the function's docstring.
        **options: Settings of runs that Prefect's decorator takes, such as ``retries``. They
            are kept, so that one script serves both.

    Raises:
        TypeError: *fn* cannot be called, or *name* is no text.
        ValueError: The name is one that servers refuse.

    Example:
        >>> from flowpack import flow
        >>> @flow(name="etl", retries=2)
        ... def load(day: str):
        ...     return f"loaded {day}"
        >>> load.name, load("2026-12-24")
        ('etl', 'loaded 2026-12-24')
    """
    given: Any = {"name": name, "description": description}
    given = {key: value for key, value in given.items() if value}

    def decorate(function: Callable[..., Any]) -> Flow[..., Any]:
        return Flow(function, version=str(version) if version else None, options=options, **given)

    return decorate if fn is None else decorate(fn)


@contextmanager
def calls_skipped(script: str) -> Iterator[None]:
    """Let flows that this context calls do nothing: *script* is being loaded."""
    token = _loading.set(script)
    try:
        yield
    finally:
        _loading.reset(token)


async def _nothing() -> None:
    """Stand in for a coroutine: ``asyncio.run(my_flow())`` must find one."""


def library_of(value: object) -> Optional[str]:
    """Return the library whose flow *value* is, ``flowpack`` or ``prefect``, if any."""
    # Only its type is looked at: modules that load late and the like would wake.
    for base in type(value).__mro__:
        library = str(base.__module__).partition(".")[0]
        if base is Flow or (base.__name__ == "Flow" and library == "prefect"):
            return library
    return None


def _version_of_file(fn: Callable[..., Any]) -> Optional[str]:
    """Return the MD5 of the file that *fn* was defined in, as it is now."""
    import hashlib

    try:
        with open(inspect.getsourcefile(inspect.unwrap(fn)) or "", "rb") as file:
            content = file.read()
    except (OSError, TypeError):
        return None
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
