"""The projects in ``data/projects``, one of each kind that people have."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Mapping, Tuple

import attrs

from tests.source import ROOT

PROJECTS = ROOT / "tests" / "data" / "projects"


@attrs.frozen
class Kind:
    """A project.

    Attributes:
        folder: Below ``data/projects``.
        script: Path of the script in it.
        flow: Name of its flow.
        result: What the flow returns, and logs.
        options: How it is deployed, beside ``--project``.
        unneeded: Files that the flow does without; it needs all others but those that
            only say where the root is.
    """

    folder: str
    script: str
    flow: str
    result: str
    options: Tuple[str, ...] = ()
    unneeded: Tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """The deployment's name, after its flow's."""
        names = {id(kind): name for name, kind in KINDS.items()}
        return f"{self.flow.replace('_', '-')}/{names[id(self)]}"

    @property
    def files(self) -> Mapping[str, bytes]:
        """What the flow needs: content by path."""
        paths = {
            path.relative_to(PROJECTS / self.folder).as_posix(): path
            for path in (PROJECTS / self.folder).rglob("*")
            if path.is_file() and path.suffix in (".py", ".csv", ".txt")
        }
        return {
            name: path.read_bytes() for name, path in paths.items() if name not in self.unneeded
        }

    def target(self, projects: Path) -> str:
        """Return the flow's address where the projects are copied to *projects*."""
        return f"{projects / self.folder / self.script}:{self.flow}"


#: By name, which is also that of its deployment.
KINDS: Mapping[str, Kind] = {
    "package": Kind(
        "package",
        "shop/flows.py",
        "report",
        "Ada pays 3.75 € [1.2; money.py:5 return float(text.replace(\"€\", \"\")); shop.flows]",
        ("--include", "shop/data/prices.csv", "--include", "shop/data/*.txt"),
    ),
    "flat": Kind("flat", "tally.py", "tally", "3 words, a is the commonest"),
    "flows-and-utils": Kind(
        "flows_and_utils", "flows/etl.py", "etl", "loaded Ada, Grace into the warehouse"
    ),
    "src-layout": Kind(
        "src_layout",
        "flows/count.py",
        "outside",
        "inventory.stock counts 5",
        unneeded=("src/inventory/jobs/__init__.py", "src/inventory/jobs/nightly.py"),
    ),
    "in-src": Kind(
        "src_layout",
        "src/inventory/jobs/nightly.py",
        "inside",
        "inventory.jobs.nightly counts 7",
        unneeded=("flows/count.py",),
    ),
    "namesakes-a": Kind("namesakes_a", "work_a.py", "who_a", "a: A! is here"),
    "namesakes-b": Kind("namesakes_b", "work_b.py", "who_b", "b: B! is here"),
    "spawn": Kind("spawn", "crunch.py", "crunch", "halves of squares: [2.0, 8.0]"),
    "subflows": Kind("subflows", "parent.py", "parent", "loaded row 0 and row 1"),
    "workspace": Kind("workspace", "flows/nightly.py", "nightly", "booked 7 € for account 42"),
    "by-path": Kind("by_path", "jobs/weekly.py", "weekly", "week 3 of the month"),
    "sys-path": Kind("sys_path", "scripts/cleanup.py", "cleanup", "the oldest is 9 days old"),
}


def copy_projects(folder: Path) -> Path:
    """Copy all projects into the new *folder* and return it."""
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(PROJECTS, folder, ignore=ignored))


@attrs.frozen
class Home:
    """What processes with flowpack live in: a home and settings of their own.

    Attributes:
        folder: The home; programs start in it.
        variables: More of their environment.
    """

    folder: Path
    variables: Mapping[str, str] = {}

    def python(self, *command: str) -> str:
        """Run Python with *command* and return what it printed."""
        variables = {
            "HOME": str(self.folder),
            "FLOWPACK_HOME": str(self.folder / ".flowpack"),
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "TMPDIR": str(self.folder),
            **self.variables,
        }
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def flowpack(self, *command: str) -> str:
        """Run the command line and return what it printed."""
        return self.python("-W", "ignore", "-m", "flowpack", *command)

    def deploy(self, name: str, kind: Kind, projects: Path, *options: str) -> str:
        """Deploy *kind*, whose copy is in *projects*, as the deployment *name*."""
        store = ("--storage", f"file:{self.folder / 'store'}")
        deploy = ("deploy", kind.target(projects), "--project", *kind.options)
        return self.flowpack(*deploy, "--name", name, *store, *options)
