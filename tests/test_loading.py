"""Scripts are run as modules of their own, and leave the process as it was."""

from __future__ import annotations

import asyncio
import copy
import gc
import hashlib
import inspect
import io
import linecache
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flowpack.analysis.discovery import find_flows
from flowpack.analysis.script import Script
from flowpack.exceptions import (
    DiscoveryError,
    FlowpackError,
    MissingFlowError,
    ScriptError,
    UnspecifiedFlowError,
)
from flowpack.flows import Flow
from flowpack.loading import load_flow_from_script

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "tests" / "data" / "scripts"
IMPORT = "from flowpack.flows import flow\n"
HELLO = IMPORT + "@flow\ndef hello(name: str = 'x'): return name\n"


def load(text, flow_name=None, **options):
    """Load the flow of a script of that *text*, as it comes from a storage."""
    script = Script(textwrap.dedent(text).encode(), "stored.py")
    return load_flow_from_script(script, flow_name, **options)


@pytest.fixture(autouse=True, scope="module")
def quick_collections():
    """Keep what other tests have left out of the many collections of these."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def script(tmp_path):
    """Write a script to a file of its own folder."""

    def write(text, name="script.py"):
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


@pytest.fixture
def shared(monkeypatch):
    """Put things where scripts of this test find them: ``shared_with_scripts``."""
    module: Any = ModuleType("shared_with_scripts")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def modules_of_scripts():
    """Return the modules that loads have left, after collecting garbage."""
    gc.collect()
    gc.collect()  # What the first round set free may have held something more.
    return [name for name in sys.modules if name.startswith("_flowpack_script_")]


def test_from_a_file(script):
    """The flow of a file can be called; its version is the MD5 of the bytes."""
    path = script(HELLO)
    flow = load_flow_from_script(path)
    assert isinstance(flow, Flow)
    assert flow("Ada") == "Ada"
    assert flow.version == hashlib.md5(path.read_bytes()).hexdigest()
    assert flow.fn.__globals__["__file__"] == str(path)


def test_from_bytes():
    """Bytes have a name for people, and a version all the same."""
    flow = load(HELLO)
    assert flow.version == hashlib.md5(HELLO.encode()).hexdigest()
    assert Path(flow.fn.__globals__["__file__"]).name == "stored.py"


def test_what_was_read_is_run(script):
    """A script is not read again, so that its digest is that of what runs."""
    path = script(HELLO)
    read = Script.read(path)
    path.write_text("raise Exception('changed')")
    flow = load_flow_from_script(read)
    assert flow.version == read.md5


def test_given_version_is_kept():
    """A version in the script comes before that of the bytes."""
    assert load(HELLO.replace("@flow", "@flow(version='v1')")).version == "v1"


def test_example(capsys):
    """The example of the documentation prints a greeting, once."""
    flow = load_flow_from_script(ROOT / "examples" / "hello.py")
    assert flow.name == "hello"
    if isinstance(flow, Flow):
        assert flow("Ada") is None
        assert capsys.readouterr().out == "Hello, Ada!\n"


def test_example_runs_as_a_program():
    """Started by itself, without Prefect, the example greets the world."""
    hide = "import sys, runpy; sys.modules['prefect'] = None; sys.path.insert(0, '.')"
    code = f"{hide}; runpy.run_path('examples/hello.py', run_name='__main__')"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("Hello, world!\n", "")


def test_selection(script):
    """By the flow's name first, then by variable or function, or by entry point."""
    path = script(
        """
        from flowpack.flows import flow

        @flow(name="b")
        def a(): return "a"

        @flow(name="c")
        def b(): return "b"

        def fn(): return "fn"

        d = flow(fn, name="D e")
        e = d
        """
    )
    called = {
        name: load_flow_from_script(path, name)()
        for name in ("a", "b", "c", "d", "e", "D e", "fn")
    }
    assert called == {
        **{"a": "a", "b": "a", "c": "b"},
        **{"d": "fn", "e": "fn", "D e": "fn", "fn": "fn"},
    }
    assert load_flow_from_script(path, variable="b")() == "b"


