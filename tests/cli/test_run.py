"""``flowpack run``: fetch, verify, run here."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.source import ROOT

SCRIPT = '''\
import sys
from dataclasses import dataclass
from datetime import date

from flowpack import flow

print("loading")


@dataclass
class Point:
    x: int


@flow
def hello(name: str = "world"):
    print("printing")
    return f"Hello {name}!"


@flow
def typed(day: date, count: int = 1, code: "str" = "", anything=None):
    return [day.year, count, code, anything]


@flow
def nothing():
    pass


@flow
def odd():
    return {1: Point(2), "nan": float("nan")}


@flow
def failing(depth: int = 0):
    return 1 / depth if depth == 0 else failing.fn(depth - 1)


@flow
def leaving():
    sys.exit(0)


@flow
def untidy():
    import os, signal

    os.chdir("/")
    sys.argv, sys.path = ["x"], []
    sys.stdout = None
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return "done"


@flow
def drastic():
    raise BaseException("no exception")


@flow
def interrupted():
    raise KeyboardInterrupt


@flow
async def later():
    return 1


@flow
def noisy():
    raise ValueError("two\\nlines \\x1b[31m")
'''


@pytest.fixture
def flows(flowpack, tmp_path):
    """Deploy flows of one script, each under its own name."""
    script = tmp_path / "work" / "flows.py"
    script.write_text(SCRIPT)

    def deploy(name, *options):
        storage = ("--storage", "file:store")
        done = flowpack("deploy", f"{script}:{name}", *storage, *options)
        assert done.status == 0, done.err
        return f"{name}/{name}"

    return deploy


def test_result_and_prints(flowpack, flows):
    """What the flow prints and what it returns are on standard output."""
    done = flowpack("run", flows("hello"), "-p", "name=Ada")
    assert (done.status, done.out) == (0, "loading\nprinting\nHello Ada!\n")


def test_json_is_one_document(flowpack, flows):
    """With --json prints go to standard error."""
    done = flowpack("run", flows("hello"), "--json")
    assert done.json == "Hello world!"
    assert done.err.endswith("loading\nprinting\n")


def test_deployment_parameters_are_laid_under(flowpack, flows):
    """-p wins over the deployment's own parameters."""
    name = flows("typed", "-p", "day=2020-01-02", "-p", "code=7", "-p", "count=5")
    assert flowpack("run", name).out == "loading\n[2020, 5, '7', None]\n"
    given = ["-p", "count=6", "-p", "code=1e3", "-p", 'anything={"a": [1]}']
    done = flowpack("run", name, *given, "--json")
    assert done.json == [2020, 6, "1e3", {"a": [1]}]


def test_none_is_nothing(flowpack, flows):
    """None is not printed; as JSON it is null."""
    name = flows("nothing")
    assert flowpack("run", name).out == "loading\n"
    assert flowpack("run", name, "--json").out == "null\n"


def test_values_that_are_not_json(flowpack, flows):
    """Objects of the script's own are printed as text."""
    shown = flowpack("run", flows("odd"), "--json").json
    assert shown == {"1": "Point(x=2)", "nan": "nan"}


def test_failure(flowpack, flows):
    """An exception shows the user's lines, not ours, and is status 1."""
    name = flows("failing")
    done = flowpack("run", name, "-p", "depth=1")
    assert (done.status, done.out) == (1, "loading\n")
    lines = done.err.splitlines()
    assert lines[0] == "In the user's code (most recent call last):"
    assert "in failing" in lines[1]
    assert "return 1 / depth if depth == 0" in done.err
    assert "ZeroDivisionError: division by zero" in lines
    assert lines[-1].startswith(f"flowpack: error: the script {name} failed: Zero")
    assert "flowpack/cli" not in done.err and "flowpack/flows" not in done.err


def test_failure_is_escaped(flowpack, flows):
    """Control characters of the exception do not reach the terminal."""
    done = flowpack("run", flows("noisy"))
    assert done.status == 1
    assert "\x1b" not in done.err


def test_process_is_as_before(flowpack, flows):
    """What the flow changes in the process is put back, and its result is printed."""

    def state():
        handler = signal.getsignal(signal.SIGTERM)
        return os.getcwd(), sys.argv, list(sys.path), handler

    name, before = flows("untidy"), state()
    assert flowpack("run", name).out == "loading\ndone\n"
    assert state() == before


