"""Deploys after which the power fails, at each of their steps; a program of its own.

    python -m tests.trust.power_loss STATE FOLDER STRIDE [TWICE]

The command line deploys once, and strace writes down what it tells the disk. For
every STRIDE-th of these calls each loss is tried that a crash there may mean: what
it leaves is laid out and looked at, and deployed into again. One line of JSON is
printed for each. STATE is as in ``tests.trust.crashing``.

With TWICE calls are those that make or change a name. The process is killed after
one, another deploys and says that it is done, and only then the power fails.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Dict, List, Set

import attrs

from tests.trust.crashing import NEW, OLD, check, deploy_here, in_child, state_here
from tests.trust.disk import LOSSES, Disk, Tree, read_tree, write_tree
from tests.trust.traced import Call, record


def deploy_traced(here: Path) -> List[Call]:
    """Deploy from the command line; return what it told the disk."""
    program = [sys.executable, "-m", "flowpack", "deploy", str(here / "hello.py")]
    storage = (here / "new" / "store").as_uri()
    return record([*program, "-n", "first", "--storage", storage], here / "../calls")


#: What makes or changes a name.
NAMING = ("mkdir", "openat", "rename")


@attrs.define
class Trial:
    """Tries what crashes leave of the folder *here*, each state once."""

    here: Path
    tried: Set[str] = attrs.field(factory=set)

    def lose(self, disk: Disk, told: str, acknowledged: bool) -> None:
        """Try each loss; *acknowledged* is whether the deploy said it was done."""
        for loss in LOSSES:
            left = disk.left(loss, random.Random(told))
            content = f"{acknowledged} {left}"
            if content not in self.tried:
                self.tried.add(content)
                self._try(left, f"{loss} lost at {told}", acknowledged)

    def _try(self, left: Tree, told: str, acknowledged: bool) -> None:
        shutil.rmtree(self.here)
        write_tree(left, self.here)
        said = in_child(lambda: json.dumps(self._judge(acknowledged)))
        failed = {"problems": [said], "again": "", "problems_again": [], "counts": []}
        result = json.loads(said) if said.startswith("{") else failed
        print(json.dumps({"before": told, **result}), flush=True)

    def _judge(self, acknowledged: bool) -> Dict[str, object]:
        found = check(self.here, drafts=0 if acknowledged else 1)
        if acknowledged:
            pointers = state_here(self.here).pointers
            digests = [stored and stored.sha256 for _, stored in pointers]
            if digests != [hashlib.sha256(NEW).hexdigest()]:
                found.append("it said that it was done")
        return {
            "problems": found,
            "again": deploy_here(self.here, NEW),
            "problems_again": check(self.here, drafts=0),
            "counts": state_here(self.here).counts,
        }


def after_a_kill(here: Path, before: Tree, calls: List[Call]) -> Disk:
    """Return the disk when a deploy went well after one that *calls* are of."""
    disk = Disk(here, before)
    for call in calls:
        disk.apply(call)
    shutil.rmtree(here)
    write_tree(disk.left("nothing", random.Random()), here)
    for call in deploy_traced(here):
        disk.apply(call)
    return disk


def main(state: str, folder: str, stride: str, twice: str = "") -> None:
    """Try every *stride*-th call, and the end."""
    here = Path(folder)
    here.mkdir(parents=True)
    os.environ["FLOWPACK_HOME"] = str(here / "home")
    if state != "fresh":
        in_child(lambda: deploy_here(here, OLD if state == "update" else NEW))
    (here / "hello.py").write_bytes(NEW)
    before = read_tree(here)
    calls = deploy_traced(here)
    trial, disk, step = Trial(here), Disk(here, before), 0
    for number, call in enumerate(calls, 1):
        if not disk.apply(call) or twice and call.name not in NAMING:
            continue
        step += 1
        if step % int(stride) == 0 and not twice:
            trial.lose(disk, f"{step} {call.name}", acknowledged=False)
        elif step % int(stride) == 0:
            second = after_a_kill(here, before, calls[:number])
            trial.lose(second, f"{step} {call.name}", acknowledged=True)
    trial.lose(disk, "the end", acknowledged=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
