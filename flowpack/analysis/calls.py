"""What attributes, calls and operators give; those of plain values are made for real."""

from __future__ import annotations

import ast
import importlib
import operator
import os
from functools import partial
from pathlib import PurePath
from typing import Any, Callable, Dict, List, Mapping

from flowpack.analysis.syntax import returned_function, returns_parameter
from flowpack.analysis.values import (
    CONTAINERS,
    ENUMERATIONS,
    LONGEST,
    SIZED,
    UNKNOWN,
    Attribute,
    Call,
    Class,
    Function,
    Member,
    OneOf,
    OpenCall,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Unknown,
    alternatives,
    is_changed,
    is_plain,
    one_of,
    path_of,
    size,
)

#: Most bits of an integer.
MOST_BITS = 4_096

#: Functions and classes that are called for real, on plain values only. None of them reads or
#: writes anything outside its arguments.
_CALLED = frozenset("""
    builtins.abs builtins.bool builtins.complex builtins.dict builtins.float builtins.frozenset
    builtins.int builtins.len builtins.list builtins.max builtins.min builtins.range builtins.set
    builtins.sorted builtins.str builtins.sum builtins.tuple
    collections.Counter collections.OrderedDict collections.deque
    datetime.date datetime.date.fromisoformat datetime.datetime datetime.datetime.fromisoformat
    datetime.time datetime.timedelta datetime.timezone
    decimal.Decimal os.fspath os.path.dirname os.path.join os.path.normpath os.path.split
    pathlib.Path pathlib.Path.as_posix pathlib.Path.joinpath pathlib.Path.with_name
    pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath uuid.UUID zoneinfo.ZoneInfo
    """.split())
#: These take any items, not plain ones only.
_COPYING = ("builtins.list", "builtins.tuple", "builtins.dict")

#: Constants that are the same wherever the script runs.
_CONSTANTS = frozenset("""
    builtins.Ellipsis datetime.UTC datetime.timezone.utc
    datetime.datetime.max datetime.datetime.min datetime.date.max datetime.date.min
    datetime.timedelta.max datetime.timedelta.min
    logging.CRITICAL logging.DEBUG logging.ERROR logging.INFO logging.WARNING
    math.e math.inf math.nan math.pi math.tau os.curdir os.pardir os.sep sys.maxsize
    sys.version_info.major typing.TYPE_CHECKING
    """.split())

#: Decorators that return the very function that they are given.
_RETURNING = frozenset("""
    abc.abstractmethod atexit.register typing.final typing.no_type_check
    typer.Typer().callback() typer.Typer().command()
    """.split())

_CALLABLE = (Attribute, Call, Class, Function, OneOf, OpenCall, Symbol)


def known(symbol: Symbol) -> object:
    """Return the constant that *symbol* names, or the symbol itself."""
    module, _, rest = symbol.name.partition(".")
    if module == "typing_extensions" and rest:
        symbol = Symbol(f"typing.{rest}")
    return _real(symbol.name) if symbol.name in _CONSTANTS else symbol


def call(
    function: Any, arguments: List[Any], keywords: Dict[str, Any], node: ast.Call, located: bool
) -> object:
    """Return what calling *function* returns, if known; *located*: paths are of this machine."""
    if isinstance(function, Attribute) and isinstance(function.owner, PurePath):
        function, arguments = Symbol(f"pathlib.Path.{function.name}"), [function.owner, *arguments]
    if isinstance(function, Subscripted):  # List[int](), Generic[T]()
        function = function.origin
    if len(arguments) == 1 and not keywords and returns_argument(function):
        return arguments[0]
    if not isinstance(function, _CALLABLE):
        return Unknown(node)
    if isinstance(function, Symbol):
        if function.name in _MAKERS:
            return _MAKERS[function.name](*arguments, **keywords)
        if located and function.name in _ON_DISK:
            return _ON_DISK[function.name](*arguments)
        if function.name in _CALLED:
            arguments = list(map(_listed, arguments))
            if _may_be_called(function.name, arguments, keywords):
                result = _real(function.name)(*arguments, **keywords)
                return result if size(result) <= LONGEST else UNKNOWN
    return Call(function, tuple(arguments), keywords, node)


def attribute_of(value: Any, name: str) -> object:
    """Return what the attribute *name* of *value* stands for."""
    if isinstance(value, OneOf):
        return one_of((attribute_of(each, name) for each in value.values), value.why)
    if isinstance(value, Symbol):
        return known(Symbol(f"{value.name}.{name}"))
    if isinstance(value, Class):
        members = [member for member in value.members if member.name == name]
        return members[0] if members and value.is_enumeration else value.attribute(name)
    if isinstance(value, Member):
        return {"name": value.name, "value": value.value}.get(name, UNKNOWN)
    if isinstance(value, PurePath) and name in ("name", "parent", "parents"):
        return tuple(value.parents) if name == "parents" else getattr(value, name)
    if isinstance(value, (Attribute, Call, Function, OpenCall, PurePath)):
        return Attribute(owner=value, name=name)
    return UNKNOWN


