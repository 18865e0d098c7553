"""The grammar: every command has its module, its help and an example."""

import shlex
from importlib import import_module

import pytest

from flowpack.cli.commands import COMMANDS, RUNNERS, STORAGE, make_parser
from flowpack.flow_runners import FLOW_RUNNERS


def leaves(commands, above=()):
    for command in commands:
        words = (*above, command.name)
        if command.commands:
            yield from leaves(command.commands, words)
        else:
            yield pytest.param(words, command, id=" ".join(words))


EACH = pytest.mark.parametrize("words, command", list(leaves(COMMANDS)))


@EACH
def test_example_is_understood(words, command):
    """The example of a help text is a command line of that command."""
    argv = [*words, *shlex.split(command.example)]
    arguments = make_parser(argv).parse_args(argv)
    assert arguments.function == command.function


@EACH
def test_module_runs(words, command):
    """The function that a command names is there."""
    module, _, function = command.function.partition(".")
    assert callable(getattr(import_module(f"flowpack.cli.{module}"), function))


@EACH
def test_help(flowpack, words, command):
    """Help goes to standard output, with an example and the common options."""
    done = flowpack(*words, "--help")
    assert (done.status, done.err) == (0, "")
    example = " ".join(("flowpack", *words, command.example)).rstrip()
    assert f"Example:\n  {example}\n" in done.out
    assert "--api URL" in done.out and "--profile NAME" in done.out


@pytest.mark.parametrize("argv", [["--help"], ["storage", "--help"]], ids=str)
def test_overview(flowpack, argv):
    """The overviews list every command."""
    done = flowpack(*argv)
    assert (done.status, done.err) == (0, "")
    commands = COMMANDS if argv == ["--help"] else STORAGE
    assert len(commands) >= 4
    for command in commands:
        assert f"\n    {command.name} " in done.out
        assert " ".join(command.help.split()) in " ".join(done.out.split())


def test_runners_are_those_of_the_package():
    """The parser offers the runners that there are."""
    assert set(RUNNERS) == set(FLOW_RUNNERS)


def test_help_is_as_wide_as_the_terminal(flowpack, monkeypatch):
    """The width is asked for when there is help to print."""
    widths = []
    for columns in (60, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = flowpack("run", "--help").out.splitlines()
        usage = lines[: lines.index("")]
        widths.append(max(map(len, usage)))
    assert widths[0] <= 60 < 80 < widths[1] <= 120


#: Where an empty value is a variable that is not set.
EMPTY_WORDS = (
    *(
        ["deploy", "x.py", option, "{}"]
        for option in (
            "-n --name --storage --runner --image --runner-config -t --tag --cron"
            " --interval --rrule --timezone --pool --queue --pull --pull-requires"
            " --concurrency-limit --jobs --plan-file --api --profile --env --label -p"
        ).split()
    ),
    *(
        ["deploy", "x.py", option, "{}=x"]
        for option in ("--env", "--label", "-p", "--param")
    ),
    ["deploy", "{}"],
    ["plan", "x.py", "-n", "{}"],
    *(
        [command, name]
        for command in "run inspect pull delete trigger pause resume verify".split()
        for name in ("{}", "/{}", "{}/x", "x/{}")
    ),
    ["verify", "x/y", "{}"],
    ["pull", "x/y", "-o", "{}"],
    ["trigger", "x/y", "--wait", "--timeout", "{}"],
    ["storage", "show", "{}"],
    ["storage", "save", "{}", "x"],
    ["storage", "save", "x", "{}"],
    ["storage", "default", "--set", "{}"],
    ["ls", "--api", "{}"],
    ["config", "--profile", "{}"],
)
EMPTY = [[text.replace("{}", "") for text in words] for words in EMPTY_WORDS]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["deplay"],
        ["deploy"],
        ["deploy", "x.py", "--nam", "abbreviated"],
        ["deploy", "x.py", "-p", "no equals sign"],
        ["deploy", "x.py", "-p", "=value"],
        ["deploy", "x.py", "--pull", "git"],
        ["deploy", "x.py", "--concurrency-limit", "0"],
        ["deploy", "x.py", "--label", "x"],
        ["deploy", "x.py", "--plan", "--plan-file", "x"],
        ["deploy", "x.py", "--jobs", "0"],
        ["deploy", "x.py", "--jobs", "-1"],
        ["deploy", "x.py", "--jobs", "many"],
        ["deploy", "x.py", "--runner", "toaster"],
        ["deploy", "x.py", "--no-schedule", "--interval", "60"],
        ["deploy", "x.py", "--cron", "@daily", "--no-schedule"],
        ["deploy", "x.py", "-t", "a", "--no-tags"],
        ["deploy", "x.py", "--paused", "--active"],
        ["deploy", "x.py", "--spec", "--script"],
        ["run"],
        ["run", "a/b", "c/d"],
        ["trigger", "a/b", "--wait", "--timeout", "nan"],
        ["trigger", "a/b", "--wait", "--timeout", "-1"],
        ["trigger", "a/b", "--wait", "--timeout", "soon"],
        ["storage"],
        ["storage", "default", "--set", "x", "--clear"],
        ["ls", "\x1b[31m"],
        *EMPTY,
        *([text.replace("{}", "  ") for text in words] for words in EMPTY_WORDS),
    ],
    ids=" ".join,
)
def test_wrong_usage(flowpack, argv):
    """Wrong usage is status 2 with usage and one clean error on standard error."""
    done = flowpack(*argv)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("usage: flowpack")
    assert done.err.splitlines()[-1].startswith("flowpack: error: ")
    assert "\x1b" not in done.err


