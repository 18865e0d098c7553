"""The reference says what is so: names, settings, documents, messages and statuses."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

import flowpack
from flowpack import cli, exceptions
from flowpack.cli.commands import COMMANDS, STORAGE
from flowpack.settings import Settings, load_settings
from flowpack.settings.values import format_value
from flowpack.transport import Response
from tests.cli.conftest import flowpack as flowpack_command  # noqa: F401 - a fixture
from tests.clients import SCRIPT
from tests.http_server import serve
from tests.source import ROOT
from tests.todays_server import TodaysServer

REFERENCE = ROOT / "docs" / "reference"
CONF = runpy.run_path(str(ROOT / "docs" / "conf.py"))


def read(page):
    return (REFERENCE / f"{page}.rst").read_text("utf-8")


def documented(page):
    """Return the names that a page describes from their docstrings, or in its own words."""
    return re.findall(r"^\.\. (?:auto\w+|data):: (\S+)$", read(page), re.MULTILINE)


# Names.


def test_every_public_name_is_documented():
    """Each name of the package is there once, by the name that users import."""
    names = [f"flowpack.{name}" for name in flowpack.__all__]
    found = documented("api") + documented("errors")
    assert sorted(name for name in found if name.count(".") == 1) == names
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", documented("api") + documented("errors"))
def test_documented_name_is_there(name):
    """What is documented can be imported under that name, and says what it is."""
    module, _, attribute = name.rpartition(".")
    value = getattr(__import__(module, fromlist=[attribute]), attribute)
    assert value is flowpack.UNSET or value.__doc__


# Settings.

SETTINGS = CONF["describe_settings"]()


def described():
    """Return what the page has for each setting."""
    parts = re.split(r"^``(\w+)``\n", SETTINGS, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def test_every_setting_is_described():
    """All are there, in the order of the code, and none else."""
    names = [each.name for each in Settings.__attrs_attrs__ if each.name != "sources"]
    assert list(described()) == names
    assert "\n.. settings::\n" in read("settings")


@pytest.mark.parametrize("name", sorted(described()))
def test_setting_has_names_and_default(name, tmp_path):
    """Names and default are those that the code goes by."""
    text = described()[name]
    meaning, _, facts = text.partition("Names: ")
    assert len(meaning.split()) > 3
    setting = next(each for each in Settings.__attrs_attrs__ if each.name == name)
    for each in setting.metadata["setting"].names:
        assert f"``{each}``" in facts
    default = re.search(r"default:\s``?(.*?)``?\.\s*$|default: (none)\.\s*$", facts)
    assert default is not None
    home = {"HOME": str(tmp_path)}
    value = getattr(load_settings(environ=home, cwd=str(tmp_path)), name)
    shown = (default[1] or "").replace("${PREFECT_HOME}", "~/.prefect")
    expected = "" if name == "profile" else format_value(value).replace(str(tmp_path), "~")
    assert shown == expected


def test_sources_in_their_order(tmp_path):
    """The first source that has a setting wins, in the order that the page has."""
    page = read("settings")
    numbered = re.findall(r"^\d\. (.*(?:\n   .*)*)", page, re.MULTILINE)
    words = ["argument", "environment", ".env", "prefect.toml", "pyproject.toml", "profile"]
    assert len(numbered) == 8
    assert all(word in text for word, text in zip(words, numbered))
    profiles = tmp_path / ".prefect" / "profiles.toml"
    profiles.parent.mkdir()
    url = "http://{}/api".format
    profiles.write_text(f'[profiles.default]\nPREFECT_API_URL = "{url("profile")}"\n')
    files = {
        ".env": f"PREFECT_API_URL={url('env')}\n",
        "prefect.toml": f'api.url = "{url("prefect.toml")}"\n',
        "pyproject.toml": f'[tool.prefect]\napi.url = "{url("pyproject.toml")}"\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    environ = {"HOME": str(tmp_path), "PREFECT_API_URL": url("environment")}
    for number, word in enumerate(words):
        api = url(word) if number == 0 else None
        if number == 2:
            del environ["PREFECT_API_URL"]
        if number > 2:
            (tmp_path / words[number - 1]).unlink()
        found = load_settings(environ=environ, cwd=str(tmp_path), api=api)
        assert found.api_url == url(word.strip("."))


# Errors.


def tree(error, depth=0):
    """Yield a line for *error* and each that derives from it."""
    bases = [each.__name__ for each in error.__bases__ if each.__module__ == "builtins"]
    more = f" (also a {' and a '.join(bases)})" if bases and depth else ""
    yield f"{'  ' * depth}{error.__name__}{more}"
    for each in error.__subclasses__():
        if each.__module__ == exceptions.__name__:
            yield from tree(each, depth + 1)


def test_tree_of_errors():
    """The tree is that of the code, and each class has its place and its advice."""
    lines = list(tree(exceptions.FlowpackError))
    page = read("errors")
    assert "\n".join(f"   {line}" for line in lines) + "\n\n" in page
    names = [line.split()[0] for line in lines]
    assert [name.rpartition(".")[2] for name in documented("errors")] == [
        *names,
        "EmbeddedAPIWarning",
    ]
    assert page.count("   **Next:** ") == len(documented("errors"))


def messages(section):
    """Return the messages that the page has in a section, as patterns."""
    text = read("errors").partition(f"\n{section}\n~~~")[2]
    text = re.split(r"\n(~~~+|---+)\n", text.lstrip("~"))[0]
    found = re.findall(r"^``(.+)``\n   \S", text, re.MULTILINE)
    return {each: re.escape(each).replace(r"\.\.\.", ".*") for each in found}


class Runner:
    """Runs commands, and keeps the messages of those that fail."""

    def __init__(self, command):
        self.command = command
        self.messages = []

    def __call__(self, *argv, status=1):
        done = self.command(*argv)
        assert done.status == status, done.err
        if status:
            self.messages.append(done.err.rpartition("flowpack: error: ")[2].strip())
        return done

    def check(self, section):
        """Check that these messages are those of the page's section, and that it has no other."""
        patterns = messages(section)
        assert patterns
        unseen = set(patterns)
        for message in self.messages:
            meant = {
                each for each, pattern in patterns.items() if re.fullmatch(pattern, message, re.S)
            }
            assert meant, message
            unseen -= meant
        assert not unseen


