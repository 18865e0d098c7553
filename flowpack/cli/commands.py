"""The commands with their options and help; no command is loaded to parse its arguments."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from flowpack import __version__
from flowpack.cli import parser as types
from flowpack.cli.parser import Pairs, Parser

#: What ``--runner`` takes, so that no runner is loaded to parse it.
RUNNERS = ("universal", "subprocess", "docker", "kubernetes")

WHERE = """\
WHERE is one of
  FOLDER                       Local Storage in that folder
  file:FOLDER                  File Storage on that folder
  http(s)://HOST/PATH          File Storage over HTTP
  kv+http(s)://HOST:PORT       KV Server Storage
  temp:                        Temporary Local Storage
  s3://BUCKET  gs://BUCKET     S3, Google Cloud Storage
  azure://CONTAINER            Azure Blob Storage; the connection string is read
                               from AZURE_STORAGE_CONNECTION_STRING
  block:ID                     a storage block of the server, by its id
  block:TYPE-NAME/NAME         the same, by the names of its type and its own
  default:                     the server's default storage

Without it a deployment keeps its storage, and a new one gets the default.

"""

TARGET = """\
TARGET is one of
  SCRIPT[:FLOW]                path or http(s):// URL of a script, and which flow
                               (function, variable or name) if it has several
  SPECFILE                     .json, .yaml, or a .py that makes DeploymentSpecs;
                               it has what the options for scripts would set

"""

VERIFY = """\
Each deployment is
  ok            its bytes are those that were deployed
  missing       nothing is stored where it points
  corrupt       other bytes are stored there
  unreadable    they cannot be read
  unverifiable  nothing says what they must be (others made the deployment)
  skipped       nothing says where they are (others made the deployment)
The status is 1 where one is missing, corrupt or unreadable. Objects that no
deployment points at are listed where a storage is a folder of this machine, if
no FLOW/DEPLOYMENT is given. Nothing is changed or deleted; "flowpack deploy
... --confirm" puts back bytes that are missing or corrupt.