@pytest.mark.parametrize(
    "line, expected",
    [
        ("depoly flows.py", "'depoly'; did you mean 'deploy'?; choose from deploy, "),
        ("list", "'list'; did you mean 'ls'?"),
        ("storage lsit", "'lsit'; did you mean 'ls'?; choose from ls, show, save, default"),
        ("frobnicate", "'frobnicate'; choose from deploy, "),
        ("--aip http://x/api ls", "unrecognized arguments: --aip; did you mean '--api'?"),
        ("-q --aip http://x/api ls", "unrecognized arguments: --aip; did you mean"),
        ("deploy x.py --schedule x", "--schedule; did you mean '--cron'?"),
        ("--json ls", "--json goes after the command that it belongs to"),
        ("--cron=x deploy x.py", "--cron goes after the command that it belongs to"),
        ("--verison", "unrecognized arguments: --verison; did you mean '--version'?"),
        ("ls --jsno", "unrecognized arguments: --jsno; did you mean '--json'?"),
        ("storage ls --al", "unrecognized arguments: --al; did you mean '--all'?"),
        ("deploy x.py --naem y", "arguments: --naem; did you mean '--name'?"),
        ("deploy x.py --nam=y", "arguments: --nam; did you mean '--name'?"),
        ("deploy x.py --work-pool y", "--work-pool; did you mean '--pool'?"),
        ("deploy x.py --work-queue y", "--work-queue; did you mean '--queue'?"),
        ("deploy x.py -d text", "-d; did you mean '--description'?"),
        ("deploy x.py -p my-pool", "'my-pool' is not KEY=VALUE; a work pool is given with --pool"),
        ("trigger a/b -p my-pool", "'my-pool' is not KEY=VALUE\n"),
        ("deploy x.py --env A", "'A' is not KEY=VALUE\n"),
        ("deploy x.py --runner process", "'process'; did you mean 'subprocess'?; choose from "),
        ("deploy x.py --runner docker-container", "did you mean 'docker'?"),
        ("deploy x.py --runner kubernetes-job", "did you mean 'kubernetes'?"),
        ("ls extra", "unrecognized arguments: extra\n"),
        ("deploy x.py --evn=KEY=secret", "arguments: --evn; did you mean '--env'?"),
        ("ls extra --jsno", "arguments: --jsno; did you mean '--json'?"),
    ],
)
def test_what_was_meant(flowpack, line, expected):
    """What is unknown is refused with what is close, or what it is called here."""
    done = flowpack(*line.split())
    assert (done.status, done.out) == (2, "")
    assert expected in done.err


@pytest.mark.parametrize(
    "line, api",
    [
        ("--api http://1/api config", "http://1/api"),
        ("config --api http://1/api", "http://1/api"),
        ("--api http://1/api config --api http://2/api", "http://2/api"),
        ("--api=http://1/api storage ls", "http://1/api"),
        ("--api http://1/api storage --api http://2/api ls", "http://2/api"),
        ("--api http://1/api storage ls --api http://2/api", "http://2/api"),
        ("config", None),
    ],
)
def test_settings_before_the_command(line, api):
    """They may stand on either side of the command; the later ones count."""
    argv = line.split()
    assert make_parser(argv).parse_args(argv).api == api
    argv = line.replace("--api", "--profile").split()
    assert make_parser(argv).parse_args(argv).profile == api