def test_several_flows_need_a_name():
    """The error lists them, sorted."""
    with pytest.raises(UnspecifiedFlowError, match="2 flows; say which: 'a', 'b'"):
        load(IMPORT + "b = flow(len, name='b')\na = flow(len, name='a')\n")


def test_two_flows_of_one_name():
    """Which one is meant is not guessed."""
    text = IMPORT + "b = flow(len, name='x')\na = flow(len, name='x')\n"
    with pytest.raises(UnspecifiedFlowError, match="'x' means 2 flows"):
        load(text, "x")


@pytest.mark.parametrize("text", ["", "x = 1", "from flowpack.flows import Flow, flow"])
def test_no_flow(text):
    """A script that defines none is an error."""
    with pytest.raises(MissingFlowError, match="stored.py: it defines no flow"):
        load(text)
    assert not modules_of_scripts()


def test_unknown_flow():
    """The error lists what there is."""
    with pytest.raises(MissingFlowError, match="no flow 'bye'; its flows are 'hello'"):
        load(HELLO, "bye")
    with pytest.raises(MissingFlowError, match="no flow 'bye' at module level"):
        load(HELLO, variable="bye")


def test_imported_flows(script, monkeypatch):
    """The script's own flows come first; others must be named, or be the only ones."""
    lib = script(HELLO, "lib_of_flows.py")
    monkeypatch.syspath_prepend(str(lib.parent))
    mine = "from lib_of_flows import hello\n"
    assert load(mine + HELLO.replace("hello", "mine")).name == "mine"
    assert load(mine + HELLO.replace("hello", "mine"), "hello").name == "hello"
    assert load(mine).version == hashlib.md5(lib.read_bytes()).hexdigest()
    del sys.modules["lib_of_flows"]


PREFECT = """
class Flow:
    def __init__(self, fn):
        self.fn, self.name, self.version = fn, fn.__name__, None
    def __call__(self, *args):
        return self.fn(*args)

class Special(Flow): pass
flow = Special
"""


@pytest.mark.parametrize("home", ["prefect", "prefect.flows", "prefect.x.y"])
def test_flows_of_prefect(script, monkeypatch, home):
    """Prefect's flows are known by their class; Prefect need not be there for it."""
    lib = script("", "prefect/__init__.py")
    script("", "prefect/x/__init__.py")
    lib.write_text(f"from {home} import flow, Flow")
    package = home.replace(".", "/") + ("/__init__" if home == "prefect" else "")
    script(PREFECT, f"{package}.py")
    for name in [name for name in sys.modules if name.partition(".")[0] == "prefect"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(lib.parent.parent))
    text = "from prefect import flow, Flow\n@flow\ndef f(x): return x\n"
    flow = load(text)
    assert (type(flow).__name__, flow.name, flow(5)) == ("Special", "f", 5)
    assert flow.version == hashlib.md5(text.encode()).hexdigest()
    assert flow.fn.__module__ in sys.modules
    del flow
    assert load(text + "f.version = 'v1'").version == "v1"
    assert not modules_of_scripts()
    own = text + "class Own(Flow): pass\nf = Own(f.fn)\n"
    assert type(load(own)).__name__ == "Own"
    with pytest.raises(MissingFlowError):
        load(text + "Flow.__module__ = 'prefectly'\n")
    for name in list(sys.modules):
        if name.partition(".")[0] == "prefect":
            del sys.modules[name]


def test_no_guard_fires():
    """A script that is loaded is not the program."""
    flow = load(HELLO + "if __name__ == '__main__':\n    raise Exception\n")
    assert flow.fn.__module__ == flow.fn.__globals__["__name__"] != "__main__"


def test_module_lives_as_long_as_its_flow():
    """Copies of the flow count; then nothing of it is left."""
    flow = load(HELLO)
    name = flow.fn.__module__
    assert sys.modules[name].hello.fn is flow.fn
    copied = flow.with_options(name="other")
    del flow
    assert modules_of_scripts() == [name]
    del copied
    assert modules_of_scripts() == []


def test_deep_copy_is_a_copy_too():
    """The module lives for it as well."""
    flow = load(HELLO)
    copied = copy.deepcopy(flow)
    del flow
    gc.collect()
    assert modules_of_scripts() == [copied.fn.__module__]
    del copied
    gc.collect()
    assert modules_of_scripts() == []


