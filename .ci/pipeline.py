"""The checks of ``.ci/run``: what the README says, tests, types, lint, peers.

Each check runs in a folder and a virtual environment of its own and prints to a
log; two run at a time. All of them run, whatever fails.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.peers.interpreters import SUPPORTED, find_interpreter  # noqa: E402

#: Longest time that one command may take, in seconds.
LIMIT = 1800

#: The line that pytest closes with.
PYTEST_SUMMARY = r"^=* ?((?:\d+ \w+, )*\d+ \w+ in [\d.]+s.*?) ?=*$"

#: The peer tests that want SDKs and emulators of their own.
CLOUD_TESTS = "tests/blocks/test_cloud_peers.py"

#: What is not copied: it is not part of a clean clone.
IGNORED = (
    ".*_cache",
    ".coverage*",
    ".git",
    ".hypothesis",
    ".venv*",
    "*.egg-info",
    "__pycache__",
    "build",
    "dist",
    "work",
)


@dataclass
class Check:
    """One check: what it does, and how it ended.

    Attributes:
        name: For people; also the name of its log.
        work: Gets its files.
        body: Does it, with the methods below; raises if it fails.
    """

    name: str
    work: Path
    body: Callable[[Check], None]
    seconds: float = 0.0
    failed: bool = False
    said: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """Where everything is that its commands printed."""
        return self.work / "logs" / f"{self.name.replace(' ', '-')}.log"

    def copy(self) -> Path:
        """Return a new copy of the repository."""
        target = self.work / "source" / self.name.replace(" ", "-")
        shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*IGNORED))
        return target

    def copy_around(self, wheel: Path) -> Path:
        """Return a new copy whose package is the one that *wheel* brings."""
        target = self.copy()
        shutil.rmtree(target / "flowpack")
        shutil.unpack_archive(wheel, target, "zip")
        return target

    def run(
        self,
        *command: str | Path,
        folder: Path,
        allowed: tuple[int, ...] = (0,),
        **variables: str,
    ) -> str:
        """Run a command and return what it printed; a failure is an error."""
        words = [os.fspath(word) for word in command]
        with open(self.log, "a+b") as log:
            log.write(f"$ {shlex.join(words)}\n".encode())
            log.flush()
            start = log.tell()
            process = subprocess.Popen(
                words,
                cwd=folder,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                status = process.wait(LIMIT)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
            log.seek(start)
            output = log.read().decode("utf-8", "replace")
        self.said += re.findall(PYTEST_SUMMARY, output, re.MULTILINE)
        if status not in allowed:
            short = textwrap.shorten(shlex.join(words), 70)
            raise RuntimeError(f"{short} ended with {status}")
        return output

    def venv(self, python: Path) -> Path:
        """Return the interpreter of a new environment of its own."""
        target = self.work / "venvs" / self.name.replace(" ", "-")
        self.run("uv", "venv", "-q", "--python", python, target, folder=self.work)
        return target / "bin" / "python"

    def install(self, python: Path, *wanted: str | Path) -> None:
        """Install requirements into an environment and say what came."""
        target = ("--python", python)
        command = ("uv", "pip", "install", "-q", "--compile-bytecode", *target)
        self.run(*command, *wanted, folder=self.work)
        self.run("uv", "pip", "list", "-q", *target, folder=self.work)

    def perform(self) -> None:
        """Do it, measure it, and keep how it ended."""
        print(f"--- {self.name}: started", flush=True)
        started = time.monotonic()
        try:
            self.body(self)
        except Exception as exc:  # Told in the summary, after the others have run.
            self.failed = True
            self.said.append(f"{type(exc).__name__}: {exc}")
        self.seconds = time.monotonic() - started
        print(self.summary, flush=True)

    @property
    def summary(self) -> str:
        """One line with the result, the time and the tests' own summary."""
        result = "FAILED" if self.failed else "ok"
        facts = "; ".join(self.said)
        return f"--- {self.name:18} {result:6} {self.seconds:6.1f} s  {facts}"


def readme_commands() -> list[str]:
    """Return the command lines that README.rst tells its readers to type."""
    text = (ROOT / "README.rst").read_text("utf-8")
    lines = re.findall(r"^ {4}(.*\.venv/bin/pip install .*)$", text, re.M)
    if len(lines) != 2:
        raise RuntimeError(f"README.rst has {len(lines)} install commands, not two")
    return lines


