"""The commands with their options and help; no command is loaded to parse its arguments."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import Any, Callable, NamedTuple, Optional, Sequence

from flowpack import __version__
from flowpack.cli.parser import (
    Pairs,
    Parser,
    Variables,
    byte_count,
    count,
    full_name,
    json_object,
    not_empty,
    parameters_object,
    project_root,
    seconds,
    time_at,
    time_in,
)

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
  prefect.yaml                 the file of "prefect deploy": all its deployments,
                               or those that --name means; it goes with --project,
                               --storage, --pull, --create-pool, --replace-schedules

"""

VERIFY = """\
Each deployment is
  ok            its bytes are those that were deployed
  missing       nothing is stored where it points
  corrupt       other bytes are stored there
  unreadable    they cannot be read
  unverifiable  their digest is unknown (others made the deployment)
  skipped       their location is unknown (others made the deployment)
The status is 1 where one is missing, corrupt or unreadable. Objects that no
deployment points at are listed where a storage is a folder of this machine, if
no FLOW/DEPLOYMENT is given. Nothing is changed or deleted; "flowpack deploy
... --confirm" puts back bytes that are missing or corrupt.

"""

COMPLETION = """\
It needs shtab: pip install 'flowpack[completion]'. Send what is printed to a file:
  bash   a file that ~/.bashrc sources
  zsh    a file _flowpack in a folder of $fpath, before compinit runs
  tcsh   a file that ~/.tcshrc sources
Shells that start from then on have it. Do so again after an upgrade of flowpack.

"""

# A parser and a group of one take options alike; argparse has no public name for what they share.


def _add(parser: Any, words: str, help: str, **settings: Any) -> None:
    """Add an argument: ``-n --name NAME`` takes a NAME, ``--force`` is on or off."""
    *names, last = words.split()
    if last.startswith("-"):
        parser.add_argument(*names, last, help=help, **{"action": "store_true", **settings})
    else:
        parser.add_argument(*names, metavar=last, help=help, **settings)


def _add_json(parser: Any, help: str = "print one JSON document") -> None:
    _add(parser, "--json", help)


def _add_pairs(parser: Any, names: str, help: str) -> None:
    _add(parser, f"{names} KEY=VALUE", help, action=Pairs)


def _add_variables(parser: Any, help: str) -> None:
    rule = "VALUE is JSON if it is valid JSON; or a JSON object of several"
    _add(parser, "--job-variable KEY=VALUE", f"{help}; {rule}", action=Variables)


def _add_parameters(parser: Any, help: str) -> None:
    rule = "VALUE is JSON or text, as the parameter's type has it"
    _add_pairs(parser, "-p --param", f"{help}; {rule}")
    help = "parameters as one JSON object, in a file, in - (standard input) or as text"
    _add(parser, "--params FILE|JSON", help, type=parameters_object)


def _add_deployment(parser: Any) -> None:
    _add(parser, "deployment FLOW/DEPLOYMENT", "as flowpack ls lists it", type=full_name)


def _add_unverified(parser: Any) -> None:
    _add(parser, "--unverified", "accept bytes without a digest, as in others' deployments")


def _add_settings(parser: Any, default: Any) -> None:
    settings = parser.add_argument_group("settings")
    given = {"type": not_empty, "default": default}
    _add(settings, "--api URL", "URL of the API, with /api", **given)
    _add(settings, "--profile NAME", "Prefect profile to use", **given)
    group = parser.add_argument_group("what is printed").add_mutually_exclusive_group()
    help = "each write, too, and more of a list; -vv each request"
    _add(group, "-v --verbose", help, action="count", default=default)
    _add(group, "-q --quiet", "only results, warnings and errors", default=default)


def _deploy(parser: Any) -> None:
    _plan(parser)
    group = parser.add_mutually_exclusive_group()
    _add(group, "--plan", "show what would be done, and stop")
    help = "deploy only if the plan is that in FILE, made by flowpack plan --json"
    _add(group, "--plan-file FILE", help)


