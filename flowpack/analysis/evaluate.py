"""Expressions: from source to what they stand for, without running anything."""

from __future__ import annotations

import ast
import sys
from typing import Any, Dict, Iterable, Iterator, List, Optional

import attrs

from flowpack.analysis.calls import call, call_method, has_method, iterated, known
from flowpack.analysis.plain import MOST_BITS, as_key, binary, holds, is_plain, one_of, size, unary
from flowpack.analysis.syntax import PARSED_AS, defaults_of, every_argument
from flowpack.analysis.values import (
    UNKNOWN,
    Alias,
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
    Undefined,
    UnionOf,
    Unknown,
    is_enumeration,
    members_of,
)

#: Parts and items that one expression may have; the rest is UNKNOWN.
_MOST_STEPS = 20_000

_TYPES = (Alias, Symbol, Subscripted, UnionOf, TypeVariable, Class, type(None), str)
#: Properties of paths that depend on nothing else.
_PATH_PROPERTIES = ("name", "stem", "suffix", "parent")

#: Why an expression is unknown that Python would follow, and this does not.
TOO_DEEP = "it is nested too deeply to be followed"

#: What ``__name__`` stands for: only that it is not ``"__main__"`` is known.
MODULE_NAME = Symbol("__name__")
_VERSION = Symbol("sys.version_info")
#: The oldest Python of all that may run the script.
_OLDEST_PYTHON = (3, 8)
_AT_LEAST = (ast.GtE, ast.Lt)
_CONDITION = "it depends on a condition"


def evaluate(node: ast.expr, scope: Scope) -> object:
    """Return what the expression *node* stands for in *scope*.

    Raises:
        Undefined: A name in it is not bound.
    """
    return _evaluate(_Evaluation(scope, strict=True), node)


def read_value(node: ast.expr, scope: Scope) -> object:
    """Return what *node* stands for; names in it that are not bound are unknown."""
    return _evaluate(_Evaluation(scope), node)


def _evaluate(evaluation: _Evaluation, node: ast.expr) -> object:
    try:
        return evaluation.visit(node)
    except RecursionError:
        return Unknown(node, TOO_DEEP)


def truth(node: ast.expr, scope: Scope) -> Optional[bool]:
    """Return whether the condition *node* holds; None where that is not known."""
    try:
        return _Evaluation(scope).truth(node)
    except RecursionError:
        return None


