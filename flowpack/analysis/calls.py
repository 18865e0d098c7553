"""What calls return, and which names of the standard library are known constants.

Constructors of plain values are called for real. Of calls that make a class or a type it
is known what they make. All others stay what they are: calls.
"""

from __future__ import annotations

import ast
import importlib
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from flowpack.analysis.plain import LONGEST, SIZED, is_plain, limited, size
from flowpack.analysis.syntax import changed_attribute
from flowpack.analysis.values import (
    ENUMERATIONS,
    UNKNOWN,
    Attribute,
    Call,
    Class,
    Function,
    OneOf,
    OpenCall,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Unknown,
    alternatives,
    is_enumeration,
    members_of,
)

#: Functions and classes that are called for real, on plain values only. None of
#: them reads or writes anything outside its arguments.
_CALLED = frozenset("""
    builtins.abs builtins.bool builtins.complex builtins.dict builtins.float
    builtins.frozenset builtins.int builtins.len builtins.list builtins.max
    builtins.min builtins.range builtins.set builtins.sorted builtins.str
    builtins.sum builtins.tuple
    collections.Counter collections.OrderedDict collections.deque
    datetime.date datetime.date.fromisoformat datetime.datetime
    datetime.datetime.fromisoformat datetime.time datetime.timedelta
    datetime.timezone
    decimal.Decimal os.path.join uuid.UUID zoneinfo.ZoneInfo
    pathlib.Path pathlib.PosixPath pathlib.PurePath pathlib.PurePosixPath
    """.split())

#: Constants that are the same wherever the script runs.
_CONSTANTS = frozenset("""
    builtins.Ellipsis datetime.UTC datetime.timezone.utc
    datetime.datetime.max datetime.datetime.min datetime.date.max datetime.date.min
    datetime.timedelta.max datetime.timedelta.min
    logging.CRITICAL logging.DEBUG logging.ERROR logging.INFO logging.WARNING
    math.e math.inf math.nan math.pi math.tau os.sep sys.maxsize
    sys.version_info.major typing.TYPE_CHECKING
    """.split())

#: Methods of plain values, by the name of the value's type, that are called too.
_METHODS: Mapping[str, Tuple[str, ...]] = {
    "str": ("upper", "lower", "title", "strip", "lstrip", "rstrip", "split"),
    "date": ("isoformat", "replace"),
    "datetime": ("isoformat", "replace", "date", "time"),
}

#: These take any items, not plain ones only.
_COPYING = ("builtins.list", "builtins.tuple", "builtins.len", "builtins.dict")

#: Decorators that return the very function that they are given.
_RETURNING = frozenset("""
    abc.abstractmethod atexit.register typing.final typing.no_type_check
    typer.Typer().callback() typer.Typer().command()
    """.split())

#: What says a function's or a flow's name, version, description or parameters.
_OF_FLOWS = frozenset("""
    __annotations__ __code__ __defaults__ __doc__ __kwdefaults__ __name__ __signature__
    __wrapped__ description fn name version
    """.split())


_CALLABLE = (Attribute, Call, Class, Function, OneOf, OpenCall, Symbol)


def known(symbol: Symbol) -> object:
    """Return the constant that *symbol* names, or the symbol itself."""
    module, _, rest = symbol.name.partition(".")
    if module == "typing_extensions" and rest:
        symbol = Symbol(f"typing.{rest}")
    if symbol.name in _CONSTANTS:
        return _real(symbol.name)
    return symbol


def call(
    function: object,
    arguments: List[object],
    keywords: Dict[str, object],
    node: Optional[ast.Call] = None,
) -> object:
    """Return what calling *function* returns, as far as that is known."""
    if isinstance(function, Subscripted):  # List[int](), Generic[T]()
        function = function.origin
    if len(arguments) == 1 and not keywords and returns_argument(function):
        return arguments[0]
    if isinstance(function, Function) and not arguments and not keywords:
        if not function.decorators and not isinstance(function.returns, Unknown):
            return function.returns
    if not isinstance(function, _CALLABLE):
        return Unknown(node)
    if isinstance(function, Symbol):
        if function.name in _MAKERS:
            return _MAKERS[function.name](*arguments, **keywords)
        if function.name in _CALLED:
            arguments = [_listed(argument) for argument in arguments]
            if _may_be_called(function.name, arguments, keywords):
                return limited(_real(function.name)(*arguments, **keywords))
    return Call(function, tuple(arguments), keywords, node)


def returns_argument(function: object) -> bool:
    """Return True if calling *function* is known to return its only argument itself."""
    return all(map(_returns_argument, alternatives(function)))


def _returns_argument(function: object) -> bool:
    if isinstance(function, Symbol):
        return function.name in _RETURNING
    if isinstance(function, Function):
        return not function.decorators and _gives_back(function.node)
    if isinstance(function, Attribute):  # registry.add, a method of the script's own class
        cls = function.owner.function if isinstance(function.owner, Call) else None
        method = cls.attribute(function.name) if isinstance(cls, Class) else None
        if not isinstance(method, Function) or method.decorators:
            return False
        return _gives_back(method.node, position=1)
    if not isinstance(function, Call):
        return False
    factory = function.function
    if isinstance(factory, Attribute) and isinstance(factory.owner, Call):
        owner = factory.owner.function
        return isinstance(owner, Symbol) and f"{owner.name}().{factory.name}()" in _RETURNING
    if not isinstance(factory, Function) or factory.decorators:
        return False
    returned = _returned_name(factory.node)
    inner = [each for each in _own_nodes(factory.node) if getattr(each, "name", "") == returned]
    return len(inner) == 1 and _gives_back(inner[0])