def _plan(parser: Any) -> None:
    _add(parser, "targets TARGET", "see below", nargs="*")
    kind = parser.add_mutually_exclusive_group()
    _add(kind, "--spec", "a .py TARGET is a spec file; it is run")
    _add(kind, "--script", "a .py TARGET is a script with flows")
    help = "a prefect.yaml of another name, in place of TARGET or before it"
    _add(kind, "--prefect-file PATH", help, action="append", nargs="?", const=False)
    _prefect_yaml(parser.add_argument_group("deployments of a prefect.yaml"))
    _script(parser.add_argument_group("the deployment of a script"))
    _project(parser.add_argument_group("a script with files of its project"))
    _schedule(parser.add_argument_group("the schedules of a script's deployment"))
    _work_pool(parser.add_argument_group("the same, on servers with work pools"))
    group = parser.add_argument_group("how it is deployed")
    help = "read the stored bytes, put damaged ones back, and read all again after the last write"
    _add(group, "--confirm", help)
    _add(group, "--jobs N", "how many deployments at a time", type=count)
    _add(group, "--fail-fast", "stop at the first that fails")
    _add_json(group)


def _prefect_yaml(group: Any) -> None:
    help = (
        "name of a script's deployment; of a prefect.yaml which: NAME, FLOW/NAME, a pattern with *"
    )
    chosen = group.add_mutually_exclusive_group()
    _add(chosen, "-n --name NAME", help, action="append")
    _add(chosen, "--all", "all deployments of the prefect.yaml, as without --name", default=None)
    ignored = {"action": "append", "choices": ("build", "push", "triggers", "sla", "pull")}
    help = f"leave out this section: {', '.join(ignored['choices'])}; may be repeated"
    _add(group, "--ignore KEY", help, **ignored)


def _script(group: Any) -> None:
    _add(group, "--description TEXT", "its description; default: the flow's", type=str)
    _add(group, "--version TEXT", "its version; default: the flow's", type=str)
    _add(group, "--storage WHERE", "where the script is stored, see below")
    _add(group, "--runner TYPE", f"type of flow runner: {', '.join(RUNNERS)}", choices=RUNNERS)
    _add_pairs(group, "--env", "environment variable of the flow runs")
    _add(group, "--image IMAGE", "image of the flow runs, in Docker or Kubernetes")
    _add(group, "--runner-config JSON", "fields of the flow runner", type=json_object)
    _add_parameters(group, "default parameter of the flow runs")
    _add(group, "--no-params", "remove the parameters", default=None)
    keep = {"action": "store_false", "default": None}
    help = "do not check the types of parameters, here and on the server"
    _add(group, "--no-enforce-parameters", help, **keep)
    tags = group.add_mutually_exclusive_group()
    _add(tags, "-t --tag TAG", "a tag", action="append")
    _add(tags, "--no-tags", "remove the tags", default=None)


def _project(group: Any) -> None:
    help = "package the files of its project that it needs, too; default for ROOT: the folder above"
    help += " with pyproject.toml, setup.py, prefect.yaml or .git"
    _add(group, "--project ROOT", help, nargs="?", const=False, type=project_root)
    for words, help in (
        ("--path DIR", "search this folder of ROOT for modules, too"),
        ("--include GLOB", "package these files of ROOT, too: a path, a folder, data/*.sql"),
        ("--exclude GLOB", "leave these files out"),
    ):
        _add(group, words, f"{help}; may be repeated", action="append")
    _add(group, "--size-limit SIZE", "of all files, as in 20MB; default: 10 MiB", type=byte_count)


def _explain(parser: Any) -> None:
    _add(parser, "script SCRIPT[:FLOW]", "as deploy takes it")
    _project(parser.add_argument_group("the project, as deploy --project takes it"))
    _add_json(parser)


def _schedule(group: Any) -> None:
    _add(group, "--no-schedule", "remove flowpack's schedules", default=None)
    removed = group._group_actions[-1]
    for words, help in (
        ("--cron EXPR", "a cron schedule; it and the next two may be repeated"),
        ("--interval DURATION", "an interval schedule: seconds, HH:MM:SS or PT1H"),
        ("--rrule RULE", "an RRule schedule (RFC 5545)"),
    ):
        kind = group.add_mutually_exclusive_group()
        _add(kind, words, help, action="append")
        kind._group_actions.append(removed)  # It excludes each of them, and they not each other.
    _add(group, "--timezone TZ", "the time zone of all of them")
    _add(group, "--replace-schedules", "remove those that others made, too", default=None)
    state = group.add_mutually_exclusive_group()
    _add(state, "--paused", "pause the deployment", default=None)
    active = {"action": "store_false", "dest": "paused", "default": None}
    _add(state, "--active", "resume it, and switch its schedules on", **active)


