"""Scripts that make deployment specs when they are run."""

from __future__ import annotations

import ast
from contextlib import suppress
from typing import Dict, Iterator, List, Optional, Tuple

from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.discovery import Script
from flowpack.discovery.conditions import truth_at_load
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    MissingFlowError,
    ScriptError,
    SpecError,
    UnspecifiedFlowError,
)

_SPEC = "DeploymentSpec"

#: The modules that have it, as scripts may import them.
_HOMES = ("flowpack", "flowpack.deployments.spec")


def makes_specs(script: Script) -> bool:
    """Say whether *script* imports flowpack's ``DeploymentSpec`` and calls it.

    The source decides; nothing is run. What stands under a ``__main__`` guard does
    not count, for it does not run when specs are collected. Nor does a script count
    that cannot be parsed.
    """
    if _SPEC.encode() not in script.content:
        return False
    try:
        statements = list(_walk(script.tree))
    except DiscoveryError:
        return False
    names = _meanings(statements)
    wanted = {f"{home}.{_SPEC}" for home in _HOMES}
    return any(
        _meaning(node.func, names) in wanted
        for node in statements
        if isinstance(node, ast.Call)
    )


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
            script.name,
            ["it has no deployments: it made no flowpack.DeploymentSpec while it ran"],
        )
    return tuple(specs)


def _run(script: Script) -> None:
    """Run *script* for what it does; it need not define a flow, and may several."""
    # Most commands see scripts that make no specs, and need not pay for this.
    from flowpack.loading import load_flow_from_script

    with suppress(MissingFlowError, UnspecifiedFlowError):
        load_flow_from_script(script)


def _refusal(
    error: ScriptError, script: Script
) -> Optional[DeploymentValidationError]:
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


def _walk(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield every node of *tree* that counts while a script is loaded."""
    waiting: List[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.If):
            waiting += ast.iter_child_nodes(node)
            continue
        truth = truth_at_load(node.test)
        waiting.append(node.test)
        waiting += node.body if truth is not False else []
        waiting += node.orelse if truth is not True else []


def _meanings(nodes: List[ast.AST]) -> Dict[str, str]:
    """Return what imported names stand for, as dotted paths."""
    found: Dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                found[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                name = _SPEC if alias.name == "*" else alias.name
                if alias.name != "*" or node.module in _HOMES:
                    found[alias.asname or name] = f"{node.module}.{name}"
    return found


def _meaning(node: ast.expr, names: Dict[str, str]) -> str:
    """Return the dotted path that *node*, such as ``fp.DeploymentSpec``, means."""
    attributes: List[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ""
    return ".".join([names[node.id], *reversed(attributes)])
