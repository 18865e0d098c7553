"""Statements: what names a script binds, followed without running it."""

from __future__ import annotations

import ast
import importlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Type, Union

from flowpack.signatures.calls import known
from flowpack.signatures.enumerations import next_value
from flowpack.signatures.evaluate import bind, evaluate
from flowpack.signatures.plain import is_plain
from flowpack.signatures.values import (
    UNKNOWN,
    Alias,
    Class,
    Function,
    Scope,
    Symbol,
    TypeVariable,
    Undefined,
    is_call_of,
)

Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef]

#: Modules whose names are known where they are imported with a star.
_KNOWN_MODULES = frozenset(
    """
    collections collections.abc dataclasses datetime decimal enum math pathlib
    typing uuid
    """.split()
)


def read_module(tree: ast.Module) -> Scope:
    """Return the names that the module *tree* binds, as they are at its end."""
    scope = Scope(names={"__name__": "__flow__", "__file__": UNKNOWN})
    _Reader(scope, postponed=_postpones(tree)).read(tree.body)
    return scope


def read_definition(tree: ast.Module, node: Definition) -> Function:
    """Return what the definition *node*, anywhere in *tree*, makes at its end."""
    reader = _Reader(read_module(tree), postponed=_postpones(tree))
    return reader.function(node)


def _postpones(tree: ast.Module) -> bool:
    """Tell whether annotations stay text: ``from __future__ import annotations``."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


class _Reader:
    """Follows statements in order and keeps what they bind in a scope.

    A condition that cannot be told is taken to hold, and what is tried to succeed:
    the other branch is followed before, so that it has its say only in what these
    do not bind.
    """

    def __init__(
        self, scope: Scope, *, postponed: bool, bases: Tuple[object, ...] = ()
    ) -> None:
        self.scope = scope
        self.postponed = postponed
        self.bases = bases
        self.annotations: Dict[str, ast.expr] = {}

    def read(self, statements: List[ast.stmt]) -> None:
        """Follow *statements*."""
        for statement in statements:
            reader = _READERS.get(type(statement))
            if reader is None:
                continue
            try:
                reader(self, statement)
            except RecursionError:  # an endless elif, say; what it binds is not told
                self.scope.is_open = True

    def value(self, node: Optional[ast.expr]) -> object:
        """Return what *node* stands for; UNKNOWN if a name in it is not bound."""
        if node is None:
            return UNKNOWN
        try:
            return evaluate(node, self.scope)
        except Undefined:
            return UNKNOWN

    # Imports

    def imports(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.scope.names[alias.asname] = Symbol(alias.name)
            else:
                top = alias.name.partition(".")[0]
                self.scope.names[top] = Symbol(top)

    def imports_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name != "*":
                imported = known(Symbol(f"{module}.{alias.name}"))
                self.scope.names[alias.asname or alias.name] = imported
            elif module in _KNOWN_MODULES:
                for name in getattr(importlib.import_module(module), "__all__", ()):
                    self.scope.names[name] = known(Symbol(f"{module}.{name}"))
            else:
                self.scope.is_open = True

    # Assignments

    def assigns(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            if isinstance(target, (ast.Subscript, ast.Attribute)):
                self.forgets(target)
            if is_call_of(value, "enum.auto") and isinstance(target, ast.Name):
                value = next_value(self.bases, target.id, self.scope)
            bind(self.scope, target, value)

    def forgets(self, node: ast.AST) -> None:
        """Forget the container that *node* changes: ``X.append(1)``, ``X[0] = 1``."""
        while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call, ast.Expr)):
            node = node.func if isinstance(node, ast.Call) else node.value
        name = node.id if isinstance(node, ast.Name) else ""
        if isinstance(self.scope.names.get(name), (list, dict, set)):
            self.scope.names[name] = UNKNOWN

    def annotates(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.annotations[node.target.id] = node.annotation
            if node.value is not None:
                bind(self.scope, node.target, self.value(node.value))

    def augments(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            name = ast.Name(node.target.id, ast.Load())
            computed = self.value(ast.BinOp(name, node.op, node.value))
            bind(self.scope, node.target, computed)

    def aliases(self, node: Any) -> None:
        """Follow ``type X = ...``, which Python before 3.12 has no class for."""
        alias = Alias(node.name.id, node.value, self._inner_scope(node))
        self.scope.names[alias.name] = alias

    def _inner_scope(self, node: Any) -> Scope:
        """Return a scope below this one, with the type parameters of *node*."""
        inner = Scope(outer=self.scope)
        for parameter in getattr(node, "type_params", ()):
            bound = getattr(parameter, "bound", None)
            limit = None if bound is None else self.value(bound)
            inner.names[parameter.name] = TypeVariable(limit)
        return inner

    def deletes(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.scope.names.pop(target.id, None)

    # Compound statements

    def branches(self, node: ast.If) -> None:
        test = self.value(node.test)
        if not is_plain(test):
            self.read(node.orelse + node.body)
        else:
            self.read(node.body if test else node.orelse)

    def tries(self, node: ast.Try) -> None:
        for handler in node.handlers:
            self.read(handler.body)
        self.read(node.body + node.orelse + node.finalbody)

    def loops(self, node: ast.For) -> None:
        bind(self.scope, node.target, UNKNOWN)
        self.repeats(node)

    def repeats(self, node: ast.stmt) -> None:
        """Forget what a loop binds: it may run any number of times."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self.scope.names[inner.id] = UNKNOWN

    def opens(self, node: ast.With) -> None:
        for item in node.items:
            if item.optional_vars is not None:
                bind(self.scope, item.optional_vars, UNKNOWN)
        self.read(node.body)

    # Definitions

    def defines_function(self, node: Definition) -> None:
        self.scope.names[node.name] = self.function(node)

    def function(self, node: Definition) -> Function:
        """Return what the definition *node* makes."""
        inside = _Reader(self._inner_scope(node), postponed=self.postponed)
        annotations: Dict[str, object] = {}
        for each in every_argument(node.args):
            if each.annotation is not None and self.postponed:
                annotations[each.arg] = source_of(each.annotation)
            elif each.annotation is not None:
                annotations[each.arg] = inside.value(each.annotation)
        nodes = defaults_of(node.args)
        defaults = {name: self.value(default) for name, default in nodes.items()}
        last = node.body[-1]
        returned = last.value if isinstance(last, ast.Return) else None
        returns = self.value(returned) if len(node.body) == 1 else UNKNOWN
        return Function(node, annotations, defaults, returns)

    def defines_class(self, node: ast.ClassDef) -> None:
        bases = tuple(self.value(base) for base in node.bases)
        inner = Scope(outer=self._inner_scope(node))
        body = _Reader(inner, postponed=self.postponed, bases=bases)
        keywords = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        cls = Class(
            node.name,
            bases=bases,
            decorators=tuple(self.value(each) for each in node.decorator_list),
            keywords=keywords,
            scope=inner,
            annotations=body.annotations,
            doc=ast.get_docstring(node, clean=False),
        )
        body.read(node.body)
        self.scope.names[node.name] = cls


