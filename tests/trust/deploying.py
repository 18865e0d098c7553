"""Processes that deploy, all at once, to the home and the store in one folder.

They are forked from one that has imported all they need, so that hundreds cost little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import time
import warnings
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping

from flowpack import DeploymentSpec, FileStorageBlock, deploy, get_client
from tests.clients import SCRIPT

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


@contextlib.contextmanager
def workers(folder: Path, count: int, each: int, how: str) -> Iterator[List[BaseProcess]]:
    """Start *count* processes that wait for one another, then deploy; end them all.

    Args:
        folder: Gets the home, the store, and each one's script.
        count: How many processes.
        each: How often each deploys.
        how: ``same`` deployment; other ``names``; or other ``tuples`` of bytes, parameters
            and tags.
    """
    folder.mkdir(exist_ok=True)
    # The last to wait here is this process.
    start = _CONTEXT.Barrier(count + 1)
    started: List[BaseProcess] = []
    try:
        for own in range(count):
            given = (dict(os.environ), folder, own, each, how, start)
            started.append(_CONTEXT.Process(target=_work, args=given))
            started[-1].start()
        start.wait(60)
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def finished(folder: Path, processes: List[BaseProcess]) -> float:
    """Wait for all; each must have succeeded. Return the longest deploy in seconds."""
    slowest = []
    for own, process in enumerate(processes):
        process.join(300)
        errors = (folder / f"errors-{own}").read_text()
        assert (process.exitcode, errors) == (0, ""), errors
        slowest.append(float((folder / f"scripts-{own}" / "slowest").read_text()))
    return max(slowest)


def _work(
    variables: Mapping[str, str], folder: Path, own: int, count: int, how: str, start: Any
) -> None:
    """Deploy *count* times as soon as all are there; what is printed goes to a file."""
    errors = os.open(folder / f"errors-{own}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(errors, 1)
    os.dup2(errors, 2)
    sys.stderr = open(2, "w", buffering=1)
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "no PREFECT_API_URL is set")
    os.environ.clear()
    os.environ.update(variables, FLOWPACK_HOME=str(folder / "home"))
    script = folder / f"scripts-{own}" / "hello.py"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    start.wait(60)
    slowest = 0.0
    for number in range(count):
        name, mark = "same", f"{own}-{number}"
        fields: Dict[str, Any] = {}
        if how == "names":
            name = mark
        elif how == "tuples":
            script.write_text(f"{SCRIPT}# {mark}")
            fields = {"parameters": {"name": mark}, "tags": [mark]}
        began = time.monotonic()
        storage = FileStorageBlock(str(folder / "store"))
        spec = DeploymentSpec(name=name, flow_location=script, flow_storage=storage, **fields)
        with get_client() as client:
            deploy(spec, client)
        slowest = max(slowest, time.monotonic() - began)
    (script.parent / "slowest").write_text(f"{slowest:.2f}")
