"""Expressions: from source to what they stand for, without running anything."""

from __future__ import annotations

import ast
from typing import Any, Dict, Iterable, Iterator, List

from flowpack.signatures.calls import call, call_method, has_method, iterated, known
from flowpack.signatures.enumerations import is_enumeration, members_of
from flowpack.signatures.plain import (
    MOST_BITS,
    as_key,
    binary,
    holds,
    is_plain,
    size,
    unary,
)
from flowpack.signatures.values import (
    UNKNOWN,
    Alias,
    Class,
    Function,
    Member,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Undefined,
    UnionOf,
)

#: Parts and items that one expression may have; the rest is UNKNOWN.
_MOST_STEPS = 20_000

_TYPES = (Alias, Symbol, Subscripted, UnionOf, TypeVariable, Class, type(None), str)
#: Properties of paths that depend on nothing else.
_PATH_PROPERTIES = ("name", "stem", "suffix", "parent")


def evaluate(node: ast.expr, scope: Scope) -> object:
    """Return what the expression *node* stands for in *scope*.

    Raises:
        Undefined: A name in it is not bound.
    """
    try:
        return _Evaluation(scope).visit(node)
    except RecursionError:
        return UNKNOWN


def parse_and_evaluate(source: str, scope: Scope) -> object:
    """Return what the text *source* stands for; UNKNOWN if it is no expression.

    Raises:
        Undefined: A name in it is not bound.
    """
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNKNOWN
    return evaluate(tree.body, scope)


def bind(scope: Scope, target: ast.expr, value: object) -> None:
    """Make the names in *target* stand for *value*, or its items, in *scope*."""
    if isinstance(target, ast.Name):
        scope.names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        items: Iterable[object] = [UNKNOWN] * len(target.elts)
        if isinstance(value, (list, tuple)) and len(value) == len(target.elts):
            items = value
        for each, item in zip(target.elts, items):
            bind(scope, each, item)
    elif isinstance(target, ast.Starred):
        bind(scope, target.value, UNKNOWN)


class _Evaluation(ast.NodeVisitor):
    """Evaluates by kind of node; what has no method here is UNKNOWN."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.steps = 0

    def visit(self, node: ast.AST) -> Any:
        """Return what *node* stands for."""
        try:
            value = super().visit(node)
        except (Undefined, RecursionError):
            raise
        except Exception:  # Python's own refusal, such as 1/0: the script fails there
            return UNKNOWN
        if isinstance(value, int) and value.bit_length() > MOST_BITS:
            return UNKNOWN  # Python refuses to write it out.
        self.steps += size(value)
        return value if self.steps <= _MOST_STEPS else UNKNOWN

    def generic_visit(self, node: ast.AST) -> object:
        """Return UNKNOWN for a kind of node without a method of its own."""
        return UNKNOWN

    # Names and constants

    def visit_Constant(self, node: ast.Constant) -> object:
        return node.value

    def visit_Name(self, node: ast.Name) -> object:
        value = self.scope.look_up(node.id)
        return known(value) if isinstance(value, Symbol) else value

    def visit_Attribute(self, node: ast.Attribute) -> object:
        value = self.visit(node.value)
        if isinstance(value, Symbol):
            return known(Symbol(f"{value.name}.{node.attr}"))
        if isinstance(value, Class):
            return _class_attribute(value, node.attr)
        if isinstance(value, Member):
            named = {"name": value.name, "value": value.cls.attribute(value.name)}
            return named.get(node.attr, UNKNOWN)
        if node.attr in _PATH_PROPERTIES and hasattr(value, "as_posix"):
            return getattr(value, node.attr)
        return UNKNOWN

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
                return UNKNOWN
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
        return unary(node.op, self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> object:
        left = _flag_value(self.visit(node.left))
        right = _flag_value(self.visit(node.right))
        if isinstance(node.op, ast.BitOr) and _are_types(left, right):
            return UnionOf((left, right))
        return binary(node.op, left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> object:
        value: object = UNKNOWN
        stops = isinstance(node.op, ast.Or)
        for each in node.values:
            value = self.visit(each)
            if not is_plain(value) or bool(value) is stops:
                return value
        return value

    def visit_Compare(self, node: ast.Compare) -> object:
        left = self.visit(node.left)
        for op, comparator in zip(node.ops, node.comparators):
            right = self.visit(comparator)
            result = holds(op, left, right)
            if result is not True:
                return result
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> object:
        test = self.visit(node.test)
        if not is_plain(test):
            return UNKNOWN
        return self.visit(node.body if test else node.orelse)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> object:
        parts = [self.visit(value) for value in node.values]
        known_parts = [part for part in parts if isinstance(part, str)]
        return "".join(known_parts) if known_parts == parts else UNKNOWN

    def visit_FormattedValue(self, node: ast.FormattedValue) -> object:
        value = self.visit(node.value)
        if node.format_spec is not None or node.conversion not in (-1, ord("s")):
            return UNKNOWN
        return str(value) if is_plain(value) else UNKNOWN

    # Subscripts and calls

    def visit_Subscript(self, node: ast.Subscript) -> object:
        origin = self.visit(node.value)
        if isinstance(origin, Class) and is_enumeration(origin):
            return _class_attribute(origin, str(self.visit(node.slice)))
        if isinstance(origin, (Symbol, Class, Alias)):
            inner = node.slice
            nodes = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return Subscripted(origin, tuple(self._items(nodes)))
        if isinstance(origin, (list, tuple, dict, str)):
            return origin[as_key(self.visit(node.slice))]
        return UNKNOWN

    def visit_Slice(self, node: ast.Slice) -> object:
        nodes = (node.lower, node.upper, node.step)
        return slice(*(None if each is None else self.visit(each) for each in nodes))

    def visit_Lambda(self, node: ast.Lambda) -> object:
        try:
            return Function(returns=self.visit(node.body))
        except Undefined:  # a parameter, or something bound later
            return Function()

    def visit_Call(self, node: ast.Call) -> object:
        arguments = self._items(node.args)
        keywords: Dict[str, object] = {}
        for keyword in node.keywords:
            value = self.visit(keyword.value)
            keywords.update(value if keyword.arg is None else {keyword.arg: value})
        if isinstance(node.func, ast.Attribute):
            owner = self.visit(node.func.value)
            if has_method(owner, node.func.attr):
                return call_method(owner, node.func.attr, arguments, keywords)
        return call(self.visit(node.func), arguments, keywords)

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
                tests = [self.visit(test) for test in generator.ifs]
                if not is_plain(tests):
                    raise ValueError("unknown condition")
                if all(tests):
                    yield self.visit(element)
        finally:
            self.scope = outer


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
    """Tell whether ``left | right`` is a union of types."""
    if not (isinstance(left, _TYPES) and isinstance(right, _TYPES)):
        return False
    also_plain = (str, type(None))
    return not (isinstance(left, also_plain) and isinstance(right, also_plain))
