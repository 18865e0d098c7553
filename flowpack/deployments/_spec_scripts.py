"""Scripts that make deployment specs when they are run."""

from __future__ import annotations

import ast
from contextlib import suppress
from typing import Iterator, List, Optional, Tuple

from flowpack.analysis.evaluate import read_value, truth
from flowpack.analysis.scopes import read_body
from flowpack.analysis.script import Script
from flowpack.analysis.values import Scope, Symbol, alternatives
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    MissingFlowError,
    ScriptError,
    SpecError,
    UnspecifiedFlowError,
)

#: What makes specs, as scripts may import it.
_SPECS = (Symbol("flowpack.DeploymentSpec"), Symbol("flowpack.deployments.spec.DeploymentSpec"))


def makes_specs(script: Script) -> bool:
    """Return True if *script* imports flowpack's ``DeploymentSpec`` and calls it.

    The source decides; nothing is run. What stands under a ``__main__`` guard does
    not count, for it does not run when specs are collected. Nor does a script count
    that cannot be parsed.
    """
    if b"DeploymentSpec" not in script.content:
        return False
    try:
        called = [read_value(call.func, scope) for call, scope in _calls(script)]
    except DiscoveryError:
        return False
    return any(each in _SPECS for value in called for each in alternatives(value))


def collect_specs(script: Script) -> Tuple[DeploymentSpec, ...]:
    """Run *script* and return the specs that were made meanwhile, in order.

    Raises:
        ScriptError: The script failed.
        DeploymentValidationError: It made a spec that cannot be right; the error
            says on which line.
        SpecError: It made none.
    """
    with collecting() as specs:
        try:
            _run(script)
        except ScriptError as exc:
            refusal = _refusal(exc, script)
            if refusal is None:
                raise
            raise refusal from exc
    if not specs:
        raise SpecError(
            script.name, ["it has no deployments: it made no flowpack.DeploymentSpec while it ran"]
        )
    return tuple(specs)


def _run(script: Script) -> None:
    """Run *script* for what it does; it need not define a flow, and may several."""
    # Most commands see scripts that make no specs, and need not pay for this.
    from flowpack.loading import load_flow_from_script

    with suppress(MissingFlowError, UnspecifiedFlowError):
        load_flow_from_script(script)


def _refusal(error: ScriptError, script: Script) -> Optional[DeploymentValidationError]:
    """Return what was wrong with a spec, if that is why the script failed."""
    cause = error.user_exc
    if not isinstance(cause, DeploymentValidationError):
        return None
    line = None
    step = cause.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename in (script.path, script.name):
            line = step.tb_lineno
        step = step.tb_next
    return DeploymentValidationError(script.at(line), cause.problems)


def _calls(script: Script) -> Iterator[Tuple[ast.Call, Scope]]:
    """Yield every call that counts while *script* is loaded, with the names around it."""
    waiting: List[Tuple[ast.AST, Scope]] = [(script.tree, script.scope)]
    while waiting:
        node, scope = waiting.pop()
        if isinstance(node, ast.Call):
            yield node, scope
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            scope = read_body(node, scope)
        elif isinstance(node, ast.If):
            holds = truth(node.test, scope)
            children = [node.test, *(node.body if holds is not False else [])]
            children += node.orelse if holds is not True else []
        waiting += ((child, scope) for child in children)
