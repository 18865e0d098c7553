"""The options and arguments of each command."""

from __future__ import annotations

import argparse
from typing import Any, Tuple

from flowpack.exceptions import quoted

#: What ``--runner`` takes, so that no runner is loaded to parse it.
RUNNERS = ("universal", "subprocess", "docker", "kubernetes")

#: What ``--pull`` takes.
PULLS = ("stock", "flowpack")

# A parser and a group of one take arguments alike; the library has no public name for
# what they share.


def deploy(parser: Any) -> None:
    """Add what ``deploy`` takes."""
    plan(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--plan", action="store_true", help="show what would be done, and stop")
    group.add_argument(
        "--plan-file",
        metavar="FILE",
        help="deploy only if the plan is that in FILE, made by flowpack plan --json",
    )


def plan(parser: Any) -> None:
    """Add what ``plan`` takes, and ``deploy`` too."""
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
    _work_pool(parser.add_argument_group("the same, on servers with work pools"))
    group = parser.add_argument_group("how it is deployed")
    group.add_argument(
        "--confirm",
        action="store_true",
        help="read the stored bytes, put damaged ones back, and read deployment and bytes"
        " once more after the last write",
    )
    group.add_argument(
        "--jobs", type=_count, metavar="N", help="how many deployments at a time"
    )
    group.add_argument(
        "--fail-fast", action="store_true", help="stop at the first that fails"
    )
    _json(group)


def _script(group: Any) -> None:
    add = group.add_argument
    add("-n", "--name", metavar="NAME", help="its name; default: the flow's")
    add("--description", type=str, metavar="TEXT", help="its description; default: the flow's")
    add("--version", type=str, metavar="TEXT", help="its version; default: the flow's")
    add(
        "--storage",
        metavar="WHERE",
        help="where the script is stored; default: where it is now, else the server's default"
        " storage",
    )
    add(
        "--runner",
        metavar="TYPE",
        choices=RUNNERS,
        help=f"type of the flow runner: {', '.join(RUNNERS)}; default: as it is now",
    )
    add(
        "--env",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help="environment variable of the flow runs",
    )
    add("--image", metavar="IMAGE", help="image of the flow runs, in Docker or Kubernetes")
    add("--runner-config", metavar="JSON", help="fields of the flow runner")
    _parameters(group, "default parameter of the flow runs")
    tags = group.add_mutually_exclusive_group()
    tags.add_argument("-t", "--tag", action="append", metavar="TAG", help="a tag")
    tags.add_argument("--no-tags", action="store_const", const=True, help="remove the tags")


def _schedule(group: Any) -> None:
    kinds = group.add_mutually_exclusive_group()
    kinds.add_argument("--cron", metavar="EXPR", help="a cron schedule")
    kinds.add_argument("--interval", metavar="SECONDS", help="an interval schedule")
    kinds.add_argument("--rrule", metavar="RULE", help="an RRule schedule (RFC 5545)")
    kinds.add_argument(
        "--no-schedule", action="store_const", const=True, help="remove the schedule"
    )
    group.add_argument("--timezone", metavar="TZ", help="the schedule's time zone")
    state = group.add_mutually_exclusive_group()
    state.add_argument(
        "--paused", action="store_const", const=True, dest="paused", help="pause the schedule"
    )
    state.add_argument(
        "--active", action="store_const", const=False, dest="paused", help="resume the schedule"
    )


def _work_pool(group: Any) -> None:
    add = group.add_argument
    add("--pool", metavar="NAME", help="work pool; default: that of the settings")
    add(
        "--create-pool",
        action="store_const",
        const=True,
        help="create the work pool if it is missing",
    )
    add("--queue", metavar="NAME", help="work queue in the work pool")
    add(
        "--pull",
        choices=PULLS,
        help="how workers fetch the script: with the steps that every worker has, or with a"
        " pull step that needs flowpack there",
    )
    add(
        "--pull-requires",
        metavar="REQ",
        help="what workers install for flowpack's pull step, as in flowpack==1.0",
    )
    add("--concurrency-limit", type=_count, metavar="N", help="how many flow runs at a time")
    add(
        "--label",
        action="append",
        type=_pair,
        metavar="KEY=VALUE",
        help="a label; VALUE is text",
    )


def run(parser: Any) -> None:
    """Add what ``run`` takes."""
    _deployment(parser)
    _parameters(parser, "parameter, in place of the deployment's own")
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
        "-o", "--output", metavar="FILE", help="where to write; default: standard output"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a FILE of other content"
    )
    _unverified(parser)
    _json(parser, "print what was written as JSON; needs --output")


def verify(parser: Any) -> None:
    """Add what ``verify`` takes."""
    parser.add_argument(
        "deployments",
        nargs="*",
        type=_full_name,
        metavar="FLOW/DEPLOYMENT",
        help="which to verify; default: all",
    )
    _json(parser)


def trigger(parser: Any) -> None:
    """Add what ``trigger`` takes."""
    _deployment(parser)
    _parameters(parser, "parameter, in place of the deployment's own")
    parser.add_argument(
        "--wait", action="store_true", help="wait; status 0 only if the flow run completes"
    )
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="longest time to --wait"
    )
    _json(parser)


def storage_ls(parser: Any) -> None:
    """Add what ``storage ls`` takes."""
    parser.add_argument("--all", action="store_true", help="anonymous ones too")
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
        "--overwrite", action="store_true", help="replace the block of that name"
    )
    _json(parser)


def storage_default(parser: Any) -> None:
    """Add what ``storage default`` takes."""
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="ID", help="id or name of the new default")
    change.add_argument("--clear", action="store_true", help="remove the default")
    _json(parser)


def config(parser: Any) -> None:
    """Add what ``config`` takes."""
    _json(parser)


def settings(parser: Any) -> None:
    """Add what every command takes."""
    group = parser.add_argument_group("settings")
    group.add_argument("--api", metavar="URL", help="URL of the API, with /api")
    group.add_argument("--profile", metavar="NAME", help="Prefect profile to read settings of")


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
        help=f"{help}; VALUE is JSON if it is valid JSON and the parameter no str",
    )


def _unverified(parser: Any) -> None:
    parser.add_argument(
        "--unverified",
        action="store_true",
        help="accept bytes without a digest, as in deployments that others made",
    )


def _json(parser: Any, help: str = "print one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=help)


# The types of arguments.


def not_empty(text: str) -> str:
    """Return *text*; an empty one is a variable that is not set, and refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the value is empty; is a variable not set?")
    return text


def _full_name(text: str) -> str:
    if "/" in text and not all(map(str.strip, text.split("/"))):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not FLOW/DEPLOYMENT")
    return not_empty(text)


def _pair(text: str) -> Tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key.strip() and equals):
        raise argparse.ArgumentTypeError(f"{quoted(text)} is not KEY=VALUE")
    return key, value


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and int(text) > 0):
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