def _work_pool(group: Any) -> None:
    _add(group, "--pool NAME", "work pool; default: that of the settings")
    _add(group, "--create-pool", "create the work pool if it is missing", default=None)
    _add(group, "--queue NAME", "work queue in the work pool")
    help = "how workers fetch the script: stock, or flowpack, which needs flowpack there"
    _add(group, "--pull STEP", help, choices=("stock", "flowpack"))
    _add(group, "--pull-requires REQ", "what workers install for the pull step flowpack")
    help = "a job variable of the work pool, as in env.NAME=VALUE, in place of all that it has"
    _add_variables(group, help)
    _add(group, "--concurrency-limit N", "how many flow runs at a time", type=count)
    help = "flow runs above --concurrency-limit: ENQUEUE (default) or CANCEL_NEW"
    _add(group, "--collision-strategy NAME", help, choices=("ENQUEUE", "CANCEL_NEW"))
    help = "how long a flow run that has a slot may take to start"
    _add(group, "--grace-period SECONDS", help, type=count)
    _add_pairs(group, "--label", "a label; VALUE is text")


def _run(parser: Any) -> None:
    _add_deployment(parser)
    _add_parameters(parser, "parameter, in place of the deployment's own")
    _add_unverified(parser)
    _add_json(parser, "print the returned value as JSON; prints go to standard error")


def _pull(parser: Any) -> None:
    _add_deployment(parser)
    group = parser.add_mutually_exclusive_group()
    _add(group, "-o --output FILE", "where to write; default: standard output")
    _add(group, "--extract DIR", "write the files of a project into this folder, new or empty")
    _add(parser, "--force", "replace a FILE of other content")
    _add_unverified(parser)
    _add_json(parser, "print what was written as JSON; needs -o or --extract")


def _verify(parser: Any) -> None:
    names = {"nargs": "*", "type": full_name}
    _add(parser, "deployments FLOW/DEPLOYMENT", "which to verify; default: all", **names)
    _add_json(parser)


def _trigger(parser: Any) -> None:
    _add_deployment(parser)
    _add_parameters(parser, "parameter, in place of the deployment's own")
    due = parser.add_mutually_exclusive_group()
    for words, help, read in (
        ("--at TIME", "when it is due: 2030-12-24T18:00 (local time), 2030-12-24T18:00Z", time_at),
        ("--in TIME", "how long from now, as in 90s, 15m, 1h30m or 2d", time_in),
    ):
        _add(due, words, f"{help}; default: now", type=read, dest="scheduled_time")
    _add(parser, "-n --name NAME", "name of the flow run; default: one that the server makes up")
    _add(parser, "-t --tag TAG", "a tag, besides those of the deployment", action="append")
    _add_variables(parser, "job variable, in place of the deployment's own")
    _add(parser, "--wait", "wait for its end; status 0 only if it completes")
    _add(parser, "--watch", "wait, and show its logs as they come")
    _add(parser, "--timeout SECONDS", "longest time to wait", type=seconds)
    _add_json(parser)


def _ls(parser: Any) -> None:
    for words, help in (
        ("--flow NAME", "only those of this flow, or of any that is given"),
        ("--tag TAG", "only those with this tag, or with all that are given"),
        ("--pool NAME", "only those of this work pool, or of any that is given"),
    ):
        _add(parser, words, help, action="append")
    _add_json(parser)


def _named(parser: Any) -> None:
    _add_deployment(parser)
    _add_json(parser)


def _resume(parser: Any) -> None:
    _named(parser)
    _add(parser, "--schedules", "also activate each schedule that is inactive")


def _storage_ls(parser: Any) -> None:
    _add(parser, "--all", "anonymous ones too")
    _add_json(parser)


def _storage_show(parser: Any) -> None:
    _add(parser, "storage NAME-or-ID", "see flowpack storage ls")
    _add_json(parser)


def _storage_save(parser: Any) -> None:
    _add(parser, "where WHERE", "see below")
    _add(parser, "name NAME", "the name of the block")
    _add(parser, "--overwrite", "replace the block of that name")
    _add_json(parser)


def _storage_default(parser: Any) -> None:
    change = parser.add_mutually_exclusive_group()
    _add(change, "--set ID", "id or name of the new default")
    _add(change, "--clear", "remove the default")
    _add_json(parser)


def _completion(parser: Any) -> None:
    _add(parser, "shell SHELL", "bash, zsh or tcsh", choices=("bash", "zsh", "tcsh"))