"""

# A parser and a group of one take arguments alike; the library has no public name for
# what they share.


def _deploy(parser: Any) -> None:
    _plan(parser)
    group = parser.add_mutually_exclusive_group()
    _flag(group, "--plan", "show what would be done, and stop")
    group.add_argument(
        "--plan-file",
        metavar="FILE",
        help="deploy only if the plan is that in FILE, made by flowpack plan --json",
    )


def _plan(parser: Any) -> None:
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
    group.add_argument(
        "--jobs", type=types.count, metavar="N", help="how many deployments at a time"
    )
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
    add("--runner-config", type=types.json_object, metavar="JSON", help="fields of the flow runner")
    _parameters(group, "default parameter of the flow runs")
    tags = group.add_mutually_exclusive_group()
    tags.add_argument("-t", "--tag", action="append", metavar="TAG", help="a tag")
    _flag(tags, "--no-tags", "remove the tags", default=None)


def _schedule(group: Any) -> None:
    kinds = group.add_mutually_exclusive_group()
    kinds.add_argument("--cron", metavar="EXPR", help="a cron schedule")
    kinds.add_argument("--interval", metavar="SECONDS", help="an interval schedule")
    kinds.add_argument("--rrule", metavar="RULE", help="an RRule schedule (RFC 5545)")
    _flag(kinds, "--no-schedule", "remove the schedule", default=None)
    group.add_argument("--timezone", metavar="TZ", help="the schedule's time zone")
    state = group.add_mutually_exclusive_group()
    _flag(state, "--paused", "pause the schedule", default=None)
    _flag(
        state, "--active", "resume the schedule", action="store_false", dest="paused", default=None
    )


def _work_pool(group: Any) -> None:
    add = group.add_argument
    add("--pool", metavar="NAME", help="work pool; default: that of the settings")
    _flag(group, "--create-pool", "create the work pool if it is missing", default=None)
    add("--queue", metavar="NAME", help="work queue in the work pool")
    add(
        "--pull",
        choices=("stock", "flowpack"),
        help="how workers fetch the script: with the steps that every worker has, or with a"
        " pull step that needs flowpack there",
    )
    add(
        "--pull-requires",
        metavar="REQ",
        help="what workers install for flowpack's pull step, as in flowpack==1.0",
    )
    add("--concurrency-limit", type=types.count, metavar="N", help="how many flow runs at a time")
    _pairs(group, "--label", help="a label; VALUE is text")


def _run(parser: Any) -> None:
    _deployment(parser)
    _parameters(parser, "parameter, in place of the deployment's own")
    _unverified(parser)
    _json(parser, "print the returned value as JSON; prints go to standard error")


def _pull(parser: Any) -> None:
    _deployment(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="where to write; default: standard output")
    _flag(parser, "--force", "replace a FILE of other content")
    _unverified(parser)
    _json(parser, "print what was written as JSON; needs --output")


def _verify(parser: Any) -> None:
    parser.add_argument(
        "deployments",
        nargs="*",
        type=types.full_name,
        metavar="FLOW/DEPLOYMENT",
        help="which to verify; default: all",
    )
    _json(parser)


def _trigger(parser: Any) -> None:
    _deployment(parser)
    _parameters(parser, "parameter, in place of the deployment's own")
    _flag(parser, "--wait", "wait; status 0 only if the flow run completes")
    parser.add_argument(
        "--timeout", type=types.seconds, metavar="SECONDS", help="longest time to --wait"
    )
    _json(parser)


def _named(parser: Any) -> None:
    _deployment(parser)
    _json(parser)


def _storage_ls(parser: Any) -> None:
    _flag(parser, "--all", "anonymous ones too")
    _json(parser)


def _storage_show(parser: Any) -> None:
    parser.add_argument("storage", metavar="NAME-or-ID", help="see flowpack storage ls")
    _json(parser)


def _storage_save(parser: Any) -> None:
    parser.add_argument("where", metavar="WHERE", help="see below")
    parser.add_argument("name", metavar="NAME", help="the name of the block")
    _flag(parser, "--overwrite", "replace the block of that name")
    _json(parser)


def _storage_default(parser: Any) -> None:
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--set", metavar="ID", help="id or name of the new default")
    _flag(change, "--clear", "remove the default")
    _json(parser)


def _deployment(parser: Any) -> None:
    parser.add_argument(
        "deployment",
        type=types.full_name,
        metavar="FLOW/DEPLOYMENT",
        help="as flowpack ls lists it",
    )


def _parameters(parser: Any, help: str) -> None:
    help = f"{help}; VALUE is JSON if it is valid JSON, unless the parameter is a str"
    _pairs(parser, "-p", "--param", help=help)


def _pairs(parser: Any, *names: str, help: str) -> None:
    parser.add_argument(*names, action=Pairs, type=types.pair, metavar="KEY=VALUE", help=help)


def _unverified(parser: Any) -> None:
    _flag(parser, "--unverified", "accept bytes without a digest, as in others' deployments")


def _json(parser: Any, help: str = "print one JSON document") -> None:
    _flag(parser, "--json", help)


def _flag(parser: Any, name: str, help: str, **settings: Any) -> None:
    parser.add_argument(name, help=help, **{"action": "store_true", **settings})


class Command(NamedTuple):
    """One command, described without loading it."""

    function: str  # ``module.name`` in flowpack.cli, called with the arguments.
    help: str
    example: str  # What follows the program's name.
    add_options: Callable[[Any], None] = _json
    notes: str = ""  # Further text of its help.
    commands: Sequence[Command] = ()  # Its own commands, in place of options.

    @property
    def name(self) -> str:
        """How it is called on the command line."""
        return self.function.rpartition(".")[2]


STORAGE_COMMANDS = (
    Command("storage.ls", "list storage blocks", "storage ls", _storage_ls),
    Command(
        "storage.show",
        "show a storage block, its secrets masked",
        "storage show flows",
        _storage_show,
    ),
    Command(
        "storage.save",
        "save a storage block under a name",
        "storage save https://files.example.com/flows/ flows",
        _storage_save,
        WHERE,
    ),
    Command(
        "storage.default",
        "show or set the server's default storage",
        "storage default --set flows",
        _storage_default,
    ),
)

COMMANDS = (
    Command(
        "deploy.deploy",
        "package flows and register them as deployments",
        "deploy flows.py:hello -n nightly --cron '0 3 * * *' -p name=Ada",
        _deploy,
        TARGET + WHERE,
    ),
    Command(
        "deploy.plan",
        "show what deploy would do with the same arguments; reads only",
        "plan specs.yaml",
        _plan,
        TARGET + WHERE,
    ),
    Command(
        "run.run",
        "fetch a deployment's script, verify it and run its flow here",
        "run hello/nightly -p name=Ada",
        _run,
    ),
    Command("deployments.ls", "list deployments", "ls --json"),
    Command(
        "deployments.inspect",
        "show a deployment and where its script is",
        "inspect hello/nightly",
        _named,
    ),
    Command(
        "pull.pull",
        "fetch a deployment's script, verify it and write it out",
        "pull hello/nightly -o flows.py",
        _pull,
    ),
    Command(
        "verify.verify",
        "read and hash again what deployments point at",
        "verify hello/nightly",
        _verify,
        VERIFY,
    ),
    Command(
        "deployments.delete",
        "delete a deployment; what it stored stays",
        "delete hello/nightly",
        _named,
    ),
    Command(
        "trigger.trigger",
        "create a flow run on the server and print its id",
        "trigger hello/nightly -p name=Ada --wait --timeout 600",
        _trigger,
    ),
    Command(
        "deployments.pause", "pause the schedule of a deployment", "pause hello/nightly", _named
    ),
    Command(
        "deployments.resume", "resume the schedule of a deployment", "resume hello/nightly", _named
    ),
    Command(
        "storage",
        "list, show and save storage blocks, and set the default",
        "storage ls",
        commands=STORAGE_COMMANDS,
    ),
    Command(
        "config.config",
        "show each setting's value and where it came from, secrets masked",
        "config --profile staging",
    ),
)


def make_parser(argv: Sequence[str]) -> Parser:
    """Return the parser of the whole command line.

    Args:
        argv: What is to be parsed; only the commands in it get their options, which takes most
            of the time.
    """
    parser = Parser(
        prog="flowpack",
        description="Package Prefect flows and register them as deployments.",
        epilog="Example:\n  flowpack deploy flows.py --name nightly",
    )
    parser.add_argument("--version", action="version", version=f"flowpack {__version__}")
    _add_commands(parser, COMMANDS, argv)
    return parser


def _add_commands(parser: Parser, commands: Sequence[Command], argv: Sequence[str]) -> None:
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    for command in commands:
        own = subparsers.add_parser(command.name, help=command.help)
        if command.name not in argv:
            continue
        own.description = f"{command.help[0].upper()}{command.help[1:]}."
        own.epilog = f"{command.notes}Example:\n  flowpack {command.example}"
        if command.commands:
            _add_commands(own, command.commands, argv)
            continue
        own.register("type", None, types.not_empty)
        own.set_defaults(function=command.function)
        command.add_options(own)
        settings = own.add_argument_group("settings")
        settings.add_argument("--api", metavar="URL", help="URL of the API, with /api")
        settings.add_argument("--profile", metavar="NAME", help="Prefect profile to use")
