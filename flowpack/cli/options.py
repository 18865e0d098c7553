"""The options and arguments of each command."""

from __future__ import annotations

import argparse
from typing import Any, Tuple

from flowpack.exceptions import quoted

#: What ``--runner`` takes, so that no runner is loaded to parse it.
RUNNERS = ("universal", "subprocess", "docker", "kubernetes")

#: What ``--pull`` takes.
PULLS = ("stock", "flowpack")

_OWN = "laid over the deployment's own parameters"

# A parser and a group of one take arguments alike; the library has no public name
# for what they share.


def deploy(parser: Any) -> None:
    """Add what ``deploy`` takes."""
    plan(parser)
    planned = parser.add_mutually_exclusive_group()
    planned.add_argument(
        "--plan", action="store_true", help="say what would be done, and stop"
    )
    planned.add_argument(
        "--plan-file",
        metavar="FILE",
        help="go on only if that is what FILE says, made by flowpack plan --json",
    )


def plan(parser: Any) -> None:
    """Add what ``plan`` takes: all that ``deploy`` does."""
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="see below")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument(
        "--spec", action="store_true", help="a .py TARGET is a spec file; it is run"
    )
    kind.add_argument(
        "--script", action="store_true", help="a .py TARGET is a script with flows"
    )
    _script(parser.add_argument_group("the deployment of a script"))
    _schedule(parser.add_argument_group("the schedule of a script's deployment"))
    _prefect3(parser.add_argument_group("the same, on servers with work pools"))
    group = parser.add_argument_group("how it is done")
    group.add_argument(
        "--confirm",
        action="store_true",
        help="read the stored bytes, put damaged ones back, and read deployment and"
        " bytes once more after the last write",
    )
    group.add_argument(
        "--jobs", type=_count, metavar="N", help="how many deployments at a time"
    )
    group.add_argument(
        "--fail-fast", action="store_true", help="stop at the first that fails"
    )
    _json(group)


def _script(group: Any) -> None:
    group.add_argument(
        "-n", "--name", metavar="NAME", help="its name; the flow's if not given"
    )
    group.add_argument(
        "--description",
        type=str,
        metavar="TEXT",
        help="what it is for; the flow's if not given",
    )
    group.add_argument(
        "--version",
        type=str,
        metavar="TEXT",
        help="its version; the flow's if not given",
    )
    group.add_argument(
        "--storage",
        metavar="WHERE",
        help="where the script goes; if not given, where it is now, else the server's"
        " default",
    )
    group.add_argument(
        "--runner",
        metavar="TYPE",
        choices=RUNNERS,
        help=f"{', '.join(RUNNERS)}; kept if not given",
    )
    group.add_argument(
        "--env",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help="environment variable of the runs",
    )
    group.add_argument(
        "--image",
        metavar="IMAGE",
        help="image of the runs, in Docker or Kubernetes",
    )
    group.add_argument(
        "--runner-config", metavar="JSON", help="the runner's fields"
    )
    _parameters(group, "default parameter of the runs")
    tags = group.add_mutually_exclusive_group()
    tags.add_argument(
        "-t", "--tag", action="append", metavar="TAG", help="one more tag"
    )
    tags.add_argument(
        "--no-tags", action="store_const", const=True, help="have no tags"
    )


def _schedule(group: Any) -> None:
    kinds = group.add_mutually_exclusive_group()
    kinds.add_argument("--cron", metavar="EXPR", help="runs by a cron expression")
    kinds.add_argument("--interval", metavar="SECONDS", help="a run every so often")
    kinds.add_argument("--rrule", metavar="RULE", help="runs by a rule of RFC 5545")
    kinds.add_argument(
        "--no-schedule", action="store_const", const=True, help="have no schedule"
    )
    group.add_argument(
        "--timezone", metavar="TZ", help="the zone whose clock the schedule follows"
    )
    state = group.add_mutually_exclusive_group()
    state.add_argument(
        "--paused",
        action="store_const",
        const=True,
        dest="paused",
        help="let the schedule rest",
    )
    state.add_argument(
        "--active",
        action="store_const",
        const=False,
        dest="paused",
        help="let the schedule make runs",
    )


