"""The options and arguments of each command."""

from __future__ import annotations

import argparse
from typing import Any, Tuple

from flowpack.exceptions import quoted

#: What ``--runner`` takes, so that no runner is loaded to parse it.
RUNNERS = ("universal", "subprocess", "docker", "kubernetes")

#: What ``--pull`` takes.
PULLS = ("stock", "flowpack")

_OWN = "parameter, in place of the deployment's own"

# A parser and a group of one take arguments alike; the library has no public name for
# what they share.


def deploy(parser: Any) -> None:
    """Add what ``deploy`` takes."""
    plan(parser)
    group = parser.add_mutually_exclusive_group()
    _flag(group, "--plan", "show what would be done, and stop")
    group.add_argument(
        "--plan-file",
        metavar="FILE",
        help="deploy only if the plan is that in FILE, made by flowpack plan --json",
    )


def plan(parser: Any) -> None:
    """Add what ``plan`` takes, and ``deploy`` too."""
    parser.add_argument("targets", nargs="+", metavar="TARGET", help="see below")
    kind = parser.add_mutually_exclusive_group()
    _flag(kind, "--spec", "a .py TARGET is a spec file; it is run")
    _flag(kind, "--script", "a .py TARGET is a script with flows")
    _script(parser.add_argument_group("the deployment of a script"))
    _schedule(parser.add_argument_group("the schedule of a script's deployment"))
    _work_pool(parser.add_argument_group("the same, on servers with work pools"))
    group = parser.add_argument_group("how it is deployed")
    _flag(
        group,
        "--confirm",
        "read the stored bytes, put damaged ones back, and read deployment and bytes once"
        " more after the last write",
    )
    group.add_argument("--jobs", type=_count, metavar="N", help="how many deployments at a time")
    _flag(group, "--fail-fast", "stop at the first that fails")
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
    _pairs(group, "--env", help="environment variable of the flow runs")
    add("--image", metavar="IMAGE", help="image of the flow runs, in Docker or Kubernetes")
    add("--runner-config", metavar="JSON", help="fields of the flow runner")
    _parameters(group, "default parameter of the flow runs")
    tags = group.add_mutually_exclusive_group()
    tags.add_argument("-t", "--tag", action="append", metavar="TAG", help="a tag")
    _constant(tags, "--no-tags", True, "remove the tags")


def _schedule(group: Any) -> None:
    kinds = group.add_mutually_exclusive_group()
    kinds.add_argument("--cron", metavar="EXPR", help="a cron schedule")
    kinds.add_argument("--interval", metavar="SECONDS", help="an interval schedule")
    kinds.add_argument("--rrule", metavar="RULE", help="an RRule schedule (RFC 5545)")
    _constant(kinds, "--no-schedule", True, "remove the schedule")
    group.add_argument("--timezone", metavar="TZ", help="the schedule's time zone")
    state = group.add_mutually_exclusive_group()
    _constant(state, "--paused", True, "pause the schedule")
    _constant(state, "--active", False, "resume the schedule", dest="paused")


def _work_pool(group: Any) -> None:
    add = group.add_argument
    add("--pool", metavar="NAME", help="work pool; default: that of the settings")
    _constant(group, "--create-pool", True, "create the work pool if it is missing")
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
    _pairs(group, "--label", help="a label; VALUE is text")


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
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="where to write; default: standard output")
    _flag(parser, "--force", "replace a FILE of other content")
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
    _parameters(parser, _OWN)
    _flag(parser, "--wait", "wait; status 0 only if the flow run completes")
    add = parser.add_argument
    add("--timeout", type=_seconds, metavar="SECONDS", help="longest time to --wait")
    _json(parser)


def storage_ls(parser: Any) -> None:
    """Add what ``storage ls`` takes."""
    _flag(parser, "--all", "anonymous ones too")
    _json(parser)


def storage_show(parser: Any) -> None:
    """Add what ``storage show`` takes."""
    parser.add_argument("storage", metavar="NAME-or-ID", help="see flowpack storage ls")
    _json(parser)


def storage_save(parser: Any) -> None:
    """Add what ``storage save`` takes."""
    parser.add_argument("where", metavar="WHERE", help="see below")
    parser.add_argument("name", metavar="NAME", help="the name of the block")
    _flag(parser, "--overwrite", "replace the block of that name")
    _json(parser)


def storage_default(parser: Any) -> None:
    """Add what ``storage default`` takes."""
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="ID", help="id or name of the new default")
    _flag(change, "--clear", "remove the default")
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
        "deployment", type=_full_name, metavar="FLOW/DEPLOYMENT", help="as flowpack ls lists it"
    )


def _parameters(parser: Any, help: str) -> None:
    help = f"{help}; VALUE is JSON if it is valid JSON, unless the parameter is a str"
    _pairs(parser, "-p", "--param", help=help)


def _pairs(parser: Any, *names: str, help: str) -> None:
    parser.add_argument(*names, action="append", type=_pair, metavar="KEY=VALUE", help=help)


def _unverified(parser: Any) -> None:
    _flag(parser, "--unverified", "accept bytes without a digest, as in others' deployments")


def _json(parser: Any, help: str = "print one JSON document") -> None:
    _flag(parser, "--json", help)


def _flag(parser: Any, name: str, help: str) -> None:
    parser.add_argument(name, action="store_true", help=help)


def _constant(parser: Any, name: str, value: bool, help: str, **settings: Any) -> None:
    """Add an option that is None if it is not given."""
    parser.add_argument(name, action="store_const", const=value, help=help, **settings)


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