def parse_and_evaluate(source: str, scope: Scope) -> object:
    """Return what the text *source* stands for; UNKNOWN if it is no expression.

    Raises:
        Undefined: A name in it is not bound.
    """
    try:
        tree = ast.parse(source.strip(), PARSED_AS, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNKNOWN
    return evaluate(tree.body, scope)


def bind(scope: Scope, target: ast.AST, value: object) -> None:
    """Make the names in *target* stand for *value*, or its items, in *scope*."""
    if isinstance(target, ast.Name):
        scope.bind(target.id, value)
    elif isinstance(target, (ast.Tuple, ast.List)):
        items: Iterable[object] = [Unknown(target)] * len(target.elts)
        if isinstance(value, (list, tuple)) and len(value) == len(target.elts):
            items = value
        for each, item in zip(target.elts, items):
            bind(scope, each, item)
    elif isinstance(target, ast.Starred):
        bind(scope, target.value, Unknown(target))


class _Evaluation(ast.NodeVisitor):
    """Evaluates by kind of node; what has no method here is unknown."""

    def __init__(self, scope: Scope, *, strict: bool = False) -> None:
        self.scope = scope
        self.strict = strict
        self.steps = 0

    def visit(self, node: ast.AST) -> Any:
        """Return what *node* stands for."""
        try:
            value = super().visit(node)
        except (Undefined, RecursionError):
            raise
        except Exception:  # Python's own refusal, such as 1/0: the script fails there
            return Unknown(node)
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            value = UNKNOWN  # Python refuses to write it out.
        if not isinstance(node, ast.Constant):
            self.steps += size(value)
        if self.steps > _MOST_STEPS:
            value = UNKNOWN
        if isinstance(value, Unknown) and value.node is None:
            return attrs.evolve(value, node=node)
        return value

    def generic_visit(self, node: ast.AST) -> object:
        """Return UNKNOWN for a kind of node without a method of its own."""
        return UNKNOWN

    def truth(self, node: ast.expr) -> Optional[bool]:
        """Return whether *node* is true; None where that is not known."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            deciding = isinstance(node.op, ast.Or)
            parts = [self.truth(each) for each in node.values]
            if deciding in parts:
                return deciding
            return None if None in parts else not deciding
        return _truth_of(self.visit(node))

    # Names and constants

    def visit_Constant(self, node: ast.Constant) -> object:
        return node.value

    def visit_Name(self, node: ast.Name) -> object:
        try:
            value = self.scope.look_up(node.id)
        except Undefined:
            if self.strict:
                raise
            return Unknown(node, "nothing in the script gives it a value before")
        return known(value) if isinstance(value, Symbol) else value

    def visit_NamedExpr(self, node: ast.NamedExpr) -> object:
        value = self.visit(node.value)
        bind(self.scope, node.target, value)
        return value

    def visit_Attribute(self, node: ast.Attribute) -> object:
        return _attribute(self.visit(node.value), node.attr)

    # Containers

    def visit_Tuple(self, node: ast.Tuple) -> object:
        return tuple(self._items(node.elts))

    def visit_List(self, node: ast.List) -> object:
        return self._items(node.elts)

    def visit_Set(self, node: ast.Set) -> object:
        return set(map(as_key, self._items(node.elts)))

    def visit_Dict(self, node: ast.Dict) -> object:
        built: Dict[object, object] = {}
        for key, item in zip(node.keys, node.values):
            value = self.visit(item)
            if key is not None:
                built[as_key(self.visit(key))] = value
            elif isinstance(value, dict):
                built.update(value)
            else:
                return Unknown(item)
        return built

    def _items(self, nodes: List[ast.expr]) -> List[object]:
        items: List[object] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items.extend(iterated(self.visit(node.value)))
            else:
                items.append(self.visit(node))
        return items

    # Operators

    def visit_UnaryOp(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, ast.Not):
            value = self.truth(node.operand)
            return UNKNOWN if value is None else not value
        return unary(node.op, self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> object:
        left = _flag_value(self.visit(node.left))
        right = _flag_value(self.visit(node.right))
        if isinstance(node.op, ast.BitOr) and _are_types(left, right):
            return UnionOf((left, right))
        unknown = _first_unknown([left, right])
        return binary(node.op, left, right) if unknown is None else unknown

    def visit_BoolOp(self, node: ast.BoolOp) -> object:
        stops = isinstance(node.op, ast.Or)
        possible: List[object] = []
        for each in node.values:
            value = self.visit(each)
            holds_there = _truth_of(value)
            if holds_there is stops:
                return one_of([*possible, value], _CONDITION)
            if holds_there is None:
                possible.append(value)
        return one_of([*possible, value] if holds_there is not None else possible, _CONDITION)

    def visit_Compare(self, node: ast.Compare) -> object:
        left = self.visit(node.left)
        for op, comparator in zip(node.ops, node.comparators):
            right = self.visit(comparator)
            result = _compare(op, left, right)
            if result is not True:
                return result
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> object:
        test = self.truth(node.test)
        if test is None:
            return one_of([self.visit(node.body), self.visit(node.orelse)], _CONDITION)
        return self.visit(node.body if test else node.orelse)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> object:
        parts = [self.visit(value) for value in node.values]
        unknown = _first_unknown(parts)
        return "".join(parts) if unknown is None else unknown

    def visit_FormattedValue(self, node: ast.FormattedValue) -> object:
        value = self.visit(node.value)
        if isinstance(value, Unknown):
            return value
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            return Unknown(ast.JoinedStr([node]))
        return str(value) if is_plain(value) else Unknown(node.value)

    # Subscripts and calls

    def visit_Subscript(self, node: ast.Subscript) -> object:
        origin = self.visit(node.value)
        if isinstance(origin, Class) and is_enumeration(origin):
            return _class_attribute(origin, str(self.visit(node.slice)))
        if origin == _VERSION:
            first = isinstance(node.slice, ast.Constant) and node.slice.value == 0
            return sys.version_info.major if first else UNKNOWN
        if isinstance(origin, (Symbol, Class, Alias)):
            inner = node.slice
            if isinstance(inner, ast.Tuple):
                return Subscripted(origin, tuple(self._items(inner.elts)))
            value = self.visit(inner)  # Literal[tuple(NAMES)] is Literal["a", "b"].
            return Subscripted(origin, value if isinstance(value, tuple) else (value,))
        if isinstance(origin, (list, tuple, dict, str)):
            return origin[as_key(self.visit(node.slice))]
        return UNKNOWN

    def visit_Slice(self, node: ast.Slice) -> object:
        nodes = (node.lower, node.upper, node.step)
        return slice(*(None if each is None else self.visit(each) for each in nodes))

    def visit_Lambda(self, node: ast.Lambda) -> object:
        defaults = {name: self.visit(default) for name, default in defaults_of(node.args).items()}
        names = [each.arg for each in every_argument(node.args)]
        outer = self.scope
        self.scope = Scope(outer=outer, names=dict.fromkeys(names, UNKNOWN))
        try:
            returns = self.visit(node.body)
        except Undefined:  # It may be bound by the time of the call.
            returns = UNKNOWN
        finally:
            self.scope = outer
        return Function(node, defaults=defaults, returns=returns)

    def visit_Call(self, node: ast.Call) -> object:
        method = node.func if isinstance(node.func, ast.Attribute) else None
        owner = self.visit(node.func if method is None else method.value)
        function = owner if method is None else _attribute(owner, method.attr)
        arguments: List[object] = []
        keywords: Dict[str, object] = {}
        unread: Optional[ast.expr] = None
        for each in node.args:
            value = self._argument(each.value if isinstance(each, ast.Starred) else each)
            if not isinstance(each, ast.Starred):
                arguments.append(value)
            elif isinstance(value, Unknown):
                unread = each.value
            else:
                arguments += iterated(value)
        for keyword in node.keywords:
            value = self._argument(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict):
                keywords.update(value)
            else:
                unread = keyword.value
        if unread is not None:
            return OpenCall(
                node=node,
                function=function,
                arguments=tuple(arguments),
                keywords=keywords,
                options=unread,
            )
        if method is not None and has_method(owner, method.attr):
            return call_method(owner, method.attr, arguments, keywords)
        return call(function, arguments, keywords, node)

    def _argument(self, node: ast.expr) -> object:
        try:
            return self.visit(node)
        except RecursionError:  # Of the call at least the rest is known.
            return Unknown(node, TOO_DEEP)

    # Comprehensions

    def visit_ListComp(self, node: ast.ListComp) -> object:
        return list(self._comprehended(node, node.elt))

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> object:
        return list(self._comprehended(node, node.elt))

    def visit_SetComp(self, node: ast.SetComp) -> object:
        return set(map(as_key, self._comprehended(node, node.elt)))

    def visit_DictComp(self, node: ast.DictComp) -> object:
        pair = ast.Tuple(elts=[node.key, node.value], ctx=ast.Load())
        pairs = self._comprehended(node, pair)
        return {as_key(key): value for key, value in pairs}

    def _comprehended(self, node: Any, element: ast.expr) -> Iterator[Any]:
        (generator,) = node.generators  # nested ones are UNKNOWN, as all that fails
        outer = self.scope
        self.scope = Scope(outer=outer)
        try:
            for item in iterated(self.visit(generator.iter)):
                if self.steps > _MOST_STEPS:
                    raise ValueError("too long")
                bind(self.scope, generator.target, item)
                tests = [self.truth(test) for test in generator.ifs]
                if None in tests:
                    raise ValueError("unknown condition")
                if all(tests):
                    yield self.visit(element)
        finally:
            self.scope = outer


def _truth_of(value: object) -> Optional[bool]:
    if is_plain(value):
        return bool(value)
    return True if isinstance(value, (Class, Function)) else None


def _first_unknown(values: List[object]) -> Optional[Unknown]:
    """Return why what is made of *values* is unknown, if one of them is."""
    for each in values:
        if isinstance(each, Unknown):
            return Unknown(each.node, each.why)
    return None


def _compare(op: ast.cmpop, left: object, right: object) -> object:
    if left == _VERSION and isinstance(right, tuple):
        if right < _OLDEST_PYTHON or (right == _OLDEST_PYTHON and isinstance(op, _AT_LEAST)):
            left = sys.version_info[:3]
    if MODULE_NAME in (left, right) and "__main__" in (left, right):
        if isinstance(op, (ast.Eq, ast.NotEq)):
            return isinstance(op, ast.NotEq)
    return holds(op, left, right)


def _attribute(value: Any, name: str) -> object:
    """Return what the attribute *name* of *value* stands for."""
    if isinstance(value, OneOf):
        return one_of((_attribute(each, name) for each in value.values), value.why)
    if isinstance(value, Symbol):
        return known(Symbol(f"{value.name}.{name}"))
    if isinstance(value, Class):
        return _class_attribute(value, name)
    if isinstance(value, Member):
        named = {"name": value.name, "value": value.cls.attribute(value.name)}
        return named.get(name, UNKNOWN)
    if isinstance(value, (Attribute, Call, Function, OpenCall)):
        return Attribute(owner=value, name=name)
    if name in _PATH_PROPERTIES and hasattr(value, "as_posix"):
        return getattr(value, name)
    return UNKNOWN


def _class_attribute(cls: Class, name: str) -> object:
    if is_enumeration(cls):
        for owner in reversed(cls.lineage):
            if any(member.name == name for member in members_of(owner)):
                return Member(owner, name)
    return cls.attribute(name)


def _flag_value(value: object) -> object:
    """Return the number that a member of a flag stands for in ``A | B``."""
    return value.cls.attribute(value.name) if isinstance(value, Member) else value


def _are_types(left: object, right: object) -> bool:
    """Return True if ``left | right`` is a union of types."""
    if not (isinstance(left, _TYPES) and isinstance(right, _TYPES)):
        return False
    also_plain = (str, type(None))
    return not (isinstance(left, also_plain) and isinstance(right, also_plain))
