"""The types that users' checkers see: what is right is accepted, what is wrong is refused."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import flowpack

HERE = Path(__file__).parent
#: Where the package is; checkers do not follow every kind of editable installation.
SOURCE = Path(flowpack.__file__).parents[1]
FILES = [HERE / "typed_uses.py", HERE / "misuses.py"]

pytestmark = pytest.mark.types


def check(checker: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a type checker of this environment; in CI it is there."""
    if importlib.util.find_spec(checker) is None:
        message = f"{checker} is not installed; the extra dev has it"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    command = [sys.executable, "-m", checker, *arguments]
    environ = {**os.environ, **environ}
    return subprocess.run(command, cwd=HERE, env=environ, capture_output=True, text=True)


def run_mypy(*files: Path) -> "subprocess.CompletedProcess[str]":
    """Run mypy on *files* in its strict mode."""
    options = ("--strict", "--config-file=", "--follow-imports=silent")
    return check("mypy", *options, *map(str, files), MYPYPATH=str(SOURCE))


def run_pyright(folder: Path, *files: Path) -> "subprocess.CompletedProcess[str]":
    """Run pyright in its basic mode, deaf to mypy's markers, on *files*."""
    config = {
        "include": [os.path.relpath(each, folder) for each in files],
        "extraPaths": [str(SOURCE)],
        "typeCheckingMode": "basic",
        "enableTypeIgnoreComments": False,
        "reportUnnecessaryTypeIgnoreComment": True,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(config))
    return check("pyright", f"--project={folder}", f"--pythonpath={sys.executable}")


def test_mypy_accepts_the_uses_and_refuses_each_misuse():
    """A marker that is not needed is an error, and so is a line that lacks one."""
    done = run_mypy(*FILES)
    assert done.returncode == 0, done.stdout + done.stderr


def test_pyright_accepts_the_uses_and_refuses_each_misuse(tmp_path):
    """As with mypy; the markers are pyright's own."""
    done = run_pyright(tmp_path, *FILES)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_a_marker_that_is_not_needed_is_an_error(checker, tmp_path):
    """Were the fields untyped, the markers would be too many: that must be seen."""
    marked = "DeploymentSpec(name='x')  # type: ignore[arg-type]  # pyright: ignore\n"
    path = tmp_path / "misuses.py"
    path.write_text((HERE / "misuses.py").read_text() + marked)
    if checker == "mypy":
        done = run_mypy(path)
    else:
        done = run_pyright(tmp_path, path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count(" error:") == 1


def test_every_public_type_is_known(tmp_path):
    """As in a user's environment, where the package is a folder beside its dependencies."""
    home = Path(flowpack.__file__).parent
    shutil.copytree(home, tmp_path / "flowpack", ignore=shutil.ignore_patterns("__pycache__"))
    done = check("pyright", "--verifytypes=flowpack", "--ignoreexternal", PYTHONPATH=str(tmp_path))
    assert "Type completeness score: 100%" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