def test_lines_are_those_of_each_load(script):
    """One load of the same file does not take them from another."""
    path = script(HELLO)
    one, two = load_flow_from_script(path), load_flow_from_script(path)
    assert one.fn.__code__.co_filename == two.fn.__code__.co_filename
    path.unlink()
    del two
    assert "def hello" in inspect.getsource(one.fn)


def test_many_loads_leave_nothing():
    """A process that loads for ever does not grow."""
    for _ in range(50):
        load(HELLO)()
    assert modules_of_scripts() == []


def test_two_loads_are_two_modules():
    """Two versions of a script do not meet."""
    one, two = load(HELLO + "X = 1"), load(HELLO + "X = 2")
    assert one.fn.__globals__["X"] == 1
    assert two.fn.__globals__["X"] == 2
    assert one.fn.__module__ != two.fn.__module__


def test_pickles_and_dataclasses():
    """What needs its module in ``sys.modules`` works."""
    flow = load_flow_from_script(SCRIPTS / "orders.py", "pack-orders")
    order = asyncio.run(flow({"number": "7", "priority": "HIGH"}))
    assert order.number == 7
    assert order.priority.name == "HIGH"
    assert pickle.loads(pickle.dumps(order)) == order


@pytest.mark.parametrize("source", ["file", "bytes"])
def test_traceback_shows_the_lines(script, source):
    """Also when the file is gone, or never was; checkcache does not spoil it."""
    text = IMPORT + "@flow\ndef fail(): return 1 // 0  # this line\n"
    path = script(text)
    flow = load_flow_from_script(path) if source == "file" else load(text)
    path.unlink()
    linecache.checkcache()
    with pytest.raises(ZeroDivisionError) as caught:
        flow()
    shown = "".join(traceback.format_exception(None, caught.value, caught.tb))
    assert "1 // 0  # this line" in shown
    assert (str(path) if source == "file" else "/stored.py") in shown
    assert "# this line" in inspect.getsource(flow.fn)


READS_ITSELF = IMPORT + """
import os
from pathlib import Path

OWN = Path(__file__)
TEXT = OWN.read_text(encoding="utf-8")

@flow
def own():
    with open(__file__, encoding="utf-8") as file:
        return OWN.resolve(), TEXT == file.read()
"""


def test_script_that_reads_its_own_file(script):
    """It is a file under the script's name, and beside a local one lies what does."""
    path = script(READS_ITSELF + "assert (OWN.parent / 'data.csv').exists()\n")
    path.with_name("data.csv").write_text("1,2")
    assert load_flow_from_script(path)() == (path.resolve(), True)
    assert not list(path.parent.rglob("*.pyc"))


