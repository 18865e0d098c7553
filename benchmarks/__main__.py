"""``python -m benchmarks``: measure everything and write ``RESULTS.rst``."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from typing import Callable, Iterable

import attrs

from benchmarks import embedded, objects, projects, startup, table, warm
from benchmarks.places import beside, scratch, versions
from benchmarks.timing import Figure
from tests.peers.environments import Environment, PeerUnavailable
from tests.peers.prefect import ORION, orion_server, prefect_server

RESULTS = Path(__file__).resolve().parent / "RESULTS.rst"

_PREFECT3 = "3.9.1"


@attrs.define
class Report:
    """What was found so far; said on the terminal as it comes."""

    figures: list[Figure] = attrs.field(factory=list)
    versions: dict[str, str] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)
    load: list[float] = attrs.field(factory=lambda: [os.getloadavg()[0]])

    def add(self, found: Iterable[Figure]) -> None:
        """Take figures."""
        for figure in found:
            self.figures.append(figure)
            self.load.append(os.getloadavg()[0])
            print(table.line(figure), flush=True)

    def attempt(self, theme: Callable[[], None], name: str) -> None:
        """Run a theme; where a peer is missing that is a note."""
        print(f"--- {name}", flush=True)
        try:
            theme()
        except PeerUnavailable as exc:
            reason = str(exc).splitlines()[0]
            print(f"left out: {exc}", file=sys.stderr, flush=True)
            self.notes.append(f"Left out: {name} ({reason}).")


def main() -> int:
    """Measure, print each figure, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="few rounds, and no Prefect 3"
    )
    parser.add_argument(
        "--rounds", type=int, help="default: 9, and 3 of the quick ones"
    )
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help="default: %(default)s"
    )
    options = parser.parse_args()
    report = Report()
    report.versions["this process"] = (
        f"{platform.python_implementation()} {platform.python_version()}"
    )
    with scratch() as folder:
        rounds = options.rounds or (3 if options.quick else 9)
        _measure(report, folder, rounds, options.quick)
    report.notes += _NOTES
    page = table.render(
        report.figures, report.versions, report.notes, report.load, options.quick
    )
    options.output.write_text(page, "utf-8")
    print(f"written to {options.output}")
    return 0


def _measure(report: Report, folder: Path, rounds: int, quick: bool) -> None:
    report.attempt(
        lambda: report.add(embedded.figures(folder, rounds)), "embedded API"
    )
    report.attempt(lambda: report.add(objects.figures(folder, rounds)), "objects")
    report.attempt(lambda: report.add(projects.figures(folder, rounds)), "projects")
    report.attempt(lambda: _orion(report, folder, rounds), "Prefect 2.0b7")
    if not quick:
        report.attempt(lambda: _prefect3(report, folder, rounds), "Prefect 3.9.1")


def _orion(report: Report, folder: Path, rounds: int) -> None:
    theirs, ours = beside(ORION)
    _say_versions(report, theirs, ours)
    report.add([startup.imported(ours, folder, rounds)])
    with orion_server(_home(folder, "orion")) as server:
        # First, for the server becomes slower the more it holds.
        report.add([startup.against_orion(server, ours, folder, rounds)])
        report.add(warm.figures(server.api, folder, rounds))
    report.add([startup.embedded(theirs, ours, folder, rounds)])


def _prefect3(report: Report, folder: Path, rounds: int) -> None:
    theirs, ours = beside(f"prefect-{_PREFECT3}")
    _say_versions(report, theirs, ours)
    report.add([startup.imported(ours, folder, rounds)])
    with prefect_server(_PREFECT3, _home(folder, "prefect3")) as server:
        report.add([startup.against_prefect3(server, ours, folder, rounds)])


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home


def _say_versions(report: Report, theirs: Environment, ours: Environment) -> None:
    report.versions[f"{theirs.name}, the whole processes"] = versions(theirs, "prefect")
    names = ("flowpack", "attrs", "cattrs", "requests", "urllib3")
    report.versions[f"flowpack beside {theirs.name}"] = versions(ours, *names)


_NOTES = (
    "Cold commands are whole processes, from their start to their end, of programs"
    " that are installed: flowpack from a wheel of the checkout, in an environment of"
    " its own, on the Python of the peer's. Each deploys under a new name.",
    "``prefect deploy`` is spared its last request, which asks for online workers:"
    " the server of the environment refuses it, and printing the error takes longer"
    " than the request.",
    "The raw floor stores no script. flowpack's side looks whether it is stored, and"
    " stores and syncs it where the script is said to be new; so it does in the set.",
    "A project is packed by a plan, which finds its files, too, in a process of its own.",
    "Large objects stay in the system's cache on both sides. flowpack hashes what it"
    " uploads once before and once while it is sent.",
)


if __name__ == "__main__":
    sys.exit(main())
