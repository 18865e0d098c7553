"""``flowpack deploy prefect.yaml``, and ``plan`` of it."""

import pytest

from tests.http_server import serve
from tests.todays_server import TodaysServer

FILE = """\
pull:
- prefect.deployments.steps.set_working_directory: {directory: /x}
deployments:
- {name: a, entrypoint: "f.py:one", work_pool: {name: pool}, tags: [x]}
- {name: b, entrypoint: "f.py:two", work_pool: {name: pool}, parameters: {n: 2}}
- {name: b-new, entrypoint: "f.py:two", work_pool: {name: pool}, triggers: []}
"""

SCRIPT = """\
from prefect import flow


@flow
def one():
    pass


@flow(name="Second")
def two(n=1):
    pass
"""


@pytest.fixture
def server():
    """A server of today's Prefect with a pool."""
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
    return server


@pytest.fixture
def run(flowpack, server, tmp_path):
    """Run a command on a project whose file is ``prefect.yaml``."""
    folder = tmp_path / "work"
    (folder / "f.py").write_text(SCRIPT)
    (folder / "prefect.yaml").write_text(FILE)
    with serve(server) as url:
        yield lambda *argv: flowpack(*argv, "--api", url)


def writes(server):
    return [call for call in server.calls() if not call.startswith("GET")]


def test_deploy(run, server, tmp_path):
    """All are deployed, what is replaced is said once, and again nothing is written."""
    storage = ("--storage", f"file:{tmp_path}/s")
    done = run("deploy", "prefect.yaml", *storage)
    assert done.status == 0, done.err
    assert sorted(server.deployments) == ["a", "b", "b-new"]
    assert server.deployments["a"]["tags"] == ["x"]
    assert server.deployments["b"]["parameters"] == {"n": 2}
    assert done.err.count("pull (set_working_directory) is replaced") == 1
    server.sent.clear()
    again = run("deploy", "prefect.yaml", "--all", *storage, "--json")
    assert {each["action"] for each in again.json} == {"unchanged"}
    assert all("/filter" in call for call in writes(server))


def test_plan(run, server, tmp_path):
    """The same arguments are planned, and nothing is written."""
    done = run("plan", "prefect.yaml", "-n", "Second/b*", "--storage", f"file:{tmp_path}/s")
    assert done.status == 0, done.err
    assert [line.split()[:2] for line in done.out.splitlines() if line[0] != " "] == [
        ["create", "Second/b-new"]
    ]
    assert not server.deployments and not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("-n", "a"), ["a"]),
        (("-n", "two/b", "-n", "a"), ["a", "b"]),
        (("--name", "*/b*"), ["b-new"]),
        (("--all",), ["a", "b", "b-new"]),
    ],
)
def test_names(run, server, tmp_path, names, expected):
    """Names and patterns may be repeated."""
    done = run("deploy", "prefect.yaml", *names, "--storage", f"file:{tmp_path}/s")
    assert done.status == 0, done.err
    assert sorted(server.deployments) == expected


def test_a_name_that_fits_nothing(run, server, tmp_path):
    """It is an error, and those that fit are not deployed either."""
    done = run("deploy", "prefect.yaml", "-n", "a", "-n", "c", "--storage", f"{tmp_path}/s")
    assert done.status == 1
    assert "there is no deployment 'c'; it has 'a', 'b', 'b-new'" in done.err
    assert not server.deployments and not (tmp_path / "s").exists()


def test_from_another_folder(run, server, tmp_path, monkeypatch):
    """Paths in it are taken from its own folder."""
    monkeypatch.chdir(tmp_path)
    done = run("deploy", "work/prefect.yaml", "-n", "a", "--storage", f"file:{tmp_path}/s")
    assert done.status == 0, done.err
    assert sorted(server.deployments) == ["a"]


def test_by_another_name(run, server, tmp_path):
    """Any file is taken for one with --prefect-file; without it the error says so."""
    (tmp_path / "work" / "prefect.yaml").rename(tmp_path / "work" / "prod.yaml")
    assert "--prefect-file" in run("plan", "prod.yaml").err
    storage = ("--storage", f"file:{tmp_path}/s")
    done = run("deploy", "-n", "a", "--prefect-file", "prod.yaml", *storage)
    assert done.status == 0, done.err
    assert sorted(server.deployments) == ["a"]


def test_what_is_refused_may_be_ignored(run, server, tmp_path):
    """Each key is named, and --ignore may be repeated."""
    (tmp_path / "work" / "prefect.yaml").write_text(
        FILE + '- {name: c, entrypoint: "f.py:one", work_pool: {name: pool},'
        " sla: [{name: x}], push: [{x: {}}]}\n"
    )
    argv = ("deploy", "prefect.yaml", "--storage", f"file:{tmp_path}/s")
    done = run(*argv, "--ignore", "push")
    assert done.status == 1
    assert "line 7: sla: flowpack sets no service levels; give --ignore sla" in done.err
    assert not server.deployments
    assert run(*argv, "--ignore", "push", "--ignore", "sla").status == 0