@pytest.fixture
def run(flowpack_command):  # noqa: F811
    """Run a command in a folder that has a script."""
    Path("hello.py").write_text(SCRIPT.replace('name="world"', 'name: str = "you", times: int = 1'))
    return Runner(flowpack_command)


def test_messages_of_scripts(run):
    """The script and its flow."""
    own = "from flowpack import flow\n@flow\ndef one(): ...\n"
    for name, text in {
        "none.py": "x = 1\n",
        "two.py": f"{own}@flow\ndef other(): ...\n",
        "broken.py": "print('(\n",
        "own.py": own,
    }.items():
        Path(name).write_text(text)
        if name != "own.py":
            run("deploy", name, "-n", "a")
    run("deploy", "missing.py", "-n", "a")
    run("deploy", "hello.py", "-n", "a", "--project", "--size-limit", "1")
    with serve(TodaysServer()) as url:
        run("deploy", "own.py", "-n", "a", "--api", url, "--storage", "file:store")
    run.check("The script and its flow")


def test_messages_of_options(run):
    """Options and parameters."""
    run("deploy", "hello.py", "--storge", "x", status=2)
    run("deploy", "hello.py", "-p", "Ada", status=2)
    run("deploy", "hello.py", "-n", "a", "-p", "nmae=Ada")
    run("deploy", "hello.py", "-n", "a", "-p", "times=many")
    run("deploy", "hello.py", "-n", "a", "--cron", "* *")
    Path("needs.py").write_text(SCRIPT.replace('name="world"', "name"))
    run("deploy", "needs.py", "-n", "needs", "--storage", "store", status=0)
    run("run", "hello/needs")
    run.check("Options and parameters")


def test_messages_of_servers(run, monkeypatch):
    """The server."""
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "1")
    run("ls", "--profile", "nope")
    run("run", "hello")
    run("deploy", "hello.py", "-n", "a", "--storage", "store", status=0)
    run("run", "hello/b")
    run("trigger", "hello/a")
    with monkeypatch.context() as patch:
        patch.setenv("FLOWPACK_REQUIRE_SERVER", "1")
        run("ls")
        patch.setenv("PREFECT_API_URL", "127.0.0.1:4200/api")
        run("ls")
    with serve(TodaysServer()) as url:
        to_server = ("deploy", "hello.py", "-n", "a", "--api", url, "--storage", "file:store")
        run(*to_server)
        run(*to_server, "--pool", "p")
    run("ls", "--api", url)
    with serve(lambda request: Response(401, b'{"detail": "Unauthorized"}')) as url:
        run("ls", "--api", url)
    with serve(lambda request: Response(200, b'"2.7.0"')) as url:
        run("ls", "--api", url)
    run.check("The server")


def test_messages_of_storage(run, monkeypatch):
    """Storage."""
    run("deploy", "hello.py", "-n", "b", "--storage", "store", "--runner", "docker")
    monkeypatch.setitem(sys.modules, "boto3", None)
    run("deploy", "hello.py", "-n", "b", "--storage", "s3://bucket")
    run("deploy", "hello.py", "-n", "a", "--storage", "store", status=0)
    (stored,) = Path("store").iterdir()
    stored.chmod(0o600)
    stored.write_text("something else")
    run("run", "hello/a")
    stored.unlink()
    run("run", "hello/a")
    run("deploy", "hello.py", "-n", "a", "--storage", "store", "--confirm", status=0)
    run("run", "hello/a", status=0)
    run.check("Storage")