def every_argument(arguments: ast.arguments) -> List[ast.arg]:
    """Return the parameters in the order of ``inspect.signature``."""
    listed = [*arguments.posonlyargs, *arguments.args]
    if arguments.vararg is not None:
        listed.append(arguments.vararg)
    listed.extend(arguments.kwonlyargs)
    if arguments.kwarg is not None:
        listed.append(arguments.kwarg)
    return listed


def defaults_of(arguments: ast.arguments) -> Dict[str, ast.expr]:
    """Return the expression of each default value, by the parameter's name."""
    positional = [*arguments.posonlyargs, *arguments.args]
    with_default = positional[len(positional) - len(arguments.defaults) :]
    found = {arg.arg: node for arg, node in zip(with_default, arguments.defaults)}
    for arg, node in zip(arguments.kwonlyargs, arguments.kw_defaults):
        if node is not None:
            found[arg.arg] = node
    return found


def source_of(node: ast.expr) -> str:
    """Return the source of *node*, or dots where it cannot be spelt."""
    try:
        return ast.unparse(node)
    except (ValueError, RecursionError):
        return "..."


_Read = Callable[[_Reader, Any], None]

#: Statements that not every supported Python knows.
_SINCE_310: Mapping[str, _Read] = {
    "Match": _Reader.repeats,
    "TryStar": _Reader.tries,
    "TypeAlias": _Reader.aliases,
}

_READERS: Mapping[Type[ast.stmt], _Read] = {
    ast.Import: _Reader.imports,
    ast.ImportFrom: _Reader.imports_from,
    ast.Assign: _Reader.assigns,
    ast.AnnAssign: _Reader.annotates,
    ast.AugAssign: _Reader.augments,
    ast.Delete: _Reader.deletes,
    ast.Expr: _Reader.forgets,
    ast.If: _Reader.branches,
    ast.Try: _Reader.tries,
    ast.For: _Reader.loops,
    ast.AsyncFor: _Reader.loops,
    ast.While: _Reader.repeats,
    ast.With: _Reader.opens,
    ast.AsyncWith: _Reader.opens,
    ast.FunctionDef: _Reader.defines_function,
    ast.AsyncFunctionDef: _Reader.defines_function,
    ast.ClassDef: _Reader.defines_class,
    **{
        getattr(ast, name): reader
        for name, reader in _SINCE_310.items()
        if hasattr(ast, name)
    },
}
