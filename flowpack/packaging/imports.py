"""What a script imports that is not stored with it when it is packaged alone."""

from __future__ import annotations

import ast

from flowpack._callers import warn
from flowpack.analysis.imports import read_imports
from flowpack.analysis.script import Script
from flowpack.exceptions import DeploymentValidationError, printable
from flowpack.projects.single import missing_modules

_REMEDY = "store them, too: --project (project: true in spec files, ProjectPackager in Python)"


def check_imports(script: Script) -> None:
    """Warn of imports that only files of the script's project can meet.

    Raises:
        DeploymentValidationError: It has a relative import at module level: no run could load it.
    """
    missing = [f"{each.module} ({file})" for each, file in missing_modules(script).items()]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(script.tree) if isinstance(node, kinds)]
    for each in read_imports(script).found:
        if each.level and not each.optional:
            if not any(node.lineno < each.line <= (node.end_lineno or 0) for node in functions):
                problem = "a relative import needs the files of its package, which are not stored"
                raise DeploymentValidationError(
                    script.at(each.line), [f"{problem} with the script; {_REMEDY}"]
                )
            missing.append(f"{'.' * each.level}{each.module} (line {each.line})")
    if missing:
        shown = printable(", ".join(missing), 500)
        problem = "imports files that are not stored with it, and runs fail without them"
        warn(f"{printable(script.name)} {problem}: {shown}; {_REMEDY}")