def iterated(value: object) -> List[object]:
    """Return the items of *value*; a TypeError where it is not known what they are."""
    value = _listed(value)
    if isinstance(value, SIZED) and len(value) <= LONGEST and not is_changed(value):
        return list(value)
    raise TypeError("not iterable here")


def _listed(value: Any) -> object:
    """Return the members of an enumeration, which is iterable itself."""
    is_enumeration = isinstance(value, Class) and value.is_enumeration
    return list(value.members) if is_enumeration else value


def _may_be_called(name: str, arguments: List[Any], keywords: Dict[str, object]) -> bool:
    if any(size(argument) > LONGEST for argument in arguments):
        return False
    if name in _COPYING:
        return all(isinstance(argument, SIZED) for argument in arguments)
    if name == "builtins.int":  # int(Decimal("1e999999999")) would never end
        return all(isinstance(each, (str, int, float)) for each in arguments)
    return is_plain(arguments) and is_plain(keywords)


def _real(name: str) -> Any:
    """Return the object of the standard library that is called *name*."""
    module, _, rest = name.partition(".")
    return operator.attrgetter(rest)(importlib.import_module(module))


def returns_argument(function: object) -> bool:
    """Return True if calling *function* is known to return its only argument itself."""
    return all(map(_returns_argument, alternatives(function)))


def _returns_argument(function: object) -> bool:
    if isinstance(function, Call) and isinstance(function.function, Function):  # mine("x")
        return returns_parameter(returned_function(function.function.node))
    if isinstance(function, Function):
        return returns_parameter(function.node)
    return path_of(function) in _RETURNING


def _enumeration(base: str, name: str, members: Any, **options: object) -> object:
    if isinstance(members, str):
        members = members.replace(",", " ").split()
    if not isinstance(members, dict):
        members = {each: number for number, each in enumerate(members, 1)}
    counts = base in ("enum.Enum", "enum.IntEnum") and not options
    if not counts or not all(isinstance(each, str) for each in members):
        return UNKNOWN
    return Class(name, bases=(Symbol(base),), scope=Scope(members))


_MAKERS: Mapping[str, Callable[..., object]] = {
    "typing.NewType": lambda name, inner: inner,
    "typing.TypeVar": lambda name, *types, **options: TypeVariable(options.get("bound"), types),
    **{name: partial(_enumeration, name) for name in ENUMERATIONS},
}


def _resolved(path: Any) -> Any:
    return type(path)(os.path.realpath(path)) if os.path.isabs(path) else path


#: Called where paths are of this machine; what is below the working folder stays relative.
_ON_DISK: Mapping[str, Callable[..., object]] = {
    **{"os.getcwd": lambda: os.curdir, "pathlib.Path.cwd": PurePath},
    **dict.fromkeys(("os.path.abspath", "os.path.realpath"), _resolved),
    **dict.fromkeys(("pathlib.Path.absolute", "pathlib.Path.resolve"), _resolved),
}

#: Operators, and what they are called in the module ``operator``.
_OPERATORS = dict(pair.partition("=")[::2] for pair in """
    Add=add BitAnd=and_ BitOr=or_ BitXor=xor Div=truediv Eq=eq FloorDiv=floordiv Gt=gt GtE=ge
    Invert=invert Is=is_ IsNot=is_not LShift=lshift Lt=lt LtE=le Mod=mod Mult=mul NotEq=ne Pow=pow
    RShift=rshift Sub=sub UAdd=pos USub=neg
    """.split())


def operate(op: ast.AST, *operands: Any) -> object:
    """Return what the operator *op* makes of *operands*, as far as that is known."""
    for each in operands:
        if isinstance(each, Unknown):
            return Unknown(each.node, each.why)
    if not all(map(is_plain, operands)):
        # Containers may be joined whatever is in them.
        contain = all(isinstance(each, CONTAINERS) for each in operands)
        if not (contain and isinstance(op, (ast.Add, ast.BitOr))):
            return UNKNOWN
    if isinstance(op, ast.operator) and not _stays_small(op, *operands):
        return UNKNOWN
    if isinstance(op, (ast.In, ast.NotIn)):
        return (operands[0] in operands[1]) is isinstance(op, ast.In)
    return getattr(operator, _OPERATORS[type(op).__name__])(*operands)


def _stays_small(op: ast.operator, left: Any, right: Any) -> bool:
    if isinstance(op, ast.Mod) and isinstance(left, (str, bytes)):
        return False  # a width in the format could ask for any length
    if not isinstance(op, (ast.Mult, ast.Pow, ast.LShift)):
        return size(left) + size(right) <= LONGEST
    if isinstance(left, int) and isinstance(right, int):
        bits, more = max(left.bit_length(), 1), abs(right)
        if isinstance(op, ast.Pow):
            return bits * more <= MOST_BITS
        return bits + (right.bit_length() if isinstance(op, ast.Mult) else more) <= MOST_BITS
    for items, times in ((left, right), (right, left)):
        if isinstance(items, SIZED) and isinstance(times, int):
            return size(items) * times <= LONGEST
    return True