@pytest.mark.parametrize("name", ["leaving", "drastic"])
def test_exit_is_a_failure(flowpack, flows, name):
    """A flow that calls sys.exit, or the like, fails as by any exception."""
    done = flowpack("run", flows(name))
    assert done.status == 1
    assert "in " + name in done.err


def test_interrupted(flowpack, flows):
    """Ctrl-C in the flow is Ctrl-C of the command."""
    assert flowpack("run", flows("interrupted")).status == 130


def test_async_flow(flowpack, flows):
    """An async flow is not run, and its coroutine is not left behind."""
    done = flowpack("run", flows("later"))
    assert (done.status, done.out) == (1, "loading\n")
    assert "async" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "pair, reason",
    [("count=3.7", "'count'"), ("nobody=1", "nobody"), ("count=many", "'count'")],
)
def test_arguments_that_do_not_fit(flowpack, flows, pair, reason):
    """A value that does not fit is an error that names the parameter."""
    done = flowpack("run", flows("typed"), "-p", "day=2020-01-02", "-p", pair)
    assert done.status == 1
    assert reason in done.err
    assert "Traceback" not in done.err


def test_argument_that_is_missing(flowpack, flows):
    """A parameter without a value is named."""
    done = flowpack("run", flows("typed"))
    assert done.status == 1
    assert "day" in done.err


def test_script_that_fails_to_load(flowpack, tmp_path):
    """The error of a script that fails when it is loaded has the line."""
    (tmp_path / "work" / "bad.py").write_text(
        "from flowpack import flow\n\n@flow\ndef bad():\n    pass\n\n1 / 0\n"
    )
    flowpack("deploy", "bad.py", "--storage", "file:store")
    done = flowpack("run", "bad/bad")
    assert done.status == 1
    assert ", line 7, in <module>" in done.err
    assert "ZeroDivisionError" in done.err.splitlines()[-1]


def test_a_process_of_its_own(fresh_home, script, tmp_path):
    """The two commands of the quickstart, as processes."""

    def run(*argv):
        command = [sys.executable, "-m", "flowpack", *map(str, argv)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    assert run("deploy", script, "--name", "first").startswith("created hello/first (")
    assert run("run", "hello/first", "-p", "name=Ada") == "Hello Ada!\n"
    assert json.loads(run("ls", "--json"))[0]["name"] == "hello/first"


HOSTILE = '''\
import atexit, io, logging, os, subprocess, sys, threading, warnings

from flowpack import flow

{above}

def chatter():
    while True:
        print("late", flush=True)


@flow
def hostile(code: str = "", result: str = "done"):
    print("printed", flush=True)
    exec(code, globals())
    return result
'''

STREAMS = {
    "closed": "sys.stdout.close()",
    "both closed": "sys.stdout.close(); sys.stderr.close()",
    "the original closed": "sys.__stdout__.close()",
    "its buffer closed": "sys.stdout.buffer.close()",
    "detached": "sys.stdout.detach()",
    "gone": "sys.stdout = sys.stderr = sys.__stdout__ = None; del sys.stdin",
    "replaced": "sys.stdout = io.StringIO(); print('lost')",
    "replaced and closed": "old = sys.stdout; sys.stdout = io.StringIO(); old.close()",
    "descriptor closed": "os.close(1)",
    "descriptors closed": "os.close(0); os.close(1); os.close(2)",
    "elsewhere": "os.dup2(os.open(os.devnull, os.O_WRONLY), 1); print('lost')",
    "many descriptors closed": "os.closerange(0, 64)",
    "a descriptor taken": "os.closerange(3, 64); open(__file__); os.dup2(2, 5)",
    "through a file": "os.fdopen(1, 'w').close()",
    "logging": "logging.basicConfig(stream=sys.stdout); sys.stdout.close()",
    "recursion": "sys.setrecursionlimit(len(__import__('inspect').stack()) + 40)",
    "warnings": "warnings.simplefilter('error')",
}


@pytest.fixture
def hostile(flowpack, fresh_home, tmp_path):
    """Deploy a flow that runs what it is given; return a runner of its own process."""

    def deploy(above=""):
        script = tmp_path / "work" / "hostile.py"
        script.write_text(HOSTILE.format(above=above))
        assert flowpack("deploy", script, "--storage", "file:store").status == 0

        def run(*argv, **options):
            command = [sys.executable, "-m", "flowpack", "run", "hostile/hostile"]
            environ = {**os.environ, "PYTHONPATH": str(ROOT)}
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
            return subprocess.run(
                [*command, *argv], env=environ, text=True, timeout=60, **streams
            )

        return run

    return deploy


@pytest.mark.parametrize("code", STREAMS.values(), ids=STREAMS)
def test_streams_are_the_flows_to_break(hostile, code):
    """The result is printed to where standard output was before."""
    done = hostile()("-p", f"code={code}")
    assert (done.stdout, done.returncode) == ("printed\ndone\n", 0), done.stderr


@pytest.mark.parametrize("how", ["both closed", "detached", "gone", "elsewhere"])
def test_streams_are_the_scripts_to_break(hostile, how):
    """The same while the script is loaded; with --json prints go aside."""
    done = hostile(STREAMS[how])("--json")
    assert (done.stdout, done.returncode) == ('"done"\n', 0), done.stderr
    assert "printed" in done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "atexit.register(print, 'late')",
        "threading.Timer(0.5, print, ['late']).start()",
        "sys.__stdout__.write('late')",
        "os.write(1, b'late')",
        "subprocess.run(['echo', 'late'])",
        "os.close(1); os.write(2, b'late')",
        "[threading.Thread(target=chatter, daemon=True).start() for _ in 'abc']",
        "sys.stdout.close(); sys.stderr.write('late')",
    ],
)
def test_json_is_one_document_whoever_prints(hostile, code):
    """Prints by whatever way, and after the flow, are on standard error."""
    done = hostile()("-p", f"code={code}", "--json")
    assert (done.stdout, done.returncode) == ('"done"\n', 0), done.stderr
    assert "late" in done.stderr


