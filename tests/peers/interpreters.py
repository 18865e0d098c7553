"""Finds the Python interpreters of a machine.

``python -m tests.peers.interpreters`` prints each release that flowpack runs on
with the path of its interpreter, one a line. Needs the standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator

SUPPORTED = ("3.9", "3.10", "3.11", "3.12", "3.13")

_PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")


def find_interpreter(release: str) -> Path | None:
    """Return an interpreter of *release*, such as ``3.9``, that really starts.

    On PATH may be shims that stand for an interpreter and fail, so each is asked.
    """
    for candidate in _candidates(release):
        if (real := _ask(candidate, release)) is not None:
            return real
    return None


def _candidates(release: str) -> Iterator[str]:
    if release == "{}.{}".format(*sys.version_info):
        yield getattr(sys, "_base_executable", sys.executable)
    for folder in os.get_exec_path():
        yield os.path.join(folder, f"python{release}")
    for path in sorted(_PYENV.glob(f"versions/{release}.*/bin/python")):
        yield str(path)


def _ask(candidate: str, release: str) -> Path | None:
    if shutil.which(candidate) is None:
        return None
    code = "import sys, ssl; print('%d.%d' % sys.version_info[:2], sys.executable)"
    result = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
    answered, _, path = result.stdout.strip().partition(" ")
    return Path(path) if result.returncode == 0 and answered == release else None


if __name__ == "__main__":
    for each in SUPPORTED:
        if (found := find_interpreter(each)) is not None:
            print(each, found)
