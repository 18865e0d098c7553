"""The grammar of the command line; no command is loaded to parse it."""

from __future__ import annotations

import argparse
import sys
from typing import Any, Callable, NamedTuple, NoReturn, Optional, Sequence

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
                               it says what the options for scripts would

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
    """The arguments contradict each other; ends with status 2."""


class Command(NamedTuple):
    """One command, described without loading it.

    Attributes:
        name: What is written on the command line.
        function: ``module.function`` in :mod:`flowpack.cli`, called with the arguments.
        help: What it does.
        example: A line that shows it.
        add_options: Adds its arguments to a parser; None where it has *commands*.
        notes: Further text of its help.
        commands: Its own commands.
    """

    name: str
    function: str
    help: str
    example: str
    add_options: Optional[Callable[[Any], None]] = None
    notes: str = ""
    commands: Sequence[Command] = ()


STORAGE_COMMANDS = (
    Command("ls", "storage.ls", "list storage blocks", "flowpack storage ls", options.storage_ls),
    Command(
        "show",
        "storage.show",
        "show a storage block, its secrets masked",
        "flowpack storage show flows",
        options.storage_show,
    ),
    Command(
        "save",
        "storage.save",
        "save a storage block under a name",
        "flowpack storage save https://files.example.com/flows/ flows",
        options.storage_save,
        WHERE,
    ),
    Command(
        "default",
        "storage.default",
        "show or set the server's default storage",
        "flowpack storage default --set flows",
        options.storage_default,
    ),
)

COMMANDS = (
    Command(
        "deploy",
        "deploy.deploy",
        "package flows and register them as deployments",
        "flowpack deploy flows.py:hello -n nightly --cron '0 3 * * *' -p name=Ada",
        options.deploy,
        TARGET + WHERE,
    ),
    Command(
        "plan",
        "deploy.plan",
        "show what deploy would do with the same arguments; reads only",
        "flowpack plan specs.yaml",
        options.plan,
        TARGET + WHERE,
    ),
    Command(
        "run",
        "run.run",
        "fetch a deployment's script, verify it and run its flow here",
        "flowpack run hello/nightly -p name=Ada",
        options.run,
    ),
    Command("ls", "deployments.ls", "list deployments", "flowpack ls --json", options.ls),
    Command(
        "inspect",
        "deployments.inspect",
        "show a deployment and where its script is",
        "flowpack inspect hello/nightly",
        options.deployment,
    ),
    Command(
        "pull",
        "pull.pull",
        "fetch a deployment's script, verify it and write it out",
        "flowpack pull hello/nightly -o flows.py",
        options.pull,
    ),
    Command(
        "verify",
        "verify.verify",
        "read and hash again what deployments point at",
        "flowpack verify hello/nightly",
        options.verify,
        VERIFY,
    ),
    Command(
        "delete",
        "deployments.delete",
        "delete a deployment; what it stored stays",
        "flowpack delete hello/nightly",
        options.deployment,
    ),
    Command(
        "trigger",
        "trigger.trigger",
        "create a flow run on the server and print its id",
        "flowpack trigger hello/nightly -p name=Ada --wait --timeout 600",
        options.trigger,
    ),
    Command(
        "pause",
        "deployments.pause",
        "pause the schedule of a deployment",
        "flowpack pause hello/nightly",
        options.deployment,
    ),
    Command(
        "resume",
        "deployments.resume",
        "resume the schedule of a deployment",
        "flowpack resume hello/nightly",
        options.deployment,
    ),
    Command(
        "storage",
        "",
        "list, show and save storage blocks, and set the default",
        "flowpack storage ls",
        commands=STORAGE_COMMANDS,
    ),
    Command(
        "config",
        "config.config",
        "show each setting's value and where it came from, secrets masked",
        "flowpack config --profile staging",
        options.config,
    ),
)


class _FixedWidth(argparse.RawDescriptionHelpFormatter):
    """Does not ask for the terminal's width, which takes a slow import.

    One is made for each argument that is added, and most are never used.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)


class Parser(argparse.ArgumentParser):
    """Prints errors the way the rest of the command line does."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        settings.setdefault("formatter_class", _FixedWidth)
        super().__init__(**settings)

    def format_help(self) -> str:
        """Return the help, as wide as the terminal."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Print usage and *message*, and end with status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"flowpack: error: {printable(message, 1000)}\n")


def make_parser(argv: Sequence[str]) -> Parser:
    """Return the parser of the whole command line.

    Args:
        argv: What is to be parsed; only the commands in it get their options, which
            takes most of the time.
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
        own.epilog = f"{command.notes}Example:\n  {command.example}"
        if command.add_options is None:
            _add_commands(own, command.commands, argv)
            continue
        own.register("type", None, options.not_empty)
        own.set_defaults(function=command.function)
        command.add_options(own)
        options.settings(own)