def _prefect3(group: Any) -> None:
    group.add_argument(
        "--pool", metavar="NAME", help="work pool; the settings' if not given"
    )
    group.add_argument(
        "--create-pool",
        action="store_const",
        const=True,
        help="make the pool if it is missing",
    )
    group.add_argument("--queue", metavar="NAME", help="work queue in the pool")
    group.add_argument(
        "--pull",
        choices=PULLS,
        help="how workers fetch the script: with what every worker has, or with a step"
        " that needs flowpack there",
    )
    group.add_argument(
        "--pull-requires",
        metavar="REQ",
        help="what workers install for the flowpack step, as in flowpack==1.0",
    )
    group.add_argument(
        "--concurrency-limit",
        type=_count,
        metavar="N",
        help="how many runs at a time",
    )
    group.add_argument(
        "--label",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help="one more label; VALUE is text",
    )


def run(parser: Any) -> None:
    """Add what ``run`` takes."""
    _deployment(parser)
    _parameters(parser, _OWN)
    _unverified(parser)
    _json(parser, "print the returned value as JSON; prints go to standard error")


def ls(parser: Any) -> None:
    """Add what ``ls`` takes."""
    _json(parser)


def deployment(parser: Any) -> None:
    """Add what ``inspect``, ``delete``, ``pause`` and ``resume`` take."""
    _deployment(parser)
    _json(parser)


def pull(parser: Any) -> None:
    """Add what ``pull`` takes."""
    _deployment(parser)
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="where to; standard output if not given"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a FILE of other content"
    )
    _unverified(parser)
    _json(parser, "tell what was written as JSON; needs --output")


def verify(parser: Any) -> None:
    """Add what ``verify`` takes."""
    parser.add_argument(
        "deployments",
        nargs="*",
        type=_full_name,
        metavar="FLOW/DEPLOYMENT",
        help="which; all if none is given",
    )
    _json(parser)


def trigger(parser: Any) -> None:
    """Add what ``trigger`` takes."""
    _deployment(parser)
    _parameters(parser, _OWN)
    parser.add_argument(
        "--wait", action="store_true", help="wait; status 0 only if it completes"
    )
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="longest time to --wait"
    )
    _json(parser)


def storage_ls(parser: Any) -> None:
    """Add what ``storage ls`` takes."""
    parser.add_argument("--all", action="store_true", help="those without a name too")
    _json(parser)


def storage_show(parser: Any) -> None:
    """Add what ``storage show`` takes."""
    parser.add_argument("storage", metavar="NAME-or-ID", help="see flowpack storage ls")
    _json(parser)


def storage_save(parser: Any) -> None:
    """Add what ``storage save`` takes."""
    parser.add_argument("where", metavar="WHERE", help="see below")
    parser.add_argument("name", metavar="NAME", help="the name of the block")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what NAME stands for"
    )
    _json(parser)


def storage_default(parser: Any) -> None:
    """Add what ``storage default`` takes."""
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="ID", help="id or name of the new default")
    change.add_argument("--clear", action="store_true", help="have no default")
    _json(parser)


def config(parser: Any) -> None:
    """Add what ``config`` takes."""
    _json(parser)


# What several commands have.


def settings(parser: Any) -> None:
    """Add what every command takes."""
    group = parser.add_argument_group("settings")
    group.add_argument("--api", metavar="URL", help="the API, /api included")
    group.add_argument(
        "--profile", metavar="NAME", help="the profile of Prefect's to read settings of"
    )


def _deployment(parser: Any) -> None:
    parser.add_argument(
        "deployment",
        type=_full_name,
        metavar="FLOW/DEPLOYMENT",
        help="as flowpack ls lists it",
    )


def _parameters(parser: Any, help: str) -> None:
    parser.add_argument(
        "-p",
        "--param",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help=f"{help}; VALUE is JSON if it reads as JSON and is not to be a str",
    )


def _unverified(parser: Any) -> None:
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="take bytes that carry no digest, as in deployments that others made",
    )


def _json(parser: Any, help: str = "print one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=help)


def given(text: str) -> str:
    """Return *text*; the type of all arguments that have no other.

    An empty one is a variable that is not set, and not meant.
    """
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty; is a variable not set?")
    return text


def _full_name(text: str) -> str:
    if "/" in text and not all(map(str.strip, text.split("/"))):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not FLOW/DEPLOYMENT")
    return given(text)


def _pair(text: str) -> Tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not KEY=VALUE")
    return key, value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) and len(text) < 6):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is no number of seconds")
    return seconds
