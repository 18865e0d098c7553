"""Statements: what names a script binds, followed without running it."""

from __future__ import annotations

import ast
import builtins
import importlib
import threading
from collections import Counter
from contextlib import suppress
from importlib.util import resolve_name
from typing import Any, Callable, Dict, List, Optional, Tuple, Union

from flowpack.analysis.evaluate import MODULE_NAME, TOO_DEEP, bind, change, changed, evaluate, truth
from flowpack.analysis.syntax import changed_by, defaults_of, arguments_of, source_of, stored_names
from flowpack.analysis.values import (
    ABSENT,
    UNKNOWN,
    Alias,
    Class,
    Function,
    Scope,
    Symbol,
    TypeVariable,
    Undefined,
    Unknown,
    forget_items,
    one_of,
    path_of,
)
from flowpack.exceptions import DiscoveryError

Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
#: What statements bind, by name; ABSENT stands for names that they unbind.
Bindings = Dict[str, object]
#: What the statements of a branch bind, and whether they end: raise, or leave Python.
_Branch = Tuple[Bindings, bool]

#: Modules whose names are known where they are imported with a star.
_KNOWN_MODULES = frozenset("""
    collections collections.abc dataclasses datetime decimal enum math pathlib typing uuid
    """.split())
#: Of match no more cases than these are followed.
_MOST_CASES = 100
#: Calls that do not return.
_EXITS = ("sys.exit()", "builtins.exit()", "builtins.quit()", "os._exit()", "os.abort()")
#: Modules that are read for each other, one within the other; more would overflow the stack.
_DEEPEST = 30


class Modules:
    """Gives the scope of a module of a project by its dotted name: the *resolve* of its scripts.

    *find* returns the script of a module by that name, the same one each time; None for others.
    """

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find
        self._scopes: Dict[str, Optional[Scope]] = {}
        self._depth = 0
        self._lock = threading.RLock()

    def __call__(self, name: str) -> Optional[Scope]:
        """Return the scope of the module *name*, read once; None if it is not in the project.

        None, too, where it cannot be parsed, or is being read: a circle leads nowhere.
        """
        with self._lock:
            may_read = name not in self._scopes and self._depth < _DEEPEST
            script = self._find(name) if may_read else None
            if script is not None:
                self._scopes[name] = None
                self._depth += 1
                with suppress(DiscoveryError, RecursionError):
                    self._scopes[name] = script.read_scope()
                self._depth -= 1
            return self._scopes.get(name)


def read_module(tree: ast.Module, scope: Scope) -> Scope:
    """Return *scope* with the names that the module *tree* binds, as they are at its end.

    Before, it may know ``__file__``, and ``__package__``, from which relative imports start.
    """
    doc = ast.get_docstring(tree, clean=False)
    # What is indented in a docstring depends on the release of Python.
    indented = doc is not None and any(line[:1].isspace() for line in doc.split("\n"))
    _note_changes(tree, scope)
    scope.names.setdefault("__file__", UNKNOWN)
    scope.names.update(__name__=MODULE_NAME, __doc__=UNKNOWN if indented else doc)
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    future = [alias.name for node in imports if node.module == "__future__" for alias in node.names]
    _Reader(scope, postponed="annotations" in future).read(tree.body)
    read, scopes = 0, scope.statements or {}
    while read < len(scopes):  # Each function adds those in it.
        statements = list(scopes.items())[read:]
        read += len(statements)
        for statement, outer in statements:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                read_body(statement, outer)
    return scope


def read_body(function: Definition, outer: Scope) -> Scope:
    """Return the names in the body of *function*; its parameters are unknown."""
    names = [each.arg for each in arguments_of(function.args)]
    scope = Scope(outer=outer, names=dict.fromkeys(names, UNKNOWN))
    _Reader(scope, postponed=True).read(function.body)
    return scope


