"""The code at the end of a packed project, run as agents and workers run it, and as it is read."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from flowpack.projects import bootstrap
from flowpack.projects.bundle import Bundle, pack
from tests.peers.interpreters import find_interpreter

SOURCE = Path(bootstrap.__file__)

FILES = {
    "pkg/__init__.py": "",
    "pkg/flows.py": """
        from pathlib import Path
        from .helper import twice
        from .sub.deep import Point

        DATA = Path(__file__).with_name("data.bin").read_bytes()

        def local(x):
            return x + 1

        def lazy():
            from .later import NAME
            return NAME

        def fail():
            twice(None)

        def main(x=1):
            return twice(x), Point(x).x, local(x), lazy(), len(DATA)

        class Flows:
            main = staticmethod(main)
        """,
    "pkg/helper.py": """
        def twice(x):
            return 2 * x if x is not None else 1 / 0  # This line.
        """,
    "pkg/sub/__init__.py": "",
    "pkg/sub/deep.py": """
        from .. import helper
        class Point:
            def __init__(self, x): self.x = helper.twice(x)
            def add(self, y): return self.x + y
        """,
    "pkg/later.py": "NAME = __name__",
    "pkg/data.bin": bytes(range(256)),
    "pkg/in/": "",
}


def dedented(files):
    return {
        path: text if isinstance(text, bytes) else textwrap.dedent(text).lstrip().encode()
        for path, text in files.items()
    }


def packed(files=FILES, module="pkg.flows", file="pkg/flows.py", flow="main", paths=("",)):
    """Return a packed project."""
    return pack(Bundle(dedented(files), module, file, flow, paths))


def flat(text, **others):
    """Return a packed project of a script, and of modules beside it."""
    files = {"flows.py": text, **{f"{name}.py": other for name, other in others.items()}}
    return packed(files, "flows", "flows.py")


LOADERS = """
import importlib.util, json, os, runpy, sys, types

def by_path(path):
    "As a 2.0b7 agent."
    return types.SimpleNamespace(**runpy.run_path(path))

def by_spec(path, name="__prefect_loader__"):
    "As a worker."
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

def by_text(path):
    "Without a file."
    names = {"__name__": "text"}
    with open(path, "rb") as file:
        exec(file.read(), names)
    return types.SimpleNamespace(**names)

def folders():
    return sorted(name for name in os.listdir(os.environ["TMPDIR"]) if name.startswith("flowpack-"))
