"""Expressions: from source to what they stand for, without running anything."""

from __future__ import annotations

import ast
from typing import Any, Dict, Iterable, List, Optional, Tuple, Union

import attrs

from flowpack.analysis import calls, syntax
from flowpack.analysis.values import (
    UNKNOWN,
    Alias,
    Attribute,
    Call,
    Class,
    Function,
    Member,
    OpenCall,
    Scope,
    Subscripted,
    Symbol,
    TypeVariable,
    Undefined,
    Unknown,
    forget_items,
    is_changed,
    is_plain,
    one_of,
    size,
)

#: Parts and items that one expression may have; of a longer one nothing is known.
_MOST_STEPS = 20_000

_TYPES = (Alias, Symbol, Subscripted, TypeVariable, Class, type(None), str)
#: Functions by which names are bound that cannot be read.
_NAMESPACES = frozenset({"exec", "globals", "locals", "vars"})

#: Why an expression is unknown that Python would follow, and this does not.
TOO_DEEP = "it is nested too deeply to be followed"
_CONDITION = "it depends on a condition"

#: What ``__name__`` stands for: only that it is not ``"__main__"`` is known.
MODULE_NAME = Symbol("__name__")


def evaluate(node: ast.expr, scope: Scope, *, strict: bool = True) -> object:
    """Return what *node* stands for; a name that is not bound is Undefined, or just unknown."""
    try:
        return _Evaluation(scope, strict).visit(node)
    except RecursionError:
        return Unknown(node, TOO_DEEP)


def read_value(node: ast.expr, scope: Scope) -> object:
    """Return what *node* stands for; names in it that are not bound are unknown."""
    return evaluate(node, scope, strict=False)


def parse_and_evaluate(source: str, scope: Scope) -> object:
    """Evaluate the text *source*; UNKNOWN if it is no expression."""
    try:
        tree = ast.parse(source.strip(), syntax.PARSED_AS, mode="eval")
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
    elif isinstance(target, (ast.Subscript, ast.Attribute)):
        owner = read_value(target.value, scope)
        forget_items(owner)
        module = scope.other(owner.name) if isinstance(owner, Symbol) else None
        inner = owner.scope if isinstance(owner, Class) else module
        attribute = getattr(target, "attr", "")
        if inner is not None and attribute in inner.names:
            inner.bind(attribute, UNKNOWN)
        change(scope, target)


def change(scope: Scope, node: Any) -> None:
    """Forget what the code *node* changes: ``X[0] = 1``, ``X.a[0].b = 1``, ``X.append(1)``."""
    base, attribute = syntax.changed_by(node)
    owner = scope.names.get(base)
    forget_items(owner)
    if owner is None and base in _NAMESPACES:
        scope.bind_others(f"{base}()", f"{base}()")
    elif isinstance(owner, Class) and attribute in owner.scope.names:
        owner.scope.bind(attribute, UNKNOWN)
    elif isinstance(owner, (Function, Call, OpenCall)) and attribute in syntax.OF_FLOWS:
        why = f"its {attribute} is changed in line {getattr(node, 'lineno', 0)}"
        for name, value in list(scope.names.items()) if not getattr(owner, "why", "") else ():
            if value is owner:
                scope.bind(name, changed(owner, node, why))


def changed(value: object, node: Any, why: str) -> object:
    """Return what the code *node* may make of *value*: of a flow another one."""
    if isinstance(value, OpenCall) and value.why:
        return value
    if not isinstance(value, (Function, Call, OpenCall)):
        return Unknown(why=why)
    # As if it were X.with_options(**options).
    source = ast.Call(node, [], [], lineno=getattr(node, "lineno", 0))
    call = Call(Attribute(owner=value, name="with_options"), node=source)
    return OpenCall(call=call, unread=node, why=why)


