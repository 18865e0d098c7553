"""What the names of a module stand for, told without running it.

The module's statements are followed in order. Where a condition decides, both
branches are, and a name then stands for several things. Only what matters for
flows is kept apart: modules of Prefect and flowpack, what makes flows, functions,
flows. All else is nothing: an empty tuple.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.discovery.conditions import truth_at_load
from flowpack.discovery.constants import source_of
from flowpack.discovery.values import (
    Foreign,
    Function,
    FunctionNode,
    Library,
    MadeFlow,
    Maker,
    Value,
    Values,
    member_value,
    module_value,
    with_keywords,
)
from flowpack.exceptions import printable

#: A name that could stand for more things than these stands for nothing.
_MOST_ALTERNATIVES = 16

#: Decorators, by the names they are imported by, that keep a function's name.
_NAME_KEEPERS = frozenset(
    {"contextlib.contextmanager", "functools.cache", "functools.lru_cache"}
)


def names_of(tree: ast.Module) -> Mapping[str, Values]:
    """Return what each name of the module can stand for when it has run."""
    reader = _Reader()
    reader.run(tree.body)
    return reader.names


class _Reader(ast.NodeVisitor):
    """Follows statements, which bind names, and tells expressions' values."""

    def __init__(self) -> None:
        self.names: ChainMap[str, Values] = ChainMap()
        self._starred: Optional[Foreign] = None

    def run(self, statements: List[ast.stmt]) -> None:
        for statement in statements:
            self.visit(statement)

    def generic_visit(self, node: ast.AST) -> Values:
        """Bind nothing; stand for nothing."""
        return ()

    # Statements that bind.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            path = alias.name if alias.asname else root
            self.names[alias.asname or root] = (module_value(path, node.lineno),)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        path = "." * node.level + (node.module or "")
        module = module_value(path, node.lineno)
        for alias in node.names:
            if alias.name != "*":
                member = member_value(module, alias.name)
                self.names[alias.asname or alias.name] = (member,)
            elif isinstance(module, Foreign):
                self._starred = module
            else:
                self.names["flow"] = (member_value(module, "flow"),)
                self.names["Flow"] = (member_value(module, "Flow"),)

    def visit_FunctionDef(
        self, node: Union[ast.FunctionDef, ast.AsyncFunctionDef]
    ) -> None:
        values: Values = (Function(node),)
        for decorator in reversed(node.decorator_list):
            values = self._decorated(decorator, values, node)
        self.names[node.name] = values

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names[node.name] = ()

    def visit_Assign(self, node: ast.Assign) -> None:
        values = None
        for target in node.targets:
            pairs = _pairs(target, node.value)
            for each, value in pairs:
                self._bind(each, self.visit(value))
            if not pairs:
                values = self.visit(node.value) if values is None else values
                self._bind(target, values)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._bind(node.target, self.visit(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._bind(node.target, ())

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self._bind(target, ())

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Values:
        values: Values = self.visit(node.value)
        self._bind(node.target, values)
        return values

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.NamedExpr):
            self.visit(node.value)

    # Statements that hold statements.

    def visit_If(self, node: ast.If) -> None:
        truth = truth_at_load(node.test)
        if truth is None:
            self._merge([self._branch(node.body), self._branch(node.orelse)])
        else:
            self.run(node.body if truth else node.orelse)

    def visit_For(self, node: Union[ast.For, ast.AsyncFor]) -> None:
        self._bind(node.target, ())
        self._merge([{}, self._branch(node.body)])
        self.run(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        if truth_at_load(node.test) is not False:
            self._merge([{}, self._branch(node.body)])
        self.run(node.orelse)

    def visit_With(self, node: ast.With) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                self._bind(item.optional_vars, ())
        self.run(node.body)

    def visit_Try(self, node: ast.Try) -> None:
        tried = self._branch(node.body)
        # A handler begins wherever the body was left.
        left = {name: _union(self._named(name), tried[name]) for name in tried}
        ends = [self._branch(node.orelse, tried)]
        ends += [self._branch(handler.body, left) for handler in node.handlers]
        self._merge(ends)
        self.run(node.finalbody)

    def visit_TryStar(self, node: Any) -> None:
        # Annotated loosely: Python 3.10 and older have no such node.
        self.visit_Try(node)

    def visit_Match(self, node: Any) -> None:
        # So is this one, which Python 3.9 does not have.
        self._merge([{}, *(self._branch(case.body) for case in node.cases)])

    def _branch(
        self, statements: List[ast.stmt], begin: Optional[Mapping[str, Values]] = None
    ) -> Dict[str, Values]:
        """Return what *statements* bind, without binding it yet."""
        before, self.names = self.names, self.names.new_child(dict(begin or {}))
        self.run(statements)
        bound = dict(self.names.maps[0])
        self.names = before
        return bound

    def _merge(self, branches: List[Dict[str, Values]]) -> None:
        for name in dict.fromkeys(name for branch in branches for name in branch):
            alternatives = (branch.get(name) for branch in branches)
            before = self._named(name)
            self.names[name] = _union(
                *(before if values is None else values for values in alternatives)
            )

    def _bind(self, target: ast.expr, values: Values) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = values
        elif isinstance(target, ast.Starred):
            self._bind(target.value, ())
        elif isinstance(target, (ast.Tuple, ast.List)):
            for each in target.elts:
                self._bind(each, ())

    # Expressions.

    def visit_Name(self, node: ast.Name) -> Values:
        return self._named(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> Values:
        return tuple(
            member_value(value, node.attr)
            for value in self.visit(node.value)
            if isinstance(value, (Library, Foreign))
        )

    def visit_Lambda(self, node: ast.Lambda) -> Values:
        return (Function(node),)

    def visit_IfExp(self, node: ast.IfExp) -> Values:
        return _union(self.visit(node.body), self.visit(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> Values:
        return _union(*map(self.visit, node.values))

    def visit_Call(self, node: ast.Call) -> Values:
        name = _last_name(node.func)
        if name == "with_options" and isinstance(node.func, ast.Attribute):
            return self._with_options(node, node.func.value)
        if name == "partial" and node.args:
            makers = self._makers(node.args[0])
            return tuple(with_keywords(maker, node.keywords) for maker in makers)
        made: List[Value] = []
        for maker in self._makers(node.func):
            made += self._called(maker, node)
        return tuple(made)

    def _called(self, maker: Maker, node: ast.Call) -> Values:
        """Return what ``flow(...)`` gives: a flow, or a maker with options."""
        given = [each.value for each in node.keywords if each.arg == "fn"]
        keywords = [each for each in node.keywords if each.arg != "fn"]
        functions = [*node.args, *given]
        if len(functions) > 1:
            # Options may stand among them, unnamed.
            keywords.append(ast.keyword(arg=None, value=functions[1]))
        maker = with_keywords(maker, keywords)
        if not functions:
            return (maker,)
        return self._made(maker, self.visit(functions[0]), node.lineno, functions[0])

    def _with_options(self, node: ast.Call, base: ast.expr) -> Values:
        made: List[Value] = []
        for value in self.visit(base):
            if isinstance(value, MadeFlow):
                maker = with_keywords(value.maker, node.keywords)
                made.append(attrs.evolve(value, maker=maker, line=node.lineno))
            elif isinstance(value, Foreign):
                doubt = f"it is made from {value.path}, which is not part of the script"
                maker = with_keywords(Maker("", doubt), node.keywords)
                name = _tail(value.path)
                made.append(MadeFlow(maker, node.lineno, name, None, likely=False))
        return tuple(made)

    def _decorated(
        self,
        decorator: ast.expr,
        values: Values,
        node: Union[ast.FunctionDef, ast.AsyncFunctionDef],
    ) -> Values:
        makers = self._makers(decorator)
        if makers:
            made = (self._made(maker, values, node.lineno, None) for maker in makers)
            return tuple(flow for flows in made for flow in flows)
        if self._keeps_name(decorator):
            return values
        wrapper = f"@{printable(source_of(decorator), 80)}"
        return tuple(
            attrs.evolve(value, wrapped_by=wrapper)
            if isinstance(value, Function)
            else value
            for value in values
        )

    def _made(
        self,
        maker: Maker,
        values: Values,
        line: int,
        expression: Optional[ast.expr],
    ) -> Values:
        """Return the flows that *maker* makes of any of *values*.

        They are what *expression* gives; None means that they are decorated.
        """
        functions = [_function_of(value) for value in values] or [None]
        named = "" if expression is None else _last_name(expression)
        # Much is called with .flow(...); what it decorates is hardly anything else.
        likely = expression is None or not maker.doubt
        return tuple(
            MadeFlow(maker, line, each.name if each else named, each, likely)
            for each in functions
        )

    def _makers(self, node: ast.expr) -> Tuple[Maker, ...]:
        """Return what makes flows among the values of *node*.

        What is called ``flow`` and cannot be followed counts, with a doubt.
        """
        values: Values = self.visit(node)
        makers = tuple(value for value in values if isinstance(value, Maker))
        paths = [value.path for value in values if isinstance(value, Foreign)]
        if makers or "flow" not in map(_tail, (_last_name(node), *paths)):
            return makers
        return (Maker("", self._doubt(source_of(node), values)),)

    def _doubt(self, source: str, values: Values) -> str:
        shown = printable(source, 80)
        for value in values:
            if isinstance(value, Foreign):
                path = "" if value.path == source else f" ({printable(value.path, 80)})"
                return (
                    f"{shown}{path} is of another module, and only the script itself"
                    " is read"
                )
            if isinstance(value, (Function, MadeFlow)):
                return f"{shown} is a function of the script's own, not Prefect's"
        if source in self.names or "." in source:
            return f"what {shown} is cannot be told"
        return f"{shown} is not imported; write: from prefect import flow"

    def _keeps_name(self, decorator: ast.expr) -> bool:
        inner = decorator.func if isinstance(decorator, ast.Call) else decorator
        for value in self.visit(inner):
            if isinstance(value, Foreign) and value.path in _NAME_KEEPERS:
                return True
            if isinstance(value, Function) and _uses_wraps(value.node):
                return True
        return False

    def _named(self, name: str) -> Values:
        if name not in self.names and self._starred is not None:
            return (member_value(self._starred, name),)
        return self.names.get(name, ())


def _function_of(value: Value) -> Optional[Function]:
    if isinstance(value, MadeFlow):
        return value.function
    return value if isinstance(value, Function) else None


def _last_name(node: ast.expr) -> str:
    """Return ``flow`` for ``flow`` and for ``anything.flow``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _tail(path: str) -> str:
    return path.rpartition(".")[2]


def _uses_wraps(function: FunctionNode) -> bool:
    return any(
        isinstance(node, (ast.Name, ast.Attribute)) and _last_name(node) == "wraps"
        for node in ast.walk(function)
    )


def _pairs(target: ast.expr, value: ast.expr) -> List[Tuple[ast.expr, ast.expr]]:
    """Return target and value of each element, where these are known one by one."""
    sequence = (ast.Tuple, ast.List)
    if not isinstance(target, sequence) or not isinstance(value, sequence):
        return []
    starred = any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
    if starred or len(target.elts) != len(value.elts):
        return []
    return list(zip(target.elts, value.elts))


def _union(*alternatives: Values) -> Values:
    """Return all *alternatives*, each thing once."""
    merged = tuple(dict.fromkeys(value for each in alternatives for value in each))
    return merged if len(merged) <= _MOST_ALTERNATIVES else ()
