"""Statements: what names a script binds, followed without running it."""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Type, Union

from flowpack.analysis.calls import known
from flowpack.analysis.evaluate import MODULE_NAME, TOO_DEEP, bind, evaluate, read_value, truth
from flowpack.analysis.plain import one_of
from flowpack.analysis.syntax import (
    bound_often,
    changing_names,
    defaults_of,
    every_argument,
    postpones,
    source_of,
    stored_names,
)
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
    is_call_of,
    next_value,
)

Definition = Union[ast.FunctionDef, ast.AsyncFunctionDef]
#: What statements bind, by name; ABSENT stands for names that they unbind.
Bindings = Dict[str, object]
#: What the statements of a branch bind, and whether they end: raise, or leave Python.
_Branch = Tuple[Bindings, bool]

#: Modules whose names are known where they are imported with a star.
_KNOWN_MODULES = frozenset("""
    collections collections.abc dataclasses datetime decimal enum math pathlib typing uuid
    """.split())
#: Modules that every Python has: importing one of them does not fail.
_ALWAYS_THERE = _KNOWN_MODULES | frozenset("""
    abc asyncio base64 copy csv functools hashlib io itertools json logging os random re
    string subprocess sys tempfile textwrap time
    """.split())
#: Functions that do not return.
_EXITS = ("sys.exit", "builtins.exit", "builtins.quit", "os._exit", "os.abort")


def read_module(tree: ast.Module) -> Scope:
    """Return the names that the module *tree* binds, as they are at its end."""
    scope = Scope(
        names={"__name__": MODULE_NAME, "__file__": UNKNOWN, "__doc__": _docstring(tree)},
        changing=frozenset(changing_names(tree)),
    )
    _Reader(scope, postponed=postpones(tree)).read(tree.body)
    return scope


def _docstring(tree: ast.Module) -> object:
    """Return what ``__doc__`` is; what is indented in it depends on the release of Python."""
    text = ast.get_docstring(tree, clean=False)
    indented = text is not None and any(line[:1].isspace() for line in text.split("\n"))
    return UNKNOWN if indented else text


def read_body(function: Definition, outer: Scope) -> Scope:
    """Return the names in the body of *function*; its parameters are unknown."""
    names = [each.arg for each in every_argument(function.args)]
    scope = Scope(outer=outer, names=dict.fromkeys(names, UNKNOWN))
    _Reader(scope, postponed=True).read(function.body)
    return scope