def test_private_file_lives_as_long_as_its_flow():
    """Nobody else can read it, and what the script puts beside it goes with it."""
    flow = load(READS_ITSELF + "OWN.with_name('x').mkdir()\n")
    path, is_equal = flow()
    assert (path.name, is_equal) == ("stored.py", True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == ["stored.py", "x"]
    copied = flow.with_options(name="other")
    del flow
    assert path.exists()
    del copied
    assert not path.parent.exists()
    with pytest.raises(ScriptError) as caught:
        load(READS_ITSELF + "raise Exception(__file__)")
    path = Path(str(caught.value.user_exc))
    del caught
    gc.collect()
    assert not path.parent.exists()


@pytest.mark.parametrize(
    "name, expected",
    [
        ("https://host/a/b.py?c=d", "b.py"),
        ("gr\xfc\xdfe \u65e5.py", "gr\xfc\xdfe \u65e5.py"),
        ("a/..", "script.py"),
        ("", "script.py"),
        ("\ud800\0\n.py", "script.py"),
        ("x" * 300, "script.py"),
    ],
)
def test_name_of_the_private_file(name, expected):
    """The last part of what the script is called, if a file may be called so."""
    flow = load_flow_from_script(Script(READS_ITSELF.encode(), name))
    assert flow()[0].name == expected


def test_private_file_goes_with_the_process(tmp_path):
    """However it ends, and a fork takes none from its parent."""
    text = READS_ITSELF + textwrap.dedent(
        """
        import atexit, sys
        from multiprocessing import get_context

        @atexit.register
        def read():
            OWN.read_text()

        @flow
        def own():
            if os.fork() == 0:
                sys.exit()
            os.wait()
            with get_context("fork").Pool(2) as pool:
                return pool.map(work, [1, 2])

        def work(x):
            return len(OWN.read_text()) * x
        """
    )
    program = f"""
from flowpack.analysis.script import Script
from flowpack.loading import load_flow_from_script
flow = load_flow_from_script(Script({text.encode()!r}, "stored.py"))
print(flow() == [{len(text)}, {2 * len(text)}])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("True\n", "")
    assert not list(tmp_path.glob("flowpack-*"))


def test_no_room_for_the_private_file(monkeypatch, tmp_path):
    """The error says what to do."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(FlowpackError, match=r"stored\.py cannot be .* Set TMPDIR"):
        load(HELLO)


ODD = {
    "CRLF": HELLO.replace("\n", "\r\n").encode(),
    "BOM": b"\xef\xbb\xbf" + HELLO.encode(),
    "latin-1": b"# coding: latin-1\nX = '\xe9'\n" + HELLO.encode(),
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_odd_source(content):
    """Whatever Python runs is run."""
    flow = load_flow_from_script(Script(content, "stored.py"))
    assert flow.version == hashlib.md5(content).hexdigest()
    assert "def hello" in inspect.getsource(flow.fn)


FAILURES = {
    "error": ("1 // 0", ZeroDivisionError),
    "exit": ("import sys; sys.exit(3)", SystemExit),
    "own": ("class Odd(BaseException): pass\nraise Odd('odd')", BaseException),
    "generator": ("raise GeneratorExit", GeneratorExit),
    "syntax": ("x = = 1", SyntaxError),
    "recursion": ("def f(): f()\nf()", RecursionError),
    "relative import": ("from . import x", ImportError),
    "coding": ("# coding: nonsense", SyntaxError),
    "bad name": (IMPORT + "flow(len, name='a/b')", ValueError),
}


@pytest.mark.parametrize("text, kind", FAILURES.values(), ids=FAILURES)
def test_failing_script(text, kind):
    """What the script raises is the cause of a ScriptError, SystemExit included."""
    with pytest.raises(ScriptError, match="the script stored.py failed") as caught:
        load(text)
    assert isinstance(caught.value.__cause__, kind)
    assert caught.value.user_exc is caught.value.__cause__
    del caught
    assert not modules_of_scripts()


def test_interrupt_passes():
    """Ctrl-C is not the script's failure."""
    with pytest.raises(KeyboardInterrupt):
        load("raise KeyboardInterrupt")
    assert not modules_of_scripts()


def test_prefect_is_missing():
    """The error says what is missing, and how to do without."""
    with pytest.raises(ScriptError, match="No module named 'prefect") as caught:
        load("import prefect.no_such_part")
    assert "from flowpack import flow" in str(caught.value)


def test_relative_import():
    """A script that is stored has no modules beside it."""
    with pytest.raises(ScriptError, match="relative import") as caught:
        load("from .helpers import x")
    assert "is not stored with the script" in str(caught.value)


def test_module_is_missing():
    """The error says that modules beside the script do not travel with it."""
    with pytest.raises(ScriptError, match="No module named 'my_helpers'") as caught:
        load("import my_helpers")
    assert "is not stored with the script" in str(caught.value)
    assert isinstance(caught.value.user_exc, ModuleNotFoundError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_unreadable(tmp_path):
    """Without a script there is nothing to run."""
    with pytest.raises(DiscoveryError, match="there is no such file"):
        load_flow_from_script(tmp_path / "none.py")
    with pytest.raises(DiscoveryError, match="NUL bytes"):
        load("x = 1\0")


def state():
    """Return what a script may change and must not."""
    return (
        os.getcwd(),
        (id(sys.argv), list(sys.argv)),
        (id(sys.path), list(sys.path)),
        (sys.stdout, sys.stderr),
        signal.getsignal(signal.SIGTERM),
        sys.modules["json"],
    )


@pytest.mark.parametrize("end", ["", "raise Exception", "raise SystemExit", "x = = 1"])
def test_process_is_as_before(script, end):
    """Folder, arguments, path, streams and handlers are put back, after errors too."""
    path = script((SCRIPTS / "untidy.py").read_text() + end)
    before = state()
    try:
        load_flow_from_script(path)
    except ScriptError:
        assert end
    assert state() == before
    assert "left-by-a-script" not in sys.modules
    assert sys.modules.get("this", "absent") is not None


class Odd:
    """A stream that has a descriptor and little else."""

    def __init__(self, number):
        self.number = number

    def fileno(self):
        return self.number


def test_streams_of_other_kinds(monkeypatch, tmp_path):
    """They are put back as they were; one that is a file is opened again if closed."""
    with open(tmp_path / "out", "w") as file:
        for stream in (Odd(file.fileno()), Odd("none"), None, io.StringIO(), file):
            monkeypatch.setattr(sys, "stdout", stream)
            load(HELLO + "import sys\ngetattr(sys.stdout, 'close', list)()")
            assert (sys.stdout is stream) == (stream is not file)
        print("again", flush=True)
        os.close(sys.stdout.fileno())
    assert (tmp_path / "out").read_text() == "again\n"


def test_no_descriptor_is_left(monkeypatch, tmp_path):
    """A stream with two names, as standard output has, is copied once."""
    with open(tmp_path / "out", "w") as file:
        monkeypatch.setattr(sys, "stdout", file)
        monkeypatch.setattr(sys, "stderr", file)
        os.close(free := os.dup(file.fileno()))
        load(HELLO)
        os.close(still_free := os.dup(file.fileno()))
        assert still_free == free


def test_folder_that_is_gone(tmp_path, monkeypatch):
    """A script that removes the working folder, or runs without one, is loaded."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    assert load(HELLO + "import os\nos.chdir('/')\nos.rmdir({!r})".format(str(gone)))
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    assert load(HELLO)


def test_working_folder_is_the_callers(tmp_path, script, monkeypatch):
    """The script runs where its caller is."""
    monkeypatch.chdir(tmp_path)
    path = script(HELLO + "import os\nHERE = os.getcwd()")
    assert load_flow_from_script(path).fn.__globals__["HERE"] == str(tmp_path)


def test_script_runs_once(script):
    """One load is one run."""
    path = script(HELLO + "with open(__file__ + '.runs', 'a') as f: f.write('x')\n")
    load_flow_from_script(path)
    assert Path(f"{path}.runs").read_text() == "x"


def test_output_is_left_alone(capsys):
    """What the script prints while it is loaded is printed."""
    load(HELLO + "print('loading')")
    assert capsys.readouterr().out == "loading\n"


def test_siblings(tmp_path):
    """A script imports modules beside it, and never those beside another script."""
    flows = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "sibling.py").write_text(f"NAME = {name!r}\n")
        text = f"import sibling\n{HELLO}"
        (folder / "script.py").write_text(text)
        flows.append(load_flow_from_script(folder / "script.py"))
    names = [flow.fn.__globals__["sibling"].NAME for flow in flows]
    assert names == ["one", "two"]
    assert "sibling" not in sys.modules
    assert not {str(tmp_path / "one"), str(tmp_path / "two")} & {*sys.path}


def test_siblings_that_could_be_imported_anyway(script, monkeypatch):
    """Modules that the process itself finds stay imported."""
    path = script("NAME = 1", "known_sibling.py")
    monkeypatch.syspath_prepend(str(path.parent))
    load_flow_from_script(script(f"import known_sibling\n{HELLO}"))
    assert sys.modules.pop("known_sibling").NAME == 1


def test_modules_that_load_themselves_late(script):
    """A module that waits for its first use is not woken by looking at it."""
    script("raise Exception('woken')", "late.py")
    path = script(
        """
        import importlib.util
        import sys

        spec = importlib.util.find_spec("late")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        late = sys.modules["late"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(late)
        """
        + HELLO.replace("\n", "\n        ")
    )
    assert load_flow_from_script(path)
    assert "late" not in sys.modules


def test_load_within_a_load(script):
    """A script may load another; neither disturbs the other."""
    inner = script(HELLO, "inner.py")
    outer = script(
        f"""
        from flowpack.flows import flow
        from flowpack.loading import load_flow_from_script

        inner = load_flow_from_script({str(inner)!r})

        @flow
        def outer():
            return inner("inner")
        """
    )
    flow = load_flow_from_script(outer)
    assert flow() == "inner"
    assert len(modules_of_scripts()) == 2
    del flow
    assert modules_of_scripts() == []


def test_flow_that_dies_during_a_load(shared):
    """Its module is gone afterwards, though it was there when the load began."""
    shared.flows = [load(HELLO)]
    load(f"import shared_with_scripts as s, gc\ns.flows.clear()\ngc.collect()\n{HELLO}")
    assert modules_of_scripts() == []


def test_flow_called_while_loading():
    """It does nothing, with a warning that says what to write."""
    with pytest.warns(UserWarning, match="'hello' was not called: 'stored.py' is"):
        flow = load(HELLO + "RESULT = hello('nobody')\n")
    assert flow.fn.__globals__["RESULT"] is None
    assert flow() == "x"


def test_async_flow_called_while_loading():
    """``asyncio.run(flow())`` at module level does nothing, too."""
    text = "import asyncio\n" + HELLO.replace("def", "async def")
    with pytest.warns(UserWarning, match="was not called"):
        flow = load(text + "RESULT = asyncio.run(hello())\n")
    assert flow.fn.__globals__["RESULT"] is None


def test_flows_run_in_other_threads_while_one_loads(shared):
    """Only the script that is loaded calls in vain."""
    flow = load(HELLO)
    shared.started, shared.go_on = threading.Event(), threading.Event()
    text = "import shared_with_scripts as s\ns.started.set()\ns.go_on.wait(10)\n"
    thread = threading.Thread(target=load, args=(text + HELLO,))
    thread.start()
    try:
        assert shared.started.wait(10)
        assert flow("works") == "works"
    finally:
        shared.go_on.set()
        thread.join()


def test_threads(tmp_path):
    """Loads in eight threads leave nothing to each other or to the process."""
    before, failures = state(), []

    def work(number):
        path = tmp_path / f"untidy_{number}.py"
        path.write_bytes((SCRIPTS / "untidy.py").read_bytes())
        try:
            for _ in range(5):
                found = load_flow_from_script(path)()
                assert found["folder"] == before[0]
                assert (found["argv"], found["path"], found["modules"]) == ([], [], [])
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert state() == before
    assert modules_of_scripts() == []


def test_without_asyncio(script):
    """Loading needs no asyncio."""
    code = f"""
import sys
sys.modules["asyncio"] = None
from flowpack.loading import load_flow_from_script
print(load_flow_from_script({str(script(HELLO))!r})("works"))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("works\n", "")


SOURCES = {
    "orders": (SCRIPTS / "orders.py").read_text(),
    "hello": (ROOT / "examples" / "hello.py").read_text(),
    "made": IMPORT
    + """
NAME = "a" "b"
def f_n(a, /, b: int = 1, *c, d, **e):
    '''Doc.

        Deep.
    '''
one = flow(f_n)
two = flow(f_n, name=NAME + f"-{NAME}", version=2, description="D")
three = two.with_options(name="three", description="")
(five := flow(lambda x: x, name="five"))
try:
    seven = flow(f_n, name="seven")
finally:
    del one
if __name__ == "__main__":
    eight = flow(f_n, name="eight")
""",
}


@pytest.mark.parametrize("text", SOURCES.values(), ids=SOURCES)
def test_discovery_finds_what_loading_gives(text, monkeypatch):
    """They agree on every flow, and on all that is known of it."""
    monkeypatch.setitem(sys.modules, "prefect", None)
    script = Script(content=text.encode(), name="stored.py")
    found = find_flows(script).flows
    assert found
    for each in found:
        flow = load_flow_from_script(script, variable=each.variable)
        assert flow.name == each.name
        assert flow.version == each.version
        assert flow.description == each.description
        assert flow.fn.__name__ == each.function
        assert list(flow.parameters) == list(each.parameters)
    defined = vars(sys.modules[flow.fn.__globals__["__name__"]]).values()
    flows = {id(value) for value in defined if isinstance(value, Flow)}
    assert len(flows) == len(found)
