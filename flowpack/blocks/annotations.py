"""What the annotation of a block's field says, in few words."""

from __future__ import annotations

import collections.abc
import enum
import typing
from typing import Any, Dict, Iterable, Mapping, Tuple, Union

import attrs

from flowpack.exceptions import BlockError, printable
from flowpack.urls import Address

NONE = type(None)

#: Annotations that mean one thing. What is not here is told by itself.
_SEQUENCES = (
    list,
    collections.abc.Sequence,
    collections.abc.MutableSequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_SETS = (
    set,
    frozenset,
    collections.abc.Set,
    collections.abc.MutableSet,
)
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class Shape(enum.Enum):
    """The kinds of annotation that are told apart."""

    ANY = "anything"
    UNION = "one of several"
    LITERAL = "one of some values"
    LIST = "a list"
    SET = "a set"
    TUPLE = "a tuple, each place with a type of its own"
    MAPPING = "a mapping"
    CLASS = "an object of a class"


@attrs.frozen
class Kind:
    """What an annotation says.

    Attributes:
        shape: What it is.
        parts: UNION: the annotations but None; LITERAL: the values but None; LIST
            and SET: the annotation of the items; TUPLE: of each item; MAPPING: of
            the values; CLASS: the class.
        optional: Whether None fits too.
        build: What makes the value from its items: ``tuple``, ``frozenset``, ...
    """

    shape: Shape
    parts: Tuple[Any, ...] = ()
    optional: bool = False
    build: Any = None


def kind_of(annotation: Any) -> Kind:
    """Return what *annotation* says.

    Raises:
        BlockError: It is none that JSON has a word for.
    """
    while hasattr(annotation, "__supertype__"):  # NewType
        annotation = annotation.__supertype__
    if annotation is Address:
        annotation = str  # as which it travels
    if annotation in (Any, object) or isinstance(annotation, typing.TypeVar):
        return Kind(Shape.ANY, optional=True)
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if _is_union(origin):
        return _union(arguments)
    if _is_literal(origin):
        return _literal(arguments)
    return _container_or_class(annotation, origin or annotation, arguments)


def _is_union(origin: Any) -> bool:
    return origin is Union or getattr(origin, "__name__", "") == "UnionType"


def _is_literal(origin: Any) -> bool:
    # typing_extensions has one of its own before Python 3.10.1.
    return getattr(origin, "_name", None) == "Literal"


def _union(arguments: Iterable[Any]) -> Kind:
    arguments = tuple(arguments)
    optional = NONE in arguments
    plain = [str if part is Address else part for part in arguments]
    parts = tuple(part for part in dict.fromkeys(plain) if part is not NONE)
    if len(parts) > 1:
        return Kind(Shape.UNION, parts, optional)
    only = kind_of(parts[0])
    return attrs.evolve(only, optional=optional or only.optional)


def _literal(values: Tuple[Any, ...]) -> Kind:
    given = tuple(value for value in values if value is not None)
    return Kind(Shape.LITERAL, given, optional=len(given) < len(values))


def _container_or_class(annotation: Any, origin: Any, arguments: Any) -> Kind:
    first = arguments[:1] or (Any,)
    if origin in _SEQUENCES:
        return Kind(Shape.LIST, first, build=list)
    if origin in _SETS:
        return Kind(Shape.SET, first, build=set if origin is set else frozenset)
    if origin is tuple:
        return _tuple(annotation, arguments)
    if origin in _MAPPINGS:
        return Kind(Shape.MAPPING, arguments[1:2] or (Any,), build=dict)
    if annotation is NONE or annotation is None:
        return Kind(Shape.CLASS, (NONE,), optional=True)
    if isinstance(annotation, type) and not arguments:
        return Kind(Shape.CLASS, (annotation,))
    raise BlockError(f"{printable(annotation)} has no counterpart in JSON")


def _tuple(annotation: Any, arguments: Tuple[Any, ...]) -> Kind:
    if annotation in (tuple, typing.Tuple):
        return Kind(Shape.LIST, (Any,), build=tuple)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return Kind(Shape.LIST, arguments[:1], build=tuple)
    # Python 3.9 and 3.10 say Tuple[()] with one empty argument.
    places = () if arguments == ((),) else arguments
    return Kind(Shape.TUPLE, places, build=tuple)


def class_in(kind: Kind, base: type) -> bool:
    """Return whether *kind* is an object of a class below *base*."""
    return kind.shape is Shape.CLASS and issubclass(kind.parts[0], base)


@attrs.frozen
class Field:
    """A field of a block as its schema and its documents know it.

    Attributes:
        attribute: What attrs knows of it.
        name: Its name in schema and data; also the constructor's argument.
        annotation: Its type as the schema shows it.
        type: Its type in Python.
    """

    attribute: Any
    name: str
    annotation: Any
    type: Any

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.attribute.default is attrs.NOTHING

    @property
    def metadata(self) -> Mapping[Any, Any]:
        """What was noted at the field: ``title``, ``description``, ``schema_type``."""
        noted: Mapping[Any, Any] = self.attribute.metadata
        return noted


def attributes_of(cls: Any) -> Tuple[Any, ...]:
    """Return what attrs knows of the fields that schema and data show, in order.

    Not shown are names that start with an underscore, fields that the constructor
    does not take, and ``document_id``.
    """
    return tuple(
        attribute
        for attribute in attrs.fields(cls)
        if attribute.init
        and not attribute.name.startswith("_")
        and attribute.name != "document_id"
    )


def fields_of(cls: Any) -> Tuple[Field, ...]:
    """Return the fields of an attrs class that schema and data show, in order.

    Raises:
        BlockError: An annotation cannot be resolved.
    """
    hints = _hints(cls)
    return tuple(
        Field(
            attribute,
            attribute.alias,
            attribute.metadata.get("schema_type", hints.get(attribute.name, Any)),
            hints.get(attribute.name, Any),
        )
        for attribute in attributes_of(cls)
    )


def _hints(cls: Any) -> Dict[str, Any]:
    try:
        return typing.get_type_hints(cls)
    except NameError as exc:
        raise BlockError(
            f"an annotation of {cls.__qualname__} cannot be resolved: {printable(exc)}."
            " Import what it names at the top of the module, not under TYPE_CHECKING"
        ) from exc
    except (TypeError, SyntaxError) as exc:
        raise BlockError(
            f"an annotation of {cls.__qualname__} cannot be resolved: {printable(exc)}."
            " Before Python 3.10 write Optional[X] and Union[X, Y], not X | Y"
        ) from exc