"""


class Machine:
    """Runs code in processes of their own, with a folder for temporary files."""

    def __init__(self, folder: Path, tmp: Path):
        self.folder = folder
        self.tmp = tmp
        (folder / "loaders.py").write_text(LOADERS)

    def write(self, content, name="bundle.py"):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def start(self, code, *words, python=sys.executable, options=("-W", "error"), **environ):
        (self.folder / "code.py").write_text(textwrap.dedent(code))
        command = [str(python), *options, str(self.folder / "code.py"), *words]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.tmp), **environ},
        )

    def run(self, code, *words, **options):
        """Return the last line that *code* prints, as JSON."""
        process = self.start(code, *words, **options)
        out, errors = process.communicate()
        assert (process.returncode, errors) == (0, "")
        return json.loads(out.splitlines()[-1])

    @property
    def left(self):
        return sorted(os.listdir(self.tmp))


@pytest.fixture
def machine(tmp_path):
    # Its path is short, as those of sockets have to be.
    with tempfile.TemporaryDirectory(dir=tmp_path.parent.parent.parent) as tmp:
        (tmp_path / "machine").mkdir()
        yield Machine(tmp_path / "machine", Path(tmp))


# --- the text -------------------------------------------------------------------------------


def test_text_is_pinned():
    """Changing a letter of it makes every deployment of a project one to update."""
    assert hashlib.sha256(SOURCE.read_bytes()).hexdigest() == SHA256


SHA256 = "570d7e1e4e32283c91122bda30d2b3460fb893e9f891e06e38306f002a1ce573"


def test_text_is_for_old_pythons():
    """Workers may have older ones than flowpack needs."""
    ast.parse(SOURCE.read_bytes(), feature_version=(3, 7))
    assert packed().endswith(
        SOURCE.read_bytes()
        + b"\n\nmain = _flowpack_load(**_flowpack_bundle)\ndel _flowpack_bundle\n"
    )


@pytest.mark.parametrize("release", ["3.7", "3.13"])
@pytest.mark.parametrize("loader", ["by_path", "by_spec", "by_text"])
def test_loads(machine, release, loader):
    """With relative imports, sub-packages, data, lazy imports, and real files and lines."""
    python = find_interpreter(release)
    if python is None:
        pytest.skip(f"there is no Python {release}")
    code = f"""
        import traceback
        from loaders import *
        found = {loader}(sys.argv[1])
        assert found.main(4) == (8, 8, 5, "pkg.later", 256)
        module = sys.modules["pkg.flows"]
        assert (module.__name__, module.__package__) == ("pkg.flows", "pkg")
        assert not hasattr(found, "_flowpack_bundle")
        try:
            module.fail()
        except ZeroDivisionError:
            text = traceback.format_exc()
        assert os.path.join("pkg", "helper.py") in text and "# This line." in text, text
        assert os.listdir(os.path.join(os.path.dirname(module.__file__), "in")) == []
        print(json.dumps(folders()))
        """
    assert len(machine.run(code, machine.write(packed()), python=python)) == 1
    assert machine.left == []


@pytest.mark.parametrize("options", ["-I -S", "-OO -B", "-W error"])
def test_options_of_python(machine, options):
    """Without the site, without docstrings, with warnings that are errors."""
    path = machine.write(packed())
    code = """
        import runpy, sys
        print(runpy.run_path(sys.argv[1])["main"](2)[0])
        """
    assert machine.run(code, path, options=options.split()) == 4


def test_loading_brings_few_modules(machine):
    """What is slow to load is not loaded, for each run would wait for it."""
    code = """
        import runpy, sys
        runpy.run_path(sys.argv[1])
        assert not {"inspect", "importlib.metadata", "ast", "logging"} & set(sys.modules)
        print(1)
        """
    machine.run(code, machine.write(flat("def main(): pass")), options=("-S",))


def test_flow_in_a_class(machine):
    """What is bound is what the entry point begins with."""
    path = machine.write(packed(flow="Flows.main"))
    assert machine.run(
        "from loaders import *; print(by_spec(sys.argv[1]).Flows.main(1)[0])", path
    ) == 2


def test_name_with_a_dash(machine):
    """Scripts may have names that are no identifiers."""
    content = packed({"my-flow.py": "def main(): return __name__"}, "my-flow", "my-flow.py")
    path = machine.write(content)
    assert machine.run(
        "from loaders import *; print(json.dumps(by_path(sys.argv[1]).main()))", path
    ) == "my-flow"


def test_file_named_as_the_package(machine):
    """A worker may have loaded it under the name of the package that is in it."""
    files = {"flows/__init__.py": "", "flows/main.py": "def main(): return __name__"}
    path = machine.write(packed(files, "flows.main", "flows/main.py"), "flows.py")
    code = "from loaders import *; print(json.dumps(by_spec(sys.argv[1], 'flows').main()))"
    assert machine.run(code, path) == "flows.main"


def test_search_paths_come_first(machine):
    """In their order, before what is beside the script and what is installed."""
    files = {
        "src/app.py": "import lib\ndef main(): return lib.NAME",
        "lib.py": "NAME = 'root'",
        "src/lib.py": "NAME = 'src'",
    }
    machine.write(b"NAME = 'beside'\n", "lib.py")
    code = "from loaders import *; print(json.dumps([by_path(p).main() for p in sys.argv[1:]]))"
    first = machine.write(packed(files, "app", "src/app.py", paths=("src", "")), "a.py")
    assert machine.run(code, first) == ["src"]
    second = machine.write(packed(files, "src.app", "src/app.py", paths=("", "src")), "b.py")
    assert machine.run(code, second) == ["root"]


# --- what was changed -----------------------------------------------------------------------


def test_flipped_bits(tmp_path, monkeypatch):
    """Whatever bit of names and contents flips: either nothing runs, or what was packed."""
    ran: list[bytes] = []
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "flowpack_ran", ran, raising=False)
    script = "import sys\nsys.flowpack_ran.append(__loader__.get_data(__file__))\nmain = 1\n"
    files = {"flipped.py": script, "a b.bin": b"\0\1", "d/": "", "é.txt": "it's\r\n"}
    content = packed(files, "flipped", "flipped.py")
    manifest = content[content.index(b"_flowpack_bundle") : content.index(b'"""The code')]

    def load(text):
        names: dict[str, object] = {}
        exec(compile(text, "bundle", "exec", dont_inherit=True), names)
        bootstrap._flowpack_load(**names["_flowpack_bundle"])  # type: ignore[arg-type]

    outcomes = set()
    for place in range(len(manifest)):
        for bit in range(8):
            changed = bytearray(manifest)
            changed[place] ^= 1 << bit
            sys.modules.pop("flipped", None)
            try:
                load(bytes(changed))
                outcomes.add("loaded")
            except Exception as exc:
                outcomes.add(type(exc).__name__)
    assert {"loaded", "SyntaxError", "ImportError", "TypeError", "NameError"} <= outcomes
    assert set(ran) == {script.encode()}  # Spaces, and the ends of base64, change nothing.
    sys.modules.pop("flipped", None)