def test_messages_of_deploying_and_running(run):
    """A plan that does not hold, and a flow that fails."""
    script = Path("hello.py")
    words = ("hello.py", "-n", "a", "--storage", "store")
    Path("plan.json").write_text(run("plan", *words, "--json", status=0).out)
    script.write_text(f"{script.read_text()}\n")
    run("deploy", *words, "--plan-file", "plan.json")
    script.write_text(script.read_text().replace('return f"Hello {name}!"', "open('/no/file')"))
    run("deploy", *words, status=0)
    run("run", "hello/a")
    run.check("Deploying and running")


def test_every_section_is_checked():
    """There is a test for each section with messages."""
    sections = re.findall(r"^(\w.*)\n~~~+$", read("errors"), re.MULTILINE)
    source = Path(__file__).read_text("utf-8")
    assert all(f'run.check("{section}")' in source for section in sections)
    assert sum(len(messages(section)) for section in sections) >= 20


# The command line.

#: Words in the table of documents that are no keys.
WORDS = {"null", "repr", "ls", "value", "source", "job_variables", "--extract"}
WORDS |= {"deploy --plan --json", "deploy --plan-file"}


def documents():
    """Return the keys that the page has for each command."""
    table = read("cli").partition("What ``--json`` prints")[2].partition(".. _completion")[0]
    found = {}
    for row in table.split("   * - ")[2:]:
        commands, _, text = row.partition("\n     - ")
        text = re.sub(r"\(.*?\)", "", text, flags=re.DOTALL)
        for command in re.findall("``(.+?)``", commands):
            found[command] = set(re.findall("``(.+?)``", text)) - WORDS
    return found


def test_each_command_has_its_document():
    """Every command that takes --json is in the table."""
    names = {each.name for each in COMMANDS} - {"completion", "storage"}
    assert set(documents()) == names | {f"storage {each.name}" for each in STORAGE}


def test_documents_have_these_keys(run):
    """The keys of each document are those of the page."""
    store = ("--storage", "store")
    found = {}

    def look(command, *argv):
        document = json.loads(run(*command.split(), *argv, "--json", status=0).out)
        found[command] = set(document[0] if isinstance(document, list) else document)
        return document

    look("deploy", "hello.py", "-n", "a", *store)
    actions = look("plan", "hello.py", "-n", "a", *store)["actions"]
    assert set(actions[0]) == {each.name for each in flowpack.Action.__attrs_attrs__}
    assert look("run", "hello/a") == "Hello you!"
    config = look("config")
    assert all(set(each) == {"value", "source"} for each in config.values())
    results = look("verify")["deployments"]
    of_verify = read("cli").partition("(objects with ")[2].partition(")")[0]
    assert set(results[0]) == set(re.findall("``(.+?)``", of_verify))
    look("explain", "hello.py")
    look("ls")
    look("inspect", "hello/a")
    look("pull", "hello/a", "-o", "pulled.py")
    look("pause", "hello/a")
    look("resume", "hello/a")
    look("storage save", "other", "kept")
    look("storage ls")
    look("storage show", "kept")
    look("storage default", "--set", "kept")
    look("delete", "hello/a")
    expected = documents()
    expected["inspect"] |= expected["ls"]
    expected["pull"].remove("files")
    expected.update({"run": found["run"], "config": set(config)})
    del expected["trigger"]  # It has a test in tests/cli, and needs a server that runs flows.
    assert found == expected


def test_exit_statuses():
    """The table has each status of the code."""
    table = read("cli").partition("Exit status")[2].partition("What ``--json``")[0]
    statuses = [cli.DONE, cli.FAILED, cli.USAGE, cli.UNEXPECTED, cli.INTERRUPTED]
    assert list(map(int, re.findall(r"\* - (\d+)\n", table))) == statuses


def test_help_texts_become_markup():
    """What the page shows of the parser names each option with its value."""
    parser = CONF["documented_parser"]()
    (commands,) = (each for each in parser._actions if isinstance(each.choices, dict))
    deploy = commands.choices["deploy"]
    shown = {name for action in deploy._actions for name in action.option_strings}
    assert {"-n NAME", "--name NAME", "--project [ROOT]", "--confirm"} <= shown
    assert deploy.epilog.startswith("::\n\n  TARGET is one of\n")
    help = next(each.help for each in deploy._actions if "--all" in each.option_strings)
    assert help == "all deployments of the prefect.yaml, as without ``--name``"