class _Evaluation(ast.NodeVisitor):
    """Evaluates by kind of node; what has no method here is unknown."""

    def __init__(self, scope: Scope, strict: bool) -> None:
        self.scope, self.strict, self.steps = scope, strict, 0

    def visit(self, node: ast.AST) -> Any:
        """Return what *node* stands for."""
        if self.steps > _MOST_STEPS:
            return Unknown(node)
        try:
            value = super().visit(node)
        except (Undefined, RecursionError):
            raise
        except Exception:  # Python's own refusal, such as 1/0: the script fails there
            return Unknown(node)
        if isinstance(value, int) and value.bit_length() > calls.MOST_BITS:
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

    def visit_Constant(self, node: ast.Constant) -> object:
        return node.value

    def visit_Name(self, node: ast.Name) -> object:
        try:
            value = self.scope.look_up(node.id)
        except Undefined:
            if self.strict:
                raise
            return Unknown(node, "nothing in the script gives it a value before")
        if isinstance(value, Symbol):
            value = self.scope.follow(calls.known(value))
        return value

    def visit_NamedExpr(self, node: ast.NamedExpr) -> object:
        value = self.visit(node.value)
        bind(self.scope, node.target, value)
        return value

    def visit_Attribute(self, node: ast.Attribute) -> object:
        return self.scope.follow(calls.attribute_of(self.visit(node.value), node.attr))

    def visit_Tuple(self, node: ast.Tuple) -> object:
        return tuple(self._items(node.elts))

    def visit_List(self, node: ast.List) -> object:
        return self._items(node.elts)

    def visit_Set(self, node: ast.Set) -> object:
        return set(map(_as_key, self._items(node.elts)))

    def visit_Dict(self, node: ast.Dict) -> object:
        built: Dict[object, object] = {}
        for key, item in zip(node.keys, node.values):
            value = self.visit(item)
            if key is not None:
                built[_as_key(self.visit(key))] = value
            elif isinstance(value, dict):
                built.update(value)
            else:
                return Unknown(item)
        return built

    def _items(self, nodes: List[ast.expr]) -> List[object]:
        items: List[object] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                items.extend(calls.iterated(self.visit(node.value)))
            else:
                items.append(self.visit(node))
        return items

    def visit_UnaryOp(self, node: ast.UnaryOp) -> object:
        if isinstance(node.op, ast.Not):
            holds = truth(self.visit(node.operand))
            return UNKNOWN if holds is None else not holds
        return calls.operate(node.op, self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> object:
        left, right = self.visit(node.left), self.visit(node.right)
        if isinstance(left, Member) and isinstance(right, Member):  # Members of flags.
            left, right = left.cls.attribute(left.name), right.cls.attribute(right.name)
        are_types = isinstance(left, _TYPES) and isinstance(right, _TYPES)
        if isinstance(node.op, ast.BitOr) and are_types and not is_plain((left, right)):
            return Subscripted(Symbol("typing.Union"), (left, right))
        return calls.operate(node.op, left, right)

    def visit_BoolOp(self, node: ast.BoolOp) -> object:
        possible: List[object] = []
        for each in node.values:
            value = self.visit(each)
            holds = truth(value)
            if holds is isinstance(node.op, ast.Or):
                return one_of([*possible, value], _CONDITION)
            if holds is None:
                possible.append(value)
        return one_of(possible if holds is None else [*possible, value], _CONDITION)

    def visit_Compare(self, node: ast.Compare) -> object:
        left = self.visit(node.left)
        for op, comparator in zip(node.ops, node.comparators):
            right = self.visit(comparator)
            result = calls.operate(op, left, right)
            if MODULE_NAME in (left, right) and "__main__" in (left, right):
                if isinstance(op, (ast.Eq, ast.NotEq)):
                    result = isinstance(op, ast.NotEq)
            if result is not True:
                return result
            left = right
        return True

    def visit_IfExp(self, node: ast.IfExp) -> object:
        test = truth(self.visit(node.test))
        if test is None:
            return one_of([self.visit(node.body), self.visit(node.orelse)], _CONDITION)
        return self.visit(node.body if test else node.orelse)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> object:
        parts = [self.visit(value) for value in node.values]
        return next((each for each in parts if isinstance(each, Unknown)), None) or "".join(parts)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> object:
        value = self.visit(node.value)
        is_simple = node.format_spec is None and node.conversion in (-1, ord("s"))
        if isinstance(value, Unknown):
            return Unknown(value.node, value.why)
        if is_simple and is_plain(value):
            return str(value)
        return Unknown(node.value if is_simple else ast.JoinedStr([node]))

    def visit_Subscript(self, node: ast.Subscript) -> object:
        origin = self.visit(node.value)
        if isinstance(origin, Class) and origin.is_enumeration:
            return calls.attribute_of(origin, str(self.visit(node.slice)))
        if isinstance(origin, (Symbol, Class, Alias)):
            if isinstance(node.slice, ast.Tuple):
                return Subscripted(origin, tuple(self._items(node.slice.elts)))
            inner = self.visit(node.slice)  # Literal[tuple(NAMES)] is Literal["a", "b"].
            return Subscripted(origin, inner if isinstance(inner, tuple) else (inner,))
        if isinstance(origin, (list, tuple, dict, str)) and not is_changed(origin):
            return origin[_as_key(self.visit(node.slice))]
        forget_items(origin)  # What is unknown of it may be changed by its new name.
        return UNKNOWN

    def visit_Slice(self, node: ast.Slice) -> object:
        nodes = (node.lower, node.upper, node.step)
        return slice(*(None if each is None else self.visit(each) for each in nodes))

    def visit_Lambda(self, node: ast.Lambda) -> object:
        defaults = {
            name: self.visit(default) for name, default in syntax.defaults_of(node.args).items()
        }
        return Function(node, self.scope, defaults=defaults)

    def visit_Call(self, node: ast.Call) -> object:
        method = node.func if isinstance(node.func, ast.Attribute) else None
        owner = function = self.visit(node.func if method is None else method.value)
        if method is not None:
            function = self.scope.follow(calls.attribute_of(owner, method.attr))
        arguments, keywords, unread = self._arguments(node)
        if method is not None and method.attr in syntax.CHANGING_METHODS:
            forget_items(owner)
        for each in (*arguments, *keywords.values()) if isinstance(function, Function) else ():
            forget_items(each)
        for part in (node, node.func):
            change(self.scope, part)
        if unread is not None:
            return OpenCall(call=Call(function, tuple(arguments), keywords, node), unread=unread)
        if isinstance(function, Function) and not node.args and not node.keywords:
            result = self._result(function)
            if not isinstance(result, Unknown):
                return result
        is_located = isinstance(self.scope.module.names.get("__file__"), str)
        return calls.call(function, arguments, keywords, node, is_located)

    def _arguments(
        self, node: ast.Call
    ) -> Tuple[List[object], Dict[str, object], Optional[ast.expr]]:
        """Return the arguments of a call, and the expression of those that cannot be read."""
        arguments: List[object] = []
        keywords: Dict[str, object] = {}
        unread: Optional[ast.expr] = None
        for each in node.args:
            value = self._argument(each.value if isinstance(each, ast.Starred) else each)
            if isinstance(each, ast.Starred) and isinstance(value, Unknown):
                unread = each.value
            else:
                arguments += calls.iterated(value) if isinstance(each, ast.Starred) else [value]
        for keyword in node.keywords:
            value = self._argument(keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
            elif isinstance(value, dict) and all(isinstance(key, str) for key in value):
                keywords.update(value)
            else:
                unread = keyword.value
        return arguments, keywords, unread

    def _argument(self, node: ast.expr) -> object:
        try:
            return self.visit(node)
        except RecursionError:  # The other arguments of the call are known.
            return Unknown(node, TOO_DEEP)

    def _result(self, function: Function) -> object:
        """Return what *function* returns when it is called now, without arguments."""
        names = [each.arg for each in syntax.arguments_of(function.node.args)]
        outer, self.scope = self.scope, Scope(dict.fromkeys(names, UNKNOWN), function.scope)
        try:
            return UNKNOWN if function.returned is None else self.visit(function.returned)
        except Undefined:
            return UNKNOWN
        finally:
            self.scope = outer

    def visit_ListComp(self, node: Union[ast.ListComp, ast.GeneratorExp]) -> object:
        (generator,) = node.generators  # nested ones are UNKNOWN, as all that fails
        found: List[object] = []
        items = calls.iterated(self.visit(generator.iter))
        outer, self.scope = self.scope, Scope(outer=self.scope)
        try:
            for item in items:
                bind(self.scope, generator.target, item)
                tests = [truth(self.visit(test)) for test in generator.ifs]
                if None in tests or self.steps > _MOST_STEPS:
                    return UNKNOWN
                if all(tests):
                    found.append(self.visit(node.elt))
        finally:
            self.scope = outer
        return found

    visit_GeneratorExp = visit_ListComp


def truth(value: object) -> Optional[bool]:
    """Return True or False if *value* is known to be so in a condition, else None."""
    if is_plain(value):
        return bool(value)
    return True if isinstance(value, (Class, Function)) else None


def _as_key(value: object) -> Any:
    """Return *value* if it can be hashed in little time, else raise TypeError."""
    if isinstance(value, (tuple, frozenset)) and not is_plain(value):
        raise TypeError("no key here")
    return value
