"""Deploys that die, or fail, at each system call that writes; a program of its own.

    python -m tests.trust.syscalls HOW STATE FOLDER STRIDE

strace kills the command line at the call, or has it fail. HOW is ``kill`` or the name
of an error, STATE is as in ``tests.trust.crashing``. One line of JSON is printed for
every STRIDE-th call.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import List, Tuple

from tests.trust.crashing import NEW, OLD, check, deploy_here, in_child, state_here
from tests.trust.traced import WRITES, strace

CALLS = f"{WRITES},chmod,fchmod".replace("close,", "")


def prepare(here: Path, state: str) -> None:
    """Make *here* a folder in which earlier deploys left *state*."""
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    os.environ["FLOWPACK_HOME"] = str(here / "home")
    if state != "fresh":
        in_child(lambda: deploy_here(here, OLD if state == "update" else NEW))
    (here / "hello.py").write_bytes(NEW)


def deploy_traced(here: Path, *options: str, quick: bool = True) -> Tuple[int, str]:
    """Deploy from the command line under strace; return status and messages."""
    program = [sys.executable, "-B", "-m", "flowpack", "deploy", str(here / "hello.py")]
    storage = (here / "new" / "store").as_uri()
    traced = strace(here.with_name("calls"), *options, quick=quick)
    done = subprocess.run(
        [*traced, *program, "-n", "first", "--storage", storage],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return done.returncode, done.stderr


def points(here: Path) -> List[Tuple[str, int]]:
    """Deploy; return the calls below *here*: a name, and which one of that name."""
    status, said = deploy_traced(here, "-y", "-e", f"trace={CALLS}")
    assert status == 0, said
    counts: Counter[str] = Counter()
    found = []
    for line in here.with_name("calls").read_text().splitlines():
        name, _, given = line.partition(" ")[2].strip().partition("(")
        counts[name] += 1
        below = str(here) in re.sub(r"AT_FDCWD<[^>]*>", "", given)
        if below and (name != "openat" or "O_CREAT" in given or "DIRECT" in given):
            found.append((name, counts[name]))
    return found


def try_call(how: str, state: str, here: Path, name: str, number: int) -> None:
    """Strike at one call, and print what became of it."""
    prepare(here, state)
    action = "signal=KILL" if how == "kill" else f"error={how}"
    inject = f"inject={name}:{action}:when={number}"
    options = ("-e", f"trace={name}", "-e", inject)
    status, said = deploy_traced(here, *options, quick=how != "kill")
    result = {
        "before": f"{name} {number}",
        "status": status,
        "said": said,
        "problems": check(here, drafts=int(how == "kill")),
        "again": in_child(lambda: deploy_here(here, NEW)),
        "problems_again": check(here, drafts=0),
        "counts": state_here(here).counts,
    }
    print(json.dumps(result), flush=True)


def main(how: str, state: str, folder: str, stride: str) -> None:
    """Try every *stride*-th call."""
    here = Path(folder) / "run"
    prepare(here, state)
    found = points(here)
    for name, number in found[:: int(stride)]:
        try_call(how, state, here, name, number)


if __name__ == "__main__":
    main(*sys.argv[1:])