def readme(python: Path) -> Callable[[Check], None]:
    """Type what README.rst says, as a user with *python* would."""

    def body(check: Check) -> None:
        folder = check.copy()
        commands = check.work / "commands"
        commands.mkdir()
        (commands / "python").write_text(f'#!/bin/sh\nexec "{python}" "$@"\n')
        (commands / "python").chmod(0o755)
        path = f"{commands}:{os.environ['PATH']}"
        home = str(check.work / "readme-home")
        try_it, test_it = readme_commands()
        shell = ("bash", "-euo", "pipefail", "-c")
        said = check.run(*shell, try_it, folder=folder, PATH=path, FLOWPACK_HOME=home)
        if "Ada!" not in said:
            raise RuntimeError("the README's first command printed no greeting")
        check.run(*shell, test_it, folder=folder, PATH=path)

    return body


def lowest(check: Check, python: Path) -> tuple[str | Path, ...]:
    """Return constraints that hold the dependencies at the lowest that we allow."""
    pins = check.work / "lowest.txt"
    command = ("uv", "pip", "compile", "-q", "--resolution", "lowest-direct")
    target = ("--python", python, "-o", pins)
    # This leaves files beside setup.cfg, so it is not that of the repository.
    with tempfile.TemporaryDirectory() as folder:
        for name in ("setup.py", "setup.cfg", "README.rst", "flowpack/__init__.py"):
            copied = Path(folder) / name
            copied.parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, copied)
        check.run(*command, *target, "setup.cfg", folder=Path(folder))
    return "-c", pins


def suite(
    python: Path,
    wheel: Path,
    constraints: Callable[[Check, Path], tuple[str | Path, ...]] | None = None,
    *,
    profile: str = "normal",
    without: tuple[str, ...] = (),
) -> Callable[[Check], None]:
    """Run the tests on what the wheel brings, but for the folders in *without*."""

    def body(check: Check) -> None:
        venv_python = check.venv(python)
        held = constraints(check, python) if constraints else ()
        check.install(venv_python, f"{wheel}[test]", *held)
        folder = check.copy_around(wheel)
        left_out = [f"--ignore={each}" for each in without]
        check.run(
            venv_python,
            "-m",
            "pytest",
            *left_out,
            folder=folder,
            HYPOTHESIS_PROFILE=profile,
        )

    return body


def coverage(python: Path, wheel: Path) -> Callable[[Check], None]:
    """Run the tests on what the wheel brings and see which lines they reach."""

    def body(check: Check) -> None:
        venv_python = check.venv(python)
        check.install(venv_python, f"{wheel}[test]")
        folder = check.copy_around(wheel)
        measured = (venv_python, "-m", "coverage")
        check.run(*measured, "run", "-m", "pytest", folder=folder)
        check.run(*measured, "combine", "-q", folder=folder)
        report = check.run(*measured, "report", folder=folder)
        check.said += re.findall(r"^TOTAL.* (\d+%)$", report, re.MULTILINE)

    return body


def types(python: Path) -> Callable[[Check], None]:
    """Check types as *python* sees them."""

    def body(check: Check) -> None:
        folder = check.copy()
        venv_python = check.venv(python)
        check.install(venv_python, f"{folder}[dev,test]")
        check.run(venv_python, "-m", "mypy", folder=folder)

    return body


def lint(python: Path) -> Callable[[Check], None]:
    """Check style."""

    def body(check: Check) -> None:
        folder = check.copy()
        venv_python = check.venv(python)
        check.install(venv_python, "flake8", "flake8-docstrings")
        check.run(venv_python, "-m", "flake8", folder=folder)

    return body


def installed(python: Path, wheel: Path) -> Callable[[Check], None]:
    """Use the wheel, with nothing but its own dependencies, in an empty folder."""

    def body(check: Check) -> None:
        folder = check.work / "elsewhere"
        folder.mkdir()
        venv_python = check.venv(python)
        check.install(venv_python, wheel)
        names = "import flowpack; [getattr(flowpack, n) for n in flowpack.__all__]"
        check.run(venv_python, "-c", names, folder=folder)
        said = check.run(venv_python.with_name("flowpack"), "--version", folder=folder)
        check.said.append(said.strip())

    return body


