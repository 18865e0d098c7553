"""Stock servers, agents and workers of Prefect on loopback."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping

from tests.peers.environments import Environment, environment
from tests.peers.processes import READY, free_port, running

ORION = "prefect-2.0b7"

_FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})

#: What every program is told: no statistics to other machines, quick look-outs, and
#: runs of schedules only when a test asks for them.
_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_AGENT_QUERY_INTERVAL": "1",
    "PREFECT_API_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.2",
    "PREFECT_LOGGING_TO_ORION_BATCH_INTERVAL": "0.2",
    "PREFECT_ORION_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "2",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
}


@dataclass(frozen=True)
class Server:
    """A running server, and the environment that its client, agent and worker need.

    Attributes:
        api: Root of its API: ``http://127.0.0.1:4200/api``.
        environment: What it runs in.
        home: Its home; programs that :meth:`run` starts live there too.
        variables: Environment of such programs, with ``PREFECT_API_URL`` in it.
    """

    api: str
    environment: Environment
    home: Path
    variables: Mapping[str, str]

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request below :attr:`api` and return the answer's JSON.

        Raises:
            urllib.error.HTTPError: The status was not success.
        """
        return _request(self.api + path, method, body)

    def run(
        self, *command: str | Path, folder: Path | None = None, input: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end and return what it printed.

        It runs in *folder*, or else in its home, and reads *input*.

        Raises:
            subprocess.CalledProcessError: It failed.
        """
        program = self.environment.folder / "bin" / command[0]
        result = subprocess.run(
            [program, *command[1:]],
            cwd=folder or self.home,
            env={**self.variables, **variables},
            input=input,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if result.returncode:
            print(result.stdout, result.stderr, sep="\n")
        result.check_returncode()
        return result

    def outcome(self, flow_run_id: str, expected: str = "") -> tuple[str, list[str]]:
        """Wait for the end of a flow run; return its state's type and what it logged.

        Logs arrive after the end. They are complete as soon as *expected* is part of
        one of them, and if it never is, after some seconds.

        Raises:
            TimeoutError: The run did not end.
        """
        deadline = time.monotonic() + READY
        while (state := self._state(flow_run_id)) not in _FINAL:
            if time.monotonic() > deadline:
                raise TimeoutError(f"flow run {flow_run_id} is still {state}")
            time.sleep(0.3)
        deadline = time.monotonic() + 10
        said = self._logs(flow_run_id)
        while expected not in "\n".join(said) and time.monotonic() < deadline:
            time.sleep(0.3)
            said = self._logs(flow_run_id)
        return state, said

    def _state(self, flow_run_id: str) -> str:
        state = self.request("GET", f"/flow_runs/{flow_run_id}")["state"]
        return str(state["type"]) if state else "PENDING"

    def _logs(self, flow_run_id: str) -> list[str]:
        wanted = {"logs": {"flow_run_id": {"any_": [flow_run_id]}}}
        logs = self.request("POST", "/logs/filter", wanted)
        return [each["message"] for each in logs]


@contextlib.contextmanager
def orion_server(home: Path) -> Iterator[Server]:
    """Run a Prefect 2.0b7 server whose database is in the folder *home*."""
    port = free_port()
    # This is the process that ``prefect orion start`` runs as its child.
    factory = "prefect.orion.api.server:create_app"
    command = ("uvicorn", "--factory", factory, "--host", "127.0.0.1", "--port", port)
    with _server(ORION, home, port, command) as server:
        yield server


@contextlib.contextmanager
def prefect_server(version: str, home: Path, **variables: str) -> Iterator[Server]:
    """Run a Prefect server of *version*, 2.14.21 or later, with all of it in *home*.

    *variables* are more of its environment, such as settings of Prefect.
    """
    port = free_port()
    command = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", port)
    with _server(f"prefect-{version}", home, port, command, variables) as server:
        yield server


@contextlib.contextmanager
def orion_agent(server: Server, tag: str) -> Iterator[Path]:
    """Run an agent that takes the runs of deployments with *tag*.

    Yields:
        The agent's log; flow runs print there too.
    """
    queue = f"queue-{tag}"
    server.run("prefect", "work-queue", "create", queue, "-t", tag)
    log = server.home / f"agent-{tag}.log"
    command = (server.environment.folder / "bin" / "prefect", "agent", "start", queue)
    with running(
        command,
        lambda: b"Agent started" in log.read_bytes(),
        variables=server.variables,
        folder=server.home,
        log=log,
    ):
        yield log


@contextlib.contextmanager
def prefect_worker(
    server: Server,
    pool: str,
    *,
    environment: Environment | None = None,
    **variables: str,
) -> Iterator[Path]:
    """Run a process worker for the work pool *pool*, which is made if it is missing.

    Args:
        server: Where it takes its runs from.
        pool: A process pool.
        environment: Where to run it, if not in the server's own environment.
        variables: More of its environment, such as a ``PYTHONPATH``.

    Yields:
        The worker's log; flow runs print there too.
    """
    place = environment or server.environment
    home = server.home / f"worker-{pool}"
    home.mkdir(exist_ok=True)
    log = home / "worker.log"
    command = (place.folder / "bin" / "prefect", "worker", "start")
    with running(
        (*command, "--pool", pool, "--type", "process"),
        lambda: _has_worker(server, pool),
        variables={
            **_variables(place, home),
            "PREFECT_API_URL": server.api,
            **variables,
        },
        folder=home,
        log=log,
    ):
        yield log


@contextlib.contextmanager
def _server(
    name: str,
    home: Path,
    port: int,
    command: tuple[str | int, ...],
    more: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    place = environment(name)
    api = f"http://127.0.0.1:{port}/api"
    variables = {**_variables(place, home), **(more or {})}
    program = place.folder / "bin" / str(command[0])
    with running(
        (program, *map(str, command[1:])),
        lambda: _healthy(api),
        variables=variables,
        folder=home,
        log=home / "server.log",
    ):
        yield Server(api, place, home, {**variables, "PREFECT_API_URL": api})


def _variables(place: Environment, home: Path) -> dict[str, str]:
    return {**place.variables(home), **_QUIET}


def _healthy(api: str) -> bool:
    try:
        return _request(f"{api}/health", "GET", None) is True
    except OSError:
        return False


def _has_worker(server: Server, pool: str) -> bool:
    """Say whether a worker has told the server that it is there."""
    try:
        return bool(server.request("POST", f"/work_pools/{pool}/workers/filter", {}))
    except OSError:
        return False


def _request(url: str, method: str, body: Any) -> Any:
    encoded = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, encoded, headers, method=method)
    for wait in (0.5, 1, 2, None):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
            break
        except urllib.error.HTTPError as exc:
            # A server on SQLite is busy now and then, and says so.
            if exc.code != 503 or wait is None:
                raise
            exc.close()
            time.sleep(wait)
    return json.loads(content) if content else None