def test_flips_anywhere(machine):
    """In the header and in the bootstrap, too, a flip stops it, or it runs what was packed."""
    content = flat("def main(): return 'as it was'")
    numbers = random.Random(5)
    for count in range(60):
        changed = bytearray(content)
        changed[numbers.randrange(len(content))] ^= 1 << numbers.randrange(7)
        machine.write(changed, f"flip{count}.py")
    code = """
        from loaders import *
        results = []
        for name in sorted(os.listdir(".")):
            if name.startswith("flip"):
                try:
                    results.append(by_path(name).main())
                except BaseException:
                    results.append(None)
        print(json.dumps(sorted(set(map(str, results)))))
        """
    assert machine.run(code, options=("-W", "ignore")) == ["None", "as it was"]


def test_edited(machine):
    """The error says so, and that nothing ran."""
    path = machine.write(packed().replace(b"x + 1", b"x + 2"))
    code = """
        from loaders import *
        try:
            by_path(sys.argv[1])
        except ImportError as exc:
            print(json.dumps([str(exc), folders(), "pkg" in sys.modules]))
        """
    problem, there, loaded = machine.run(code, path)
    assert problem.startswith("this package of a flow was changed after flowpack made it: its SHA")
    assert (there, loaded) == ([], False)


@pytest.mark.parametrize(
    "path", ["../x", "/x", "a/../../x", "a\\..\\x", "C:x", "a/C:/x", "a//x", "./x"]
)
def test_hostile_paths(tmp_path, monkeypatch, path):
    """With the right digest, too, nothing is written outside."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files: dict[str, str | bytes] = {"m.py": "", path: "x"}
    with pytest.raises(ImportError, match="leads out of its folder"):
        bootstrap._flowpack_load("", "m", "m.py", "f", [""], [], files)
    assert sorted(os.listdir(tmp_path)) == ["home"]


# --- the folder -----------------------------------------------------------------------------


@pytest.mark.parametrize("umask", ["0", "077"])
def test_folder_is_private(machine, umask):
    """Whatever the umask is."""
    code = f"""
        from loaders import *
        os.umask(0o{umask})
        by_path(sys.argv[1])
        print(json.dumps(oct(os.stat(os.path.join(os.environ["TMPDIR"], folders()[0])).st_mode)))
        """
    assert machine.run(code, machine.write(packed())) == "0o40700"


def test_killed_processes(machine):
    """The next start removes what they left; that of a process that lives stays."""
    path = machine.write(packed())
    code = "from loaders import *; by_path(sys.argv[1]); print(folders()[-1], flush=True); input()"
    killed, alive = (machine.start(code, path) for _ in range(2))
    for process in (killed, alive):
        assert process.stdout.readline().startswith("flowpack-flow-")
    assert len(machine.left) == 2
    killed.kill()
    killed.communicate()
    count = "from loaders import *; by_path(sys.argv[1]); print(len(folders()))"
    assert machine.run(count, path) == 2
    assert len(machine.left) == 1
    alive.communicate("\n")
    assert machine.left == []


def test_many_starts_at_once(machine):
    """None takes another's folder for that of a dead process."""
    path = machine.write(packed())
    code = "from loaders import *; print(by_path(sys.argv[1]).main(2)[4])"
    processes = [machine.start(code, path) for _ in range(8)]
    for process in processes:
        assert process.communicate() == ("256\n", "")
    assert machine.left == []