def test_failure_after_closing(hostile):
    """The failure of a flow that closed everything is printed all the same."""
    done = hostile()("-p", "code=sys.stdout.close(); sys.stderr.close(); 1 / 0")
    assert (done.stdout, done.returncode) == ("printed\n", 1)
    assert "hostile.py" in done.stderr and "ZeroDivisionError" in done.stderr
    assert "defect" not in done.stderr


def test_descriptors_that_are_gone(hostile):
    """A result that can be written nowhere is an error in a sentence."""
    keep = "keep = os.dup(2); os.closerange(3, keep); os.closerange(keep + 1, 9999)"
    done = hostile()("-p", f"code={keep}; os.close(1)")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "flowpack: error: standard output cannot be written: Bad file descriptor"
    ]


def test_script_that_reads_its_own_file(hostile, monkeypatch, tmp_path):
    """``__file__`` is real while the flow runs, and nothing of it is left."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    above = "import inspect\nTEXT = open(__file__).read()"
    code = "result = inspect.getsource(hostile.fn) in TEXT == open(__file__).read()"
    done = hostile(above)("-p", f"code={code}; assert result; print(__file__)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[1].endswith("/hostile.py")
    assert not list(tmp_path.glob("flowpack-*"))


def test_script_is_there_to_the_end(hostile):
    """Threads and exit functions that the flow leaves find their file and module."""
    above = (
        "class Mine: pass\n"
        "def late(): print(len(open(__file__).read()), __name__ in sys.modules)"
    )
    code = "threading.Timer(0.3, late).start(); atexit.register(late)"
    done = hostile(above)("-p", f"code={code}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("True") == 2


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("open(__file__ + '.json')", "only the script itself is stored"),
        ("os.stat(os.path.dirname(__file__) + '/a/b')", "only the script itself"),
        ("import beside", "a module of your own is not stored with the script"),
    ],
)
@pytest.mark.parametrize("when", ["loaded", "run"])
def test_what_lay_beside_the_script(hostile, code, advice, when):
    """Its error has that it is not there, and why."""
    run = hostile(code if when == "loaded" else "")
    done = run(*([] if when == "loaded" else ["-p", f"code={code}"]))
    assert done.returncode == 1
    assert advice in done.stderr.splitlines()[-1]