def test_a_missing_pool_can_be_made(run, server, tmp_path):
    """What the file cannot say is given on the command line."""
    path = tmp_path / "work" / "prefect.yaml"
    path.write_text(FILE.replace("name: pool", "name: other"))
    argv = ("deploy", "prefect.yaml", "--storage", f"file:{tmp_path}/s")
    assert "there is no work pool 'other'" in run(*argv).err
    assert run(*argv, "--create-pool").status == 0
    assert server.deployments["a"]["work_pool_name"] == "other"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (("prefect.yaml", "-n", "a", "--all"), "--all: not allowed with argument -n/--name"),
        (("prefect.yaml", "-t", "x"), "--tag cannot be given with a prefect.yaml"),
        (("prefect.yaml", "--pool", "x"), "--pool cannot be given with a prefect.yaml"),
        (("prefect.yaml", "f.py:one", "-n", "a"), "give that alone"),
        (("prefect.yaml", "--ignore", "name"), "invalid choice: 'name'"),
        (("f.py", "--all"), "--all cannot be given with a script, and f.py is one"),
        (("f.py", "--ignore", "sla"), "--ignore cannot be given with a script"),
        (("prefect.yaml", "--prefect-file", "--spec"), "not allowed with argument"),
    ],
)
def test_options_that_do_not_go_together(run, server, argv, reason):
    """They are wrong usage, and nothing is read."""
    done = run("deploy", *argv)
    assert done.status == 2
    assert reason in done.err
    assert not server.calls()[1:]


def test_storage_goes_with_scripts_beside_it(run, server, tmp_path):
    """What goes with both may be given for both."""
    storage = ("--storage", f"file:{tmp_path}/s", "--create-pool")
    done = run("plan", "prefect.yaml", "f.py:one", *storage)
    assert "no work pool is named" in done.err


@pytest.mark.parametrize("command", ["deploy", "plan"])
def test_secrets_from_the_environment(run, server, monkeypatch, tmp_path, command):
    """Values of the environment are not shown in errors."""
    monkeypatch.setenv("TOKEN", "canary-1")
    (tmp_path / "work" / "prefect.yaml").write_text(
        """\
deployments:
- name: a
  entrypoint: f.py:one
  work_pool: {name: pool, job_variables: {env: {T: "{{ $TOKEN }}"}}}
  parameters: {x: "{{ $TOKEN }}", y: "{{ $NOT_SET }}"}
"""
    )
    done = run(command, "prefect.yaml", "--storage", f"file:{tmp_path}/s")
    assert "line 5: parameters.y: {{ $NOT_SET }} is not set" in done.err
    assert "canary" not in done.err + done.out


def test_the_pool_of_the_settings_fills_gaps_only(run, server, monkeypatch, tmp_path):
    """A deployment that names a pool keeps it, also where it is the only one."""
    monkeypatch.setenv("PREFECT_DEPLOYMENTS_DEFAULT_WORK_POOL_NAME", "usual")
    with server.client() as client:
        client.create_work_pool("usual", "process")
    path = tmp_path / "work" / "prefect.yaml"
    path.write_text(FILE + '- {name: c, entrypoint: "f.py:one"}\n')
    storage = ("--storage", f"file:{tmp_path}/s")
    for name in ("a", "c"):
        assert run("deploy", "prefect.yaml", "-n", name, *storage).status == 0
    pools = {name: each["work_pool_name"] for name, each in server.deployments.items()}
    assert pools == {"a": "pool", "c": "usual"}


def test_what_the_file_no_longer_says_is_cleared(run, server, tmp_path):
    """As by the stock client, but for the pause, which stays."""
    path = tmp_path / "work" / "prefect.yaml"
    argv = ("deploy", "prefect.yaml", "--storage", f"file:{tmp_path}/s")
    start = 'deployments:\n- {name: d, entrypoint: "f.py:two", work_pool: {name: pool'
    more = ", job_variables: {a: b}}, tags: [x], parameters: {n: 2}, paused: on}"
    path.write_text(start + more)
    assert run(*argv).status == 0
    first = dict(server.deployments["d"])
    path.write_text(f"{start}}}}}")
    assert run(*argv).status == 0
    second = server.deployments["d"]
    fields = ("tags", "parameters", "job_variables", "paused")
    assert [first[field] for field in fields] == [["x"], {"n": 2}, {"a": "b"}, True]
    assert [second[field] for field in fields[:2]] == [[], {}]
    assert "a" not in second["job_variables"] and second["paused"] is True