class Command(NamedTuple):
    """One command, described without loading it."""

    function: str  # ``module.name`` in flowpack.cli, called with the arguments.
    help: str
    add_options: Callable[[Any], None]
    notes: str = ""  # Further text of its help.
    commands: Sequence[Command] = ()  # Its own commands, in place of options.

    @property
    def name(self) -> str:
        """How it is called on the command line."""
        return self.function.rpartition(".")[2]

    @property
    def example(self) -> str:
        """What may follow its name."""
        return _EXAMPLES.get(self.function, "hello/nightly")


STORAGE = (
    Command("storage.ls", "list storage blocks", _storage_ls),
    Command("storage.show", "show a storage block, its secrets masked", _storage_show),
    Command("storage.save", "save a storage block under a name", _storage_save, WHERE),
    Command("storage.default", "show or set the server's default storage", _storage_default),
)

COMMANDS = (
    Command(
        "deploy.deploy", "package flows and register them as deployments", _deploy, TARGET + WHERE
    ),
    Command(
        "deploy.plan",
        "show what deploy would do with the same arguments; reads only",
        _plan,
        TARGET + WHERE,
    ),
    Command("explain.explain", "show which files a script needs, and why", _explain),
    Command("run.run", "fetch a deployment's script, verify it and run its flow here", _run),
    Command("deployments.ls", "list deployments", _ls),
    Command("deployments.inspect", "show a deployment and where its script is", _named),
    Command("pull.pull", "fetch a deployment's script, verify it and write it out", _pull),
    Command("verify.verify", "read and hash again what deployments point at", _verify, VERIFY),
    Command("deployments.delete", "delete a deployment; what it stored stays", _named),
    Command("trigger.trigger", "create a flow run on the server and print its id", _trigger),
    Command("deployments.pause", "pause a deployment: no schedule runs", _named),
    Command("deployments.resume", "resume a paused deployment", _resume),
    Command(
        "storage",
        "list, show and save storage blocks, and set the default",
        _add_json,
        commands=STORAGE,
    ),
    Command(
        "config.config",
        "show each setting's value and where it came from, secrets masked",
        _add_json,
    ),
    Command("completion.completion", "print the completion for a shell", _completion, COMPLETION),
)

#: What may follow the names of commands; of the others it is a deployment.
_EXAMPLES = {
    "deploy.deploy": "flows.py:hello -n nightly --cron '0 3 * * *' -p name=Ada",
    "deploy.plan": "specs.yaml",
    "explain.explain": "flows.py",
    "run.run": "hello/nightly -p name=Ada",
    "deployments.ls": "--flow hello --tag nightly",
    "pull.pull": "hello/nightly -o flows.py",
    "trigger.trigger": "hello/nightly -p name=Ada --wait --timeout 600",
    "storage": "ls",
    "storage.ls": "",
    "storage.show": "flows",
    "storage.save": "https://files.example.com/flows/ flows",
    "storage.default": "--set flows",
    "config.config": "--profile staging",
    "completion.completion": "bash",
}


def make_parser(argv: Optional[Sequence[str]] = None) -> Parser:
    """Return the parser of the whole command line.

    Only the commands in *argv*, if it is given, get their options, which takes most of the time.
    """
    parser = Parser(
        prog="flowpack",
        description="Package Prefect flows and register them as deployments.",
        epilog="Example:\n  flowpack deploy flows.py --name nightly",
    )
    parser.add_argument("--version", action="version", version=f"flowpack {__version__}")
    _add_settings(parser, None)
    _add_commands(parser, COMMANDS, argv)
    return parser


def _add_commands(
    parser: Parser, commands: Sequence[Command], argv: Optional[Sequence[str]]
) -> None:
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, prog=parser.prog
    )
    for command in commands:
        own = subparsers.add_parser(command.name, help=command.help)
        if argv is not None and command.name not in argv:
            continue
        own.description = f"{command.help[0].upper()}{command.help[1:]}."
        own.epilog = f"{command.notes}Example:\n  {own.prog} {command.example}".rstrip()
        if command.commands:
            _add_settings(own, SUPPRESS)
            _add_commands(own, command.commands, argv)
            continue
        own.register("type", None, not_empty)
        own.set_defaults(function=command.function)
        command.add_options(own)
        _add_settings(own, SUPPRESS)  # What stands before the command is kept.