def _note_changes(tree: ast.Module, scope: Scope) -> None:
    """Note in *scope* which names functions and expressions bind, and which functions fill."""
    waiting: List[Tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, is_inside = waiting.pop()
        is_inside = is_inside or isinstance(node, _FUNCTIONS)
        waiting += ((child, is_inside) for child in ast.iter_child_nodes(node))
        if isinstance(node, ast.Global):
            scope.rebound.update(node.names)
        elif isinstance(node, ast.NamedExpr) and not is_inside:
            scope.rebound.update(stored_names(node.target))
        elif is_inside:
            scope.filled.add(changed_by(node)[0])


class _Reader(ast.NodeVisitor):
    """Follows statements in order and keeps what they bind in a scope.

    Where it is not known which statements run, all are followed, and a name is one of what each
    makes of it. With *postponed* annotations stay text; *bases* are those of the class read.
    """

    def __init__(self, scope: Scope, *, postponed: bool, bases: Tuple[object, ...] = ()) -> None:
        self.scope, self.postponed, self.bases = scope, postponed, bases
        self.annotations: Dict[str, object] = {}
        self.ended = False  # A statement has raised or left Python.

    def read(self, statements: List[ast.stmt]) -> None:
        """Follow *statements*."""
        scopes = self.scope.module.statements
        for statement in statements:
            try:
                if scopes is not None:
                    scopes[statement] = self.scope
                self.visit(statement)
            except RecursionError:
                for name in stored_names(statement):
                    self.scope.bind(name, Unknown(why=TOO_DEEP))
            if self.ended and self.scope.replaced is not None:
                return
            self.ended = False  # A script that always fails is read on.

    def generic_visit(self, node: ast.AST) -> None:
        """Forget all that a statement, which is not followed in order, may bind or change."""
        for each in ast.walk(node):
            if isinstance(each, ast.Name):
                forget_items(self.value(each))
            change(self.scope, each)
        line = getattr(node, "lineno", 0)
        why = f"it is bound in line {line}, which is not followed"
        for name in stored_names(node):
            source = ast.Name(name, ast.Load(), lineno=line)
            self.scope.bind(name, changed(self.scope.names.get(name), source, why))

    def value(self, node: ast.expr) -> object:
        """Return what *node* stands for."""
        return evaluate(node, self.scope, strict=False)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.scope.bind(alias.asname or top, Symbol(alias.name if alias.asname else top))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        package = self.scope.module.names.get("__package__")
        module = "." * node.level + (node.module or "")
        with suppress(ImportError):  # It leads above the outermost package.
            module = resolve_name(module, package if isinstance(package, str) else "")
        for alias in node.names:
            for name in self.starred(module) if alias.name == "*" else [alias.name]:
                self.scope.bind(alias.asname or name, Symbol(f"{module}.{name}"))

    def starred(self, module: str) -> List[str]:
        """Return the names that ``from module import *`` binds; forget others if it may."""
        if module in _KNOWN_MODULES:
            return list(getattr(importlib.import_module(module), "__all__", ()))
        other = self.scope.other(module)
        listed = None if other is None else other.exported()
        if other is None or (listed is None and (other.stars or "__all__" in other.names)):
            self.scope.bind_others(f"from {module} import *", module)
        if other is None or listed is not None:
            return listed or []
        return [name for name in other.names if name[0] != "_"]

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            if path_of(value) == "enum.auto()" and isinstance(target, ast.Name):
                value = self.next_value(target.id)
            bind(self.scope, target, value)

    def next_value(self, name: str) -> object:
        """Return what ``auto()`` gives to the member *name*, the next one in the scope."""
        cls = Class("", bases=self.bases, scope=self.scope)
        if cls.defines("_generate_next_value_"):
            return UNKNOWN
        if cls.is_a("enum.StrEnum"):
            return name.lower()
        values = reversed(list(self.scope.names.values()))
        last = next((value for value in values if isinstance(value, int)), 0)
        is_flag = cls.is_a("enum.Flag", "enum.IntFlag")
        return 2 ** last.bit_length() if is_flag else last + 1

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.annotations[node.target.id] = self.annotation(node.annotation)
        if node.value is not None:
            bind(self.scope, node.target, self.value(node.value))

    def annotation(self, node: ast.expr) -> object:
        """Return what *node* stands for now, or itself where only later that is known."""
        if self.scope.replaced is not None:
            return UNKNOWN
        names = Class("", bases=self.bases).ancestors
        if self.postponed and not any(name.startswith(("pydantic.", "prefect")) for name in names):
            return node
        try:
            value = evaluate(node, self.scope)
        except Undefined:  # Models look names up when they are made, and again later.
            return node
        return node if isinstance(value, Unknown) else value

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        name = ast.Name(getattr(node.target, "id", ""), ast.Load())
        computed = self.value(ast.BinOp(name, node.op, node.value))
        forget_items(self.value(name))
        bind(self.scope, node.target, computed)

    def visit_Delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            bind(self.scope, target, ABSENT)

    def visit_Expr(self, node: ast.Expr) -> None:
        self.ended = path_of(self.value(node.value)) in _EXITS

    def visit_Raise(self, node: ast.Raise) -> None:
        self.ended = True

    def follow(self, statements: List[ast.stmt], begin: Optional[Bindings] = None) -> _Branch:
        """Return what *statements* bind after *begin*, and whether they end; keep nothing."""
        outer = self.scope.replaced
        replaced: Bindings = {}
        self.scope.replaced = replaced
        try:
            for name, value in (begin or {}).items():
                self.scope.bind(name, value)
            self.read(statements)
            bound = {name: self.scope.names.get(name, ABSENT) for name in replaced}
        finally:
            self.scope.replaced = None
            for name, value in replaced.items():
                self.scope.bind(name, value)
            self.scope.replaced = outer
            ended, self.ended = self.ended, False
        return bound, ended

    def merge(self, branches: List[_Branch], node: ast.stmt) -> None:
        """Keep what *branches* bind, of which one runs; *node* is the statement."""
        going_on = [bound for bound, ended in branches if not ended]
        if not going_on:
            self.ended = bool(branches)
            going_on = [bound for bound, _ in branches]
        why = f"it depends on what runs in line {node.lineno}"
        for name in dict.fromkeys(name for bound in going_on for name in bound):
            before = self.scope.names.get(name, ABSENT)
            values = [bound.get(name, before) for bound in going_on]
            if ABSENT in values and hasattr(builtins, name):
                values.append(Symbol(f"builtins.{name}"))
            self.scope.bind(name, _one_of_bound(values, why))

    def visit_If(self, node: ast.If) -> None:
        branches: List[_Branch] = []
        rest: List[ast.stmt] = [node]
        while len(rest) == 1 and isinstance(rest[0], ast.If):  # a chain of elif
            chained = rest[0]
            holds = truth(self.value(chained.test))
            if holds is not False:
                branches.append(self.follow(chained.body))
            rest = chained.orelse
            if holds is True:
                break
        else:
            branches.append(self.follow(rest))
        self.merge(branches, node)

    def visit_Try(self, node: Any) -> None:
        tried, ended = self.follow(node.body)
        why = f"it depends on what fails in line {node.lineno}"
        left: Bindings = {}
        times = Counter(name for each in node.body for name in stored_names(each))
        for name, value in tried.items():  # A handler begins wherever the body was left.
            before = self.scope.names.get(name, ABSENT)
            between = UNKNOWN if times[name] > 1 else ABSENT
            left[name] = _one_of_bound([before, value, between], why)
        ends = [(tried, True) if ended else self.follow(node.orelse, tried)]
        for handler in node.handlers:
            caught = {handler.name: UNKNOWN} if handler.name else {}
            ends.append(self.follow(handler.body, {**left, **caught}))
        self.merge(ends, node)
        self.read(node.finalbody)

    visit_TryStar = visit_Try

    def visit_With(self, node: Union[ast.With, ast.AsyncWith]) -> None:
        for item in node.items:
            self.value(item.context_expr)
            for name in stored_names(item.optional_vars) if item.optional_vars else ():
                self.scope.bind(name, Unknown(why=f"it is bound by with, line {node.lineno}"))
        bound, _ = self.follow(node.body)
        self.merge([({}, False), (bound, False)], node)  # It may hide an error.

    visit_AsyncWith = visit_With

    def visit_While(self, node: Any) -> None:
        if isinstance(node, ast.While) and truth(self.value(node.test)) is False:
            return
        self.generic_visit(node)  # What one round binds and changes, the next one finds.
        cases = getattr(node, "cases", ())[:_MOST_CASES]
        bodies = [each.body for each in cases] or [[*node.body, *node.orelse]]
        followed = map(self.follow, bodies)
        self.merge([({}, False), *((bound, False) for bound, _ in followed)], node)

    visit_For = visit_AsyncFor = visit_Match = visit_While

    def visit_FunctionDef(self, node: Definition) -> None:
        inner = self.inner_scope(node)
        decorators = tuple(self.value(each) for each in node.decorator_list)
        annotations: Dict[str, object] = {}
        for each in arguments_of(node.args):
            if each.annotation is not None:
                text = source_of(each.annotation) if self.postponed else None
                annotations[each.arg] = text or evaluate(each.annotation, inner, strict=False)
        nodes = defaults_of(node.args)
        defaults = {name: self.value(default) for name, default in nodes.items()}
        function = Function(node, self.scope, annotations, defaults, decorators)
        self.scope.bind(node.name, function)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = tuple(self.value(base) for base in node.bases)
        inner = Scope(outer=self.inner_scope(node))
        body = _Reader(inner, postponed=self.postponed, bases=bases)
        cls = Class(
            node.name,
            bases=bases,
            decorators=tuple(self.value(each) for each in node.decorator_list),
            keywords={each.arg: self.value(each.value) for each in node.keywords if each.arg},
            scope=inner,
            annotations=body.annotations,
            doc=ast.get_docstring(node, clean=False),
        )
        body.read(node.body)
        if inner.stars:  # vars()[...] = ...
            cls.annotations[inner.stars[0]] = UNKNOWN
        self.scope.bind(node.name, cls)

    def visit_TypeAlias(self, node: Any) -> None:
        name = node.name.id
        self.scope.bind(name, Alias(name, node.value, self.inner_scope(node)))

    def inner_scope(self, node: Any) -> Scope:
        """Return a scope below this one, with the type parameters of *node*."""
        inner = Scope(outer=self.scope)
        for parameter in getattr(node, "type_params", ()):
            bound = getattr(parameter, "bound", None)
            limit = None if bound is None else self.value(bound)
            inner.names[parameter.name] = TypeVariable(limit)
        return inner


def _one_of_bound(values: List[object], why: str) -> object:
    """Return one of *values*: where a name is not bound, its use is an error."""
    bound = [value for value in values if value is not ABSENT]
    return one_of(bound, why) if bound else ABSENT
