"""``plan --json > FILE``, then ``deploy --plan-file FILE``."""

import json

import pytest

ARGS = ("-n", "d", "--storage", "file:store")


@pytest.fixture
def planned(flowpack, script, tmp_path):
    """Plan a deployment of hello.py with some options; return the file."""

    def plan(*options):
        done = flowpack("plan", script, *ARGS, *options, "--json")
        assert done.status == 0, done.err
        path = tmp_path / "plan.json"
        path.write_text(done.out)
        return path

    return plan


def nothing_done(flowpack):
    return flowpack("ls", "--json").json == []


def test_the_same_plan(flowpack, script, planned):
    """What was planned is done; done, it is another plan."""
    path = planned("-p", "name=Ada")
    argv = ("deploy", script, *ARGS, "-p", "name=Ada", "--plan-file", path)
    assert flowpack(*argv).out.startswith("created hello/d")
    again = flowpack(*argv)
    assert again.status == 1
    assert 'kind was "create", and is "unchanged"' in again.err
    path = planned("-p", "name=Ada")
    assert flowpack(*argv).out.startswith("unchanged hello/d")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (("-p", "name=Ada"), ("-p", "name=Eve"), "hello/d: parameters was to go"),
        (("-t", "a"), ("-t", "b"), "hello/d: tags was to go"),
        ((), ("-t", "b"), "hello/d: tags was to stay"),
        (("--paused",), (), "hello/d: paused was to go"),
        (
            ("-n", "e"),
            ("-n", "f"),
            "2 things changed:\n  - hello/e is not to be deployed now\n  - hello/f was",
        ),
        (("--storage", "file:s"), ("--storage", "file:t"), "hello/d: storage was"),
        (
            ("--runner", "universal", "--env", "TOKEN=canary-1"),
            ("--runner", "universal", "--env", "OTHER=canary-1"),
            "hello/d: flow_runner was to go",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_other_arguments(flowpack, script, planned, before, after, reason):
    """Arguments that say something else are refused, and nothing is written."""
    path = planned(*before)
    assert "canary" not in path.read_text()
    done = flowpack("deploy", script, *ARGS, *after, "--plan-file", path)
    assert (done.status, done.out) == (1, "")
    assert f"the plan no longer holds; plan again: {reason}" in done.err
    assert "canary" not in done.err
    assert nothing_done(flowpack)


def test_script_that_changed(flowpack, script, planned):
    """Other bytes are another plan."""
    path = planned()
    script.write_text(script.read_text() + "# more\n")
    done = flowpack("deploy", script, *ARGS, "--plan-file", path)
    assert done.status == 1
    assert "hello/d: sha256 was" in done.err
    assert nothing_done(flowpack)


def test_server_that_changed(flowpack, script, planned):
    """What somebody else deployed meanwhile is another plan."""
    flowpack("deploy", script, *ARGS, "-t", "a")
    path = planned("-t", "b")
    flowpack("deploy", script, *ARGS, "-t", "c")
    done = flowpack("deploy", script, *ARGS, "-t", "b", "--plan-file", path)
    assert done.status == 1
    reason = 'hello/d: tags was to go from ["a"] to ["b"], and is to go from ["c"] to'
    assert reason in done.err


def test_file_as_other_programs_write_it(flowpack, script, planned):
    """A byte order mark, other line ends and other spaces do not matter."""
    path = planned()
    text = path.read_text().replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    done = flowpack("deploy", script, *ARGS, "--plan-file", path)
    assert done.out.startswith("created")
    path = planned()
    path.write_text(json.dumps(json.loads(path.read_text()), indent=None))
    done = flowpack("deploy", script, *ARGS, "--plan-file", path)
    assert done.out.startswith("unchanged")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file; give a plan"),
        (b"\xff\xfe{\x00", "this is no plan"),
        (b"created hello/d", "this is no plan; flowpack plan --json writes one"),
        (b"[]", "this is no plan"),
        (b"", "this is no plan"),
    ],
    ids=str,
)
def test_file_that_is_no_plan(flowpack, script, tmp_path, content, reason):
    """It is refused before anything is read from the server."""
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_bytes(content)
    done = flowpack("deploy", script, *ARGS, "--plan-file", path)
    assert (done.status, done.out) == (1, "")
    assert "plan.json" in done.err and reason in done.err
    assert nothing_done(flowpack)


def test_only_planning_excludes_a_plan_file(flowpack, script):
    """--plan shows what would be done, --plan-file does it."""
    done = flowpack("deploy", script, "--plan", "--plan-file", "x")
    assert done.status == 2