def _gives_back(node: ast.AST, position: int = 0) -> bool:
    """Return True if the function *node* returns its parameter at *position*, untouched."""
    if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
        return False
    if isinstance(node, ast.FunctionDef):
        returned = None if node.decorator_list else _returned_name(node)
    else:
        returned = node.body.id if isinstance(node.body, ast.Name) else None
    parameters = [each.arg for each in (*node.args.posonlyargs, *node.args.args)]
    if returned is None or returned not in parameters[position : position + 1]:
        return False
    own = _own_nodes(node) if isinstance(node, ast.FunctionDef) else ()
    changed = map(changed_attribute, own)
    return not any(owner == returned and name in _OF_FLOWS for owner, name in changed)


def _returned_name(node: ast.AST) -> Optional[str]:
    """Return the name that the function *node* returns at its end and wherever it does.

    None if there is no such name, or if the function gives it another meaning.
    """
    nodes = list(_own_nodes(node))
    returned = {
        each.value.id if isinstance(each.value, ast.Name) else None
        for each in nodes
        if isinstance(each, ast.Return)
    }
    ends = isinstance(node, ast.FunctionDef) and isinstance(node.body[-1], ast.Return)
    if not ends or len(returned) != 1 or any(map(_is_yield, nodes)):
        return None
    (name,) = returned
    stored = {each.id for each in nodes if isinstance(each, ast.Name) and _is_store(each)}
    return None if name is None or name in stored else name


def _is_yield(node: ast.AST) -> bool:
    return isinstance(node, (ast.Yield, ast.YieldFrom))


def _is_store(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes in the body of the function *node*, not those of functions in it."""
    waiting: List[ast.AST] = list(getattr(node, "body", ()))
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(each)


def has_method(value: object, name: str) -> bool:
    """Return True if *value* is plain and its method *name* may be called."""
    return name in _METHODS.get(type(value).__name__, ())


def call_method(
    value: object, name: str, arguments: List[object], keywords: Dict[str, object]
) -> object:
    """Return what the method *name* of the plain *value* returns."""
    if not (is_plain(arguments) and is_plain(keywords)):
        return UNKNOWN
    return limited(getattr(value, name)(*arguments, **keywords))


def iterated(value: object) -> List[object]:
    """Return the items of *value*.

    Raises:
        TypeError: It is not known what they are.
    """
    value = _listed(value)
    if isinstance(value, SIZED) and len(value) <= LONGEST:
        return list(value)
    raise TypeError("not iterable here")


def _listed(value: object) -> object:
    """Return the members of an enumeration, which is iterable itself."""
    if isinstance(value, Class) and is_enumeration(value):
        return list(members_of(value))
    return value


def _may_be_called(name: str, arguments: List[object], keywords: Dict[str, object]) -> bool:
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
    found: Any = importlib.import_module(module)
    for part in rest.split("."):
        found = getattr(found, part)
    return found


def _new_type(name: object, inner: object) -> object:
    return inner


def _type_variable(name: object, *constraints: object, **options: object) -> object:
    return TypeVariable(options.get("bound"), constraints)


def _type_of(value: object) -> object:
    return Symbol("types.NoneType") if value is None else UNKNOWN


def _enumeration(base: str) -> Callable[..., object]:
    def make(name: str, members: Any, **options: object) -> object:
        if isinstance(members, str):
            members = members.replace(",", " ").split()
        if not isinstance(members, dict):
            start = options.get("start", 1)
            counts = base in ("enum.Enum", "enum.IntEnum") and "type" not in options
            first = start if counts and isinstance(start, int) else None
            members = dict(
                (
                    (member, UNKNOWN if first is None else first + number)
                    if isinstance(member, str)
                    else member
                )
                for number, member in enumerate(members)
            )
        return Class(name, bases=(Symbol(base),), scope=Scope(names=_named(members)))

    return make


def _typed_dict(name: str, fields: Any, **keywords: object) -> object:
    bases = (Symbol("typing.TypedDict"),)
    return Class(name, bases=bases, keywords=keywords, annotations=_named(fields))


def _typed_tuple(name: str, fields: Any) -> object:
    return Class(name, bases=(Symbol("typing.NamedTuple"),), annotations=_named(dict(fields)))


def _named_tuple(
    name: str, fields: Any, defaults: Tuple[object, ...] = (), **options: object
) -> object:
    names = fields.replace(",", " ").split() if isinstance(fields, str) else fields
    with_default = names[len(names) - len(defaults) :]
    return Class(
        name,
        bases=(Symbol("typing.NamedTuple"),),
        scope=Scope(names=_named(dict(zip(with_default, defaults)))),
        annotations=_named(dict.fromkeys(names, Symbol("typing.Any"))),
    )


def _named(items: Dict[Any, Any]) -> Dict[str, Any]:
    """Return *items* if they are all named, as they must be in a class."""
    if not all(isinstance(name, str) for name in items):
        raise TypeError("names are text")
    return dict(items)


#: Calls that make a type or a class.
_MAKERS: Mapping[str, Callable[..., object]] = {
    "builtins.type": _type_of,
    "typing.NewType": _new_type,
    "typing.TypeVar": _type_variable,
    "typing.TypedDict": _typed_dict,
    "typing.NamedTuple": _typed_tuple,
    "collections.namedtuple": _named_tuple,
    **{name: _enumeration(name) for name in ENUMERATIONS},
}