def marked(
    marker: str, python: Path, *, peers: bool = False
) -> Callable[[Check], None]:
    """Run the tests with *marker*, in a checkout as their authors do."""

    def body(check: Check) -> None:
        folder = check.copy()
        cache = os.environ.get("FLOWPACK_PEERS") or str(check.work / "peers")
        if peers:
            make = ("-m", "tests.peers.environments")
            check.run(sys.executable, *make, folder=folder, FLOWPACK_PEERS=cache)
        venv_python = check.venv(python)
        check.install(venv_python, f"{folder}[test]")
        test = ("-m", "pytest", "-m", marker, "--durations=10")
        apart = ("--ignore", CLOUD_TESTS)
        check.run(venv_python, *test, *apart, folder=folder, FLOWPACK_PEERS=cache)

    return body


def clouds(python: Path) -> Callable[[Check], None]:
    """Run the tests of the cloud storages, with their SDKs and emulators."""

    def body(check: Check) -> None:
        folder = check.copy()
        venv_python = check.venv(python)
        emulators = ("moto[server]", "gcp-storage-emulator")
        check.install(venv_python, f"{folder}[test,s3,gcs,azure]", *emulators)
        azurite = check.work / "peers" / "azurite"
        programs = azurite / "node_modules" / ".bin"
        if not (programs / "azurite-blob").exists():
            quiet = ("--no-audit", "--no-fund", "--loglevel=error")
            npm = ("npm", "install", *quiet, "--prefix", azurite, "azurite")
            check.run(*npm, folder=check.work)
        path = f"{venv_python.parent}:{programs}:{os.environ['PATH']}"
        test = ("-m", "pytest", "-m", "peer", CLOUD_TESTS)
        check.run(venv_python, *test, folder=folder, PATH=path)

    return body


def build(work: Path) -> Path:
    """Build source archive and wheel; return the wheel."""
    check = Check("build", work, lambda check: None)
    folder = check.copy()
    check.run(sys.executable, "-m", "build", "-o", work / "dist", folder=folder)
    (wheel,) = (work / "dist").glob("*.whl")
    return wheel


def checks(work: Path, pythons: dict[str, Path]) -> tuple[list[Check], list[Check]]:
    """Return the checks that run side by side, and those that want quiet."""
    wheel = build(work)
    oldest, newest = list(pythons)[0], list(pythons)[-1]
    first, last = pythons[oldest], pythons[newest]
    together = [
        Check("peers", work, marked("peer", last, peers=True)),
        Check(f"readme {newest}", work, readme(last)),
        Check("clouds", work, clouds(pythons.get("3.12", last))),
        Check(f"tests {oldest} lowest", work, suite(first, wheel, lowest)),
        Check(f"coverage {newest}", work, coverage(last, wheel)),
        Check(f"types {newest}", work, types(last)),
        Check(f"types {oldest}", work, types(first)),
        Check("lint", work, lint(last)),
        Check("installed wheel", work, installed(last, wheel)),
    ]
    for release in list(pythons)[1:-1]:
        # What faults and crashes do is not a matter of the releases in between.
        without = ("tests/trust",)
        body = suite(pythons[release], wheel, profile="fast", without=without)
        together.append(Check(f"tests {release}", work, body))
    return together, [Check("stress", work, marked("stress", last))]


def clean(work: Path) -> None:
    """Forget the last run, but not what takes long to install."""
    for path in work.iterdir():
        if path.name in ("peers", "run.lock", "tools"):
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    (work / "logs").mkdir()


def main(work: Path, wanted: list[str]) -> int:
    """Run the checks whose names begin like one of *wanted*, else all of them.

    Returns:
        The exit status: 0 if none failed.
    """
    clean(work)
    found = {release: find_interpreter(release) for release in SUPPORTED}
    pythons = {release: path for release, path in found.items() if path is not None}
    for release in SUPPORTED:
        print(f"Python {release}: {found[release] or 'not found, not tested'}")
    together, alone = (
        [each for each in some if each.name.startswith(tuple(wanted or [""]))]
        for some in checks(work, pythons)
    )
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Check.perform, together))
    for check in alone:
        check.perform()
    everything = together + alone
    failures = [check for check in everything if check.failed]
    for check in failures:
        print(f"\n=== {check.name}: {check.log}")
        print(check.log.read_text("utf-8", "replace"))
    print("\nSummary")
    for check in everything:
        print(check.summary)
    print(f"{len(failures)} of {len(everything)} checks failed")
    print(f"{len(everything) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
