"""What a script imports that is not stored with it when it is packaged alone."""

from __future__ import annotations

import ast

from flowpack._callers import warn
from flowpack.analysis.imports import read_imports
from flowpack.analysis.script import Script
from flowpack.exceptions import DeploymentValidationError, printable
from flowpack.projects.single import missing_modules

_REMEDY = "package them with --project (project: in spec files, ProjectPackager in Python)"


def check_imports(script: Script) -> None:
    """Warn of imports that only files of the script's project can meet.

    Raises:
        DeploymentValidationError: It has a relative import at module level: no run could load it.
    """
    missing = list(missing_modules(script))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = [node for node in ast.walk(script.tree) if isinstance(node, kinds)]
    for each in read_imports(script).found:
        if not each.level or each.optional:
            continue
        if not any(node.lineno < each.line <= (node.end_lineno or 0) for node in functions):
            problem = "a relative import finds no files where the script is stored alone"
            raise DeploymentValidationError(script.at(each.line), [f"{problem}; {_REMEDY}"])
        missing.append(each)
    shown = [f"{'.' * each.level}{each.module} (line {each.line})" for each in missing]
    if shown:
        problem = f"only files of the project have {printable(', '.join(shown), 500)}, and they"
        warn(f"{printable(script.name)}: {problem} are not stored with the script; {_REMEDY}")