def test_folder_is_locked_before_others_look(machine):
    """None takes a new one for that of a dead process."""
    code = """
        import fcntl
        from loaders import *
        rename, locked = os.rename, []
        def checked(old, new):
            try:
                fcntl.flock(os.open(old, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                locked.append(os.listdir(old) == [] and os.path.basename(new)[:14])
            rename(old, new)
        os.rename = checked
        by_path(sys.argv[1])
        print(json.dumps(locked[0]))
        """
    assert machine.run(code, machine.write(packed())) == "flowpack-flow-"


def test_planted_links(machine):
    """They are not followed, nor is anything removed that is no folder."""
    victim = machine.folder / "victim"
    victim.mkdir()
    (victim / "file").write_text("x")
    (machine.tmp / "flowpack-flow-link").symlink_to(victim)
    (machine.tmp / "flowpack-flow-file").write_text("x")
    (machine.tmp / "flowpack-flow-left").mkdir()
    os.mkfifo(machine.tmp / "flowpack-flow-fifo")
    path = machine.write(packed())
    machine.run("from loaders import *; print(by_path(sys.argv[1]).main()[0])", path)
    assert (victim / "file").exists()
    assert machine.left == ["flowpack-flow-fifo", "flowpack-flow-file", "flowpack-flow-link"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_folders_of_others(machine):
    """They are left alone, even by root."""
    (machine.tmp / "flowpack-flow-other").mkdir()
    os.chown(machine.tmp / "flowpack-flow-other", 12345, 12345)
    path = machine.write(packed())
    machine.run("from loaders import *; print(by_path(sys.argv[1]).main()[0])", path)
    assert machine.left == ["flowpack-flow-other"]


def test_forks_remove_nothing(machine):
    """A child that ends leaves the folder to its parent, and shares it."""
    code = """
        from loaders import *
        flow = by_path(sys.argv[1]).main
        child = os.fork()
        if not child:
            assert by_path(sys.argv[1]).main is flow
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        print(json.dumps([len(folders()), flow(1)[3]]))
        """
    assert machine.run(code, machine.write(packed())) == [1, "pkg.later"]
    assert machine.left == []


def test_fork_while_another_thread_loads(machine):
    """The child does not wait for the lock of a thread that it does not have."""
    slow = flat("import loaders\nloaders.started.set()\nloaders.go.wait(60)\ndef main(): return 1")
    code = """
        import loaders, threading
        from loaders import *
        loaders.started, loaders.go = threading.Event(), threading.Event()
        thread = threading.Thread(target=by_path, args=[sys.argv[1]])
        thread.start()
        loaders.started.wait(60)
        child = os.fork()
        if not child:
            os._exit(by_path(sys.argv[2]).main(3)[0])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        loaders.go.set()
        thread.join()
        """
    paths = machine.write(slow, "slow.py"), machine.write(packed())
    assert machine.run(code, *paths, options=("-W", "ignore")) == 6


def test_no_room(machine):
    """The error names a way out, and nothing is left."""
    path = machine.write(packed({**FILES, "large": b"x" * 100_000}))
    code = """
        import resource
        from loaders import *
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            by_path(sys.argv[1])
        except OSError as exc:
            print(json.dumps([str(exc), folders()]))
        """
    problem, there = machine.run(code, path)
    assert "File too large; set TMPDIR to a folder with room for this flow's files" in problem
    assert there == []


def test_folder_that_is_gone(machine):
    """Someone cleaned up: what is loaded again is written again."""
    code = """
        import shutil, warnings
        from loaders import *
        by_path(sys.argv[1])
        shutil.rmtree(os.path.join(os.environ["TMPDIR"], folders()[0]))
        warnings.simplefilter("ignore")
        print(by_path(sys.argv[1]).main(2)[4])
        """
    assert machine.run(code, machine.write(packed())) == 256


# --- several in one process -----------------------------------------------------------------

TWO = [
    flat(
        """
        from helper import NAME
        def main():
            import helper
            return NAME, helper.NAME
        """,
        helper=f"NAME = {name!r}",
    )
    for name in "ab"
]


def test_twice(machine):
    """The same package shares folder and modules."""
    code = """
        from loaders import *
        first, second = by_path(sys.argv[1]), by_spec(sys.argv[1])
        assert first.main is second.main
        print(len(folders()))
        """
    assert machine.run(code, machine.write(packed())) == 1


def test_namespace_packages(machine):
    """They are found, and shared when they are loaded again, without a warning."""
    files = {"src/a/b/c.py": "def main(): return __name__", "lib/a/d.py": "", "a.txt": ""}
    content = packed(files, "a.b.c", "src/a/b/c.py", paths=("lib", "src"))
    code = """
        from loaders import *
        import runpy
        first, second = by_path(sys.argv[1]), by_path(sys.argv[1])
        import a.d
        assert first.main is second.main
        print(json.dumps(first.main()))
        """
    assert machine.run(code, machine.write(content)) == "a.b.c"


def test_data_is_no_module(machine):
    """A module that is called as a folder of data stays as it is."""
    machine.write(b"", "data.py")
    content = packed({**FILES, "data/x.csv": "1", "notes.txt": ""})
    code = """
        from loaders import *
        import data
        by_path(sys.argv[1])
        print(json.dumps(sys.modules["data"] is data))
        """
    assert machine.run(code, machine.write(content)) is True


def test_same_names(machine):
    """Each sees its own while it loads; later the last one's are seen, which a warning says."""
    code = """
        import warnings
        from loaders import *
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first, second = map(by_path, sys.argv[1:])
        texts = [str(each.message) for each in caught]
        print(json.dumps([first.main(), second.main(), texts, caught[0].filename == sys.argv[2]]))
        """
    paths = [machine.write(content, f"{n}.py") for n, content in enumerate(TWO)]
    first, second, texts, is_named = machine.run(code, *paths)
    assert (first, second) == (["a", "b"], ["b", "b"])
    assert texts == [
        "flows, helper were loaded from elsewhere; imports now get those of the flow in flows"
    ]
    assert is_named


def test_same_name_as_a_loaded_module(machine):
    """One of elsewhere is set aside, whoever imported it."""
    machine.write(b"NAME = 'elsewhere'\n", "helper.py")
    code = """
        import helper, warnings
        from loaders import *
        warnings.simplefilter("ignore")
        print(json.dumps([helper.NAME, by_path(sys.argv[1]).main()]))
        """
    assert machine.run(code, machine.write(TWO[0])) == ["elsewhere", ["a", "a"]]


def test_module_main_is_left_alone(machine):
    """A project may have a __main__.py."""
    content = flat("def main(): return 1", __main__="1 / 0")
    code = """
        from loaders import *
        main = sys.modules["__main__"]
        by_path(sys.argv[1])
        print(json.dumps(sys.modules["__main__"] is main))
        """
    assert machine.run(code, machine.write(content)) is True


def test_threads(machine):
    """Several load the same and different ones at once."""
    contents = [
        packed({f"m{n}.py": f"import time\ndef main(): return {n}"}, f"m{n}", f"m{n}.py")
        for n in range(4)
    ]
    code = """
        from concurrent.futures import ThreadPoolExecutor
        from loaders import *
        with ThreadPoolExecutor(8) as pool:
            flows = list(pool.map(by_path, sys.argv[1:] * 4))
        print(json.dumps([[each.main() for each in flows], len(folders())]))
        """
    paths = [machine.write(content, f"{n}.py") for n, content in enumerate(contents)]
    assert machine.run(code, *paths) == [[0, 1, 2, 3] * 4, 4]


# --- failures -------------------------------------------------------------------------------


def test_failing_import(machine):
    """The error comes out as it is; paths and modules are as before, so a second try works."""
    script = "import helper, loaders\nif not loaders.ready: 1 / 0\ndef main(): return 1"
    content = flat(script, helper="")
    machine.write(b"NAME = 'elsewhere'\n", "helper.py")
    code = """
        import helper, loaders, warnings
        from loaders import *
        warnings.simplefilter("ignore")
        loaders.ready = False
        path, modules = sys.path[:], dict(sys.modules)
        try:
            by_path(sys.argv[1])
        except ZeroDivisionError as exc:
            assert exc.__traceback__.tb_next is not None
        modules["_flowpack_bundles"] = sys.modules["_flowpack_bundles"]
        assert sys.path == path
        assert {n: m for n, m in sys.modules.items() if n in modules} == modules
        assert sys.modules["helper"] is helper and "flows" not in sys.modules
        loaders.ready = True
        print(by_path(sys.argv[1]).main())
        """
    assert machine.run(code, machine.write(content)) == 1


def test_flow_that_is_not_there(machine):
    """The error is Python's."""
    code = """
        from loaders import *
        try:
            by_path(sys.argv[1])
        except AttributeError as exc:
            print(json.dumps([str(exc), "flows" in sys.modules]))
        """
    assert machine.run(code, machine.write(flat("x = 1"))) == [
        "module 'flows' has no attribute 'main'",
        False,
    ]


def test_entry_from_elsewhere(machine):
    """What an import hook puts in its place is not run as the flow."""
    code = """
        from loaders import *
        class Finder:
            def find_spec(self, name, path=None, target=None):
                if name == "flows":
                    return importlib.util.spec_from_file_location(name, "loaders.py")
        sys.meta_path.insert(0, Finder())
        try:
            by_path(sys.argv[1])
        except ImportError as exc:
            print(json.dumps(str(exc)))
        """
    problem = machine.run(code, machine.write(flat("def main(): pass")))
    assert problem.startswith("flows was imported from elsewhere: <module 'flows' from")


# --- other processes ------------------------------------------------------------------------

POOLS = """
    import pickle
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    from loaders import *

    def work():
        found = by_path(sys.argv[1])
        flows = sys.modules["pkg.flows"]
        point = pickle.loads(pickle.dumps(flows.Point(4)))
        context = get_context(sys.argv[2])
        with context.Pool(2) as pool:
            results = [pool.map(each, [1, 2]) for each in (flows.twice, flows.local, point.add)]
        with ProcessPoolExecutor(1, context) as pool:
            results.append(pool.submit(found.main, 5).result())
        print(json.dumps(results))

    if __name__ == "__main__":
        work()
    """


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
@pytest.mark.parametrize("release", ["{}.{}".format(*sys.version_info), "3.7"])
def test_multiprocessing(machine, method, release):
    """Functions and objects of the script's and of other modules reach other processes."""
    python = find_interpreter(release)
    if python is None:
        pytest.skip(f"there is no Python {release}")
    path = machine.write(packed())
    results = machine.run(POOLS, path, method, python=python, options=())
    assert results == [[2, 4], [2, 3], [9, 10], [10, 10, 6, "pkg.later", 256]]
    assert machine.left == []


def test_run_as_a_program(machine):
    """Children of a program that is the package itself load it for themselves.

    The pool kills them in the end, so that the next start has to remove what they left.
    """
    files = {
        "pkg/__init__.py": "",
        "pkg/flows.py": """
            from multiprocessing import get_context, current_process
            from .helper import twice
            def main():
                with get_context("spawn").Pool(1) as pool:
                    return pool.map(twice, [1, 2])
            """,
        "pkg/helper.py": "def twice(x): return 2 * x",
    }
    path = machine.write(packed(files) + b"if __name__ == '__main__':\n    print(main())\n")
    ran = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, env={"TMPDIR": str(machine.tmp)}
    )
    assert (ran.stdout, ran.stderr) == ("[2, 4]\n", "")
    path = machine.write(packed())
    machine.run("from loaders import *; print(by_path(sys.argv[1]).main()[0])", path)
    assert machine.left == []


def test_interrupted(machine):
    """Ctrl-C while it loads removes the folder."""
    content = flat("print('loading', flush=True)\nimport time\ntime.sleep(60)\ndef main(): pass")
    process = machine.start("from loaders import *; by_path(sys.argv[1])", machine.write(content))
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate()[1]
    assert machine.left == []
