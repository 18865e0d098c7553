"""The grammar of the command line. To parse it no command is loaded."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Callable, Mapping, NamedTuple, NoReturn, Optional, Sequence

from flowpack import __version__
from flowpack.cli import options
from flowpack.exceptions import printable

WHERE = """\
WHERE is one of
  FOLDER                       Local Storage in that folder
  file:FOLDER                  File Storage on that folder
  http(s)://HOST/PATH          File Storage over HTTP
  kv+http(s)://HOST:PORT       KV Server Storage
  temp:                        Temporary Local Storage
  s3://BUCKET  gs://BUCKET     S3, Google Cloud Storage
  azure://CONTAINER            Azure Blob Storage; the connection string is taken
                               from AZURE_STORAGE_CONNECTION_STRING
  block:ID                     a storage block of the server, by its id
  block:TYPE-NAME/NAME         the same, by the names of its type and its own
  default:                     the server's default storage

Without it a deployment stays where it is, and a new one goes to the default.

"""

TARGET = """\
TARGET is one of
  SCRIPT[:FLOW]                path or http(s):// URL of a script, and which flow
                               (function, variable or name) if it has several
  SPECFILE                     .json, .yaml, or a .py that makes DeploymentSpecs;
                               they say what the options for scripts would

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


class UsageError(Exception):
    """What was asked for contradicts itself; ends with status 2."""


class _Narrow(argparse.RawDescriptionHelpFormatter):
    """Asks nobody how wide the terminal is, which takes a slow import.

    One is made for each argument that is added, and most are never used.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class Parser(argparse.ArgumentParser):
    """Tells errors the way the rest of the command line does."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        settings.setdefault("formatter_class", _Narrow)
        super().__init__(**settings)

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print usage and *message*, and end with status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"flowpack: error: {printable(message, 1000)}\n")


class Command(NamedTuple):
    """One command, told without loading it.

    Attributes:
        name: What is written on the command line.
        module: The module of this package whose ``run`` takes the arguments.
        help: What it does.
        example: A line that shows it.
        fill: Adds its arguments to a parser; None where it has commands of its own.
        notes: What its help says besides.
        defaults: Further values for ``run``.
        commands: The commands of its own.
    """

    name: str
    module: str
    help: str
    example: str
    fill: Optional[Callable[[Any], None]] = None
    notes: str = ""
    defaults: Mapping[str, Any] = {}
    commands: Sequence[Command] = ()


def make_parser(argv: Sequence[str]) -> Parser:
    """Return the parser of the whole command line.

    Args:
        argv: What is to be parsed; only the commands in it get their options,
            which takes most of the time.
    """
    parser = Parser(
        prog="flowpack",
        description="Package Prefect flows and register them as deployments.",
        epilog="Example:\n  flowpack deploy flows.py --name nightly",
    )
    version = f"flowpack {__version__}"
    parser.add_argument("--version", action="version", version=version)
    _add_commands(parser, COMMANDS, argv)
    return parser


def _add_commands(
    parser: Parser, commands: Sequence[Command], argv: Sequence[str]
) -> None:
    added = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    for command in commands:
        own = added.add_parser(command.name, help=command.help)
        if command.name in argv:
            _fill(own, command, argv)


def _fill(parser: Parser, command: Command, argv: Sequence[str]) -> None:
    parser.description = f"{command.help[0].upper()}{command.help[1:]}."
    parser.epilog = f"{command.notes}Example:\n  {command.example}"
    if command.fill is None:
        _add_commands(parser, command.commands, argv)
        return
    parser.register("type", None, options.given)
    parser.set_defaults(module=command.module, **command.defaults)
    command.fill(parser)
    options.settings(parser)


STORAGE_COMMANDS = (
    Command(
        "ls",
        "storage",
        "list storage blocks",
        "flowpack storage ls",
        options.storage_ls,
        defaults={"action": "ls"},
    ),
    Command(
        "show",
        "storage",
        "tell all about a storage block, its secrets masked",
        "flowpack storage show flows",
        options.storage_show,
        defaults={"action": "show"},
    ),
    Command(
        "save",
        "storage",
        "register a storage under a name",
        "flowpack storage save https://files.example.com/flows/ flows",
        options.storage_save,
        WHERE,
        {"action": "save"},
    ),
    Command(
        "default",
        "storage",
        "tell or choose the server's default storage",
        "flowpack storage default --set flows",
        options.storage_default,
        defaults={"action": "default"},
    ),
)

COMMANDS = (
    Command(
        "deploy",
        "deploy",
        "package flows and register them as deployments",
        "flowpack deploy flows.py:hello -n nightly --cron '0 3 * * *' -p name=Ada",
        options.deploy,
        TARGET + WHERE,
    ),
    Command(
        "plan",
        "plan",
        "say what deploy would do with the same arguments; reads only",
        "flowpack plan specs.yaml",
        options.plan,
        TARGET + WHERE,
    ),
    Command(
        "run",
        "run",
        "fetch a deployment's script, verify it and run its flow here",
        "flowpack run hello/nightly -p name=Ada",
        options.run,
    ),
    Command("ls", "ls", "list deployments", "flowpack ls --json", options.ls),
    Command(
        "inspect",
        "inspection",
        "tell all about a deployment and where its script is",
        "flowpack inspect hello/nightly",
        options.deployment,
    ),
    Command(
        "pull",
        "pull",
        "fetch a deployment's script, verify it and write it out",
        "flowpack pull hello/nightly -o flows.py",
        options.pull,
    ),
    Command(
        "verify",
        "verify",
        "read and hash again what deployments point at",
        "flowpack verify hello/nightly",
        options.verify,
        VERIFY,
    ),
    Command(
        "delete",
        "delete",
        "delete a deployment; what it stored stays",
        "flowpack delete hello/nightly",
        options.deployment,
    ),
    Command(
        "trigger",
        "trigger",
        "create a flow run on the server and print its id",
        "flowpack trigger hello/nightly -p name=Ada --wait --timeout 600",
        options.trigger,
    ),
    Command(
        "pause",
        "pause",
        "let a deployment's schedule rest",
        "flowpack pause hello/nightly",
        options.deployment,
        defaults={"active": False},
    ),
    Command(
        "resume",
        "pause",
        "let a deployment's schedule make runs again",
        "flowpack resume hello/nightly",
        options.deployment,
        defaults={"active": True},
    ),
    Command(
        "storage",
        "storage",
        "list, show and save storage blocks, and choose the default",
        "flowpack storage ls",
        commands=STORAGE_COMMANDS,
    ),
    Command(
        "config",
        "config",
        "tell each setting's value and where it came from, secrets masked",
        "flowpack config --profile staging",
        options.config,
    ),
)