class _Reader:
    """Follows statements in order and keeps what they bind in a scope.

    Where it is not known here which statements run, all are followed, and a name is
    one of what each of them makes of it.

    Attributes:
        scope: Where names are kept.
        postponed: Whether annotations stay text.
        bases: What the bases stand for of the class whose body is read.
        annotations: The annotations of names, in order; UNKNOWN under a condition.
        ended: Whether the statements that were followed do not end: they raise.
    """

    def __init__(self, scope: Scope, *, postponed: bool, bases: Tuple[object, ...] = ()) -> None:
        self.scope = scope
        self.postponed = postponed
        self.bases = bases
        self.annotations: Dict[str, object] = {}
        self.ended = False

    def read(self, statements: List[ast.stmt]) -> None:
        """Follow *statements*."""
        for statement in statements:
            reader = _READERS.get(type(statement))
            try:
                if reader is not None:
                    reader(self, statement)
            except RecursionError:
                for name in stored_names(statement):
                    self.scope.bind(name, Unknown(why=TOO_DEEP))
            if self.ended and self.scope.replaced is not None:
                return
            self.ended = False  # A script that always fails is read on.

    def value(self, node: Optional[ast.expr]) -> object:
        """Return what *node* stands for."""
        return UNKNOWN if node is None else read_value(node, self.scope)

    # Imports

    def imports(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self.scope.bind(alias.asname, Symbol(alias.name))
            else:
                top = alias.name.partition(".")[0]
                self.scope.bind(top, Symbol(top))

    def imports_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name != "*":
                imported = known(Symbol(f"{module}.{alias.name}"))
                self.scope.bind(alias.asname or alias.name, imported)
            elif module in _KNOWN_MODULES:
                for name in getattr(importlib.import_module(module), "__all__", ()):
                    self.scope.bind(name, known(Symbol(f"{module}.{name}")))
            elif module.partition(".")[0] in ("flowpack", "prefect"):
                self.scope.bind("flow", Symbol(f"{module}.flow"))
                self.scope.bind("Flow", Symbol(f"{module}.Flow"))
                self.scope.stars.append(module)
            else:
                self.imports_all(module)

    def imports_all(self, module: str) -> None:
        """Follow ``from module import *``, which may bind any name anew."""
        why = f"from {module} import * may bind it anew"
        for name, value in list(self.scope.names.items()):
            if not name.startswith("_"):
                self.scope.bind(name, one_of([value, UNKNOWN], why))
        self.scope.stars.append(module)

    # Assignments

    def assigns(self, node: ast.Assign) -> None:
        value = self.value(node.value)
        for target in node.targets:
            if isinstance(target, (ast.Subscript, ast.Attribute)):
                self.forgets(target)
            if is_call_of(value, "enum.auto") and isinstance(target, ast.Name):
                value = next_value(self.bases, target.id, self.scope)
            bind(self.scope, target, value)

    def computes(self, node: ast.Expr) -> None:
        """Follow an expression for what it changes: ``X.append(1)``, ``(x := 1)``."""
        value = self.value(node.value)
        self.forgets(node)
        self.ended = is_call_of(value, *_EXITS)

    def forgets(self, node: ast.AST) -> None:
        """Forget what *node* changes: ``X.append(1)``, ``X[0] = 1``, ``X.a = 1``."""
        attribute = ""
        while isinstance(node, (ast.Subscript, ast.Attribute, ast.Call, ast.Expr)):
            if isinstance(node, ast.Attribute):
                attribute = node.attr
            node = node.func if isinstance(node, ast.Call) else node.value
        changed = self.scope.names.get(node.id) if isinstance(node, ast.Name) else None
        if isinstance(changed, (list, dict, set)):
            for name, value in list(self.scope.names.items()):
                if value is changed:
                    self.scope.bind(name, UNKNOWN)
        elif isinstance(changed, Class) and attribute in changed.scope.names:
            changed.scope.bind(attribute, UNKNOWN)

    def annotates(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.annotations[node.target.id] = self.annotation(node.annotation)
            if node.value is not None:
                bind(self.scope, node.target, self.value(node.value))

    def annotation(self, node: ast.expr) -> object:
        """Return what *node* stands for now, or itself where only later that is told."""
        if self.scope.replaced is not None:
            return UNKNOWN
        names = Class("", bases=self.bases).ancestors
        if self.postponed and not any(name.startswith("pydantic.") for name in names):
            return node
        try:
            value = evaluate(node, self.scope)
        except Undefined:  # Models look names up when they are made, and again later.
            return node
        return node if isinstance(value, Unknown) else value

    def augments(self, node: ast.AugAssign) -> None:
        name = ast.Name(getattr(node.target, "id", ""), ast.Load())
        computed = self.value(ast.BinOp(name, node.op, node.value))
        self.forgets(node.target)
        bind(self.scope, node.target, computed)

    def aliases(self, node: Any) -> None:
        """Follow ``type X = ...``, which Python before 3.12 has no class for."""
        alias = Alias(node.name.id, node.value, self._inner_scope(node))
        self.scope.bind(alias.name, alias)

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
                self.scope.bind(target.id, ABSENT)
            else:
                self.forgets(target)

    # Branches

    def follow(self, statements: List[ast.stmt], begin: Optional[Bindings] = None) -> _Branch:
        """Return what *statements* bind, and whether they end; keep nothing of it.

        Args:
            statements: The body of a compound statement.
            begin: What is bound before, beside what is bound here.
        """
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

    def merge(self, branches: List[_Branch], node: ast.AST) -> None:
        """Keep what *branches* bind, of which one runs; *node* is the statement."""
        going_on = [bound for bound, ended in branches if not ended]
        if not going_on:
            self.ended = bool(branches)
            going_on = [bound for bound, _ in branches]
        why = f"it depends on what runs in line {getattr(node, 'lineno', 0)}"
        for name in dict.fromkeys(name for bound in going_on for name in bound):
            before = self.scope.names.get(name, ABSENT)
            values = [bound.get(name, before) for bound in going_on]
            # A name that is not bound is an error where it is used, if no built-in.
            there = [value for value in values if value is not ABSENT]
            if len(there) < len(values) and hasattr(builtins, name):
                there.append(Symbol(f"builtins.{name}"))
            self.scope.bind(name, one_of(there, why) if there else ABSENT)

    def branches(self, node: ast.If) -> None:
        branches: List[_Branch] = []
        rest: List[ast.stmt] = [node]
        while len(rest) == 1 and isinstance(rest[0], ast.If):  # a chain of elif
            chained = rest[0]
            holds = truth(chained.test, self.scope)
            if holds is not False:
                branches.append(self.follow(chained.body))
            rest = chained.orelse
            if holds is True:
                break
        else:
            branches.append(self.follow(rest))
        self.merge(branches, node)

    def tries(self, node: ast.Try) -> None:
        if all(map(self._succeeds, node.body)):
            self.read([*node.body, *node.orelse, *node.finalbody])
            return
        tried, ended = self.follow(node.body)
        why = f"it depends on what fails in line {node.lineno}"
        left: Bindings = {}
        often = bound_often(node.body)
        for name, value in tried.items():  # A handler begins wherever the body was left.
            before = self.scope.names.get(name, ABSENT)
            possible = [before, value, UNKNOWN if name in often else ABSENT]
            there = [each for each in possible if each is not ABSENT]
            left[name] = one_of(there, why) if there else ABSENT
        ends = [(tried, True) if ended else self.follow(node.orelse, tried)]
        for handler in node.handlers:
            caught = {handler.name: UNKNOWN} if handler.name else {}
            ends.append(self.follow(handler.body, {**left, **caught}))
        self.merge(ends, node)
        self.read(node.finalbody)

    def _succeeds(self, statement: ast.stmt) -> bool:
        """Return True if *statement* is known not to raise anything."""
        if isinstance(statement, ast.Import):
            return all(alias.name in _ALWAYS_THERE for alias in statement.names)
        if isinstance(statement, ast.Assign):
            nodes = [*statement.targets, statement.value]
            simple = all(isinstance(node, (ast.Name, ast.Constant)) for node in nodes)
            return simple and not isinstance(self.value(statement.value), Unknown)
        return isinstance(statement, ast.Pass)

    def loops(self, node: Union[ast.For, ast.AsyncFor, ast.While]) -> None:
        holds = truth(node.test, self.scope) if isinstance(node, ast.While) else None
        if holds is not False:
            why = f"it is bound in a loop, line {node.lineno}"
            caught = [] if isinstance(node, ast.While) else stored_names(node.target)
            begin: Bindings = {
                name: one_of([self.scope.names[name], UNKNOWN], why)
                for name in stored_names(node)
                if name in self.scope.names
            }
            begin.update((name, Unknown(why=why)) for name in caught)
            bound, ended = self.follow(node.body, begin)
            for name in bound.keys() & bound_often(node.body):  # There may be a break.
                bound[name] = Unknown(why=why)
            self.merge([({}, False), (bound, ended)], node)
        self.merge([({}, False), self.follow(node.orelse)], node)

    def opens(self, node: Union[ast.With, ast.AsyncWith]) -> None:
        suppresses = False
        for item in node.items:
            value = self.value(item.context_expr)
            suppresses = suppresses or is_call_of(value, "contextlib.suppress")
            for name in stored_names(item.optional_vars) if item.optional_vars else ():
                self.scope.bind(name, Unknown(why=f"it is bound by with, line {node.lineno}"))
        if not suppresses:
            return self.read(node.body)
        bound, _ = self.follow(node.body)
        self.merge([({}, False), (bound, False)], node)

    def matches(self, node: Any) -> None:
        """Follow ``match``, which Python 3.9 has no class for."""
        ends: List[_Branch] = [({}, False)]
        for case in node.cases:
            caught: Bindings = dict.fromkeys(stored_names(case.pattern), UNKNOWN)
            ends.append(self.follow(case.body, caught))
        self.merge(ends, node)

    def raises(self, node: ast.Raise) -> None:
        self.ended = True

    # Definitions

    def defines_function(self, node: Definition) -> None:
        self.scope.bind(node.name, self.function(node))

    def function(self, node: Definition) -> Function:
        """Return what the definition *node* makes."""
        inside = _Reader(self._inner_scope(node), postponed=self.postponed)
        decorators = tuple(self.value(each) for each in node.decorator_list)
        annotations: Dict[str, object] = {}
        arguments = every_argument(node.args)
        for each in arguments:
            if each.annotation is not None and self.postponed:
                annotations[each.arg] = source_of(each.annotation)
            elif each.annotation is not None:
                annotations[each.arg] = inside.value(each.annotation)
        nodes = defaults_of(node.args)
        defaults = {name: self.value(default) for name, default in nodes.items()}
        last = node.body[-1]
        returns: object = UNKNOWN
        if len(node.body) == 1 and isinstance(last, ast.Return) and last.value is not None:
            inside.scope.names.update((each.arg, UNKNOWN) for each in arguments)
            returns = inside.value(last.value)
        return Function(node, annotations, defaults, returns, decorators)

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
        self.scope.bind(node.name, cls)


_Read = Callable[[_Reader, Any], None]

#: Statements that not every supported Python knows.
_SINCE_310: Mapping[str, _Read] = {
    "Match": _Reader.matches,
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
    ast.Expr: _Reader.computes,
    ast.If: _Reader.branches,
    ast.Try: _Reader.tries,
    ast.For: _Reader.loops,
    ast.AsyncFor: _Reader.loops,
    ast.While: _Reader.loops,
    ast.With: _Reader.opens,
    ast.AsyncWith: _Reader.opens,
    ast.Raise: _Reader.raises,
    ast.FunctionDef: _Reader.defines_function,
    ast.AsyncFunctionDef: _Reader.defines_function,
    ast.ClassDef: _Reader.defines_class,
    **{getattr(ast, name): each for name, each in _SINCE_310.items() if hasattr(ast, name)},
}
