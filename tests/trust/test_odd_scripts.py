"""Scripts and paths of a hostile kind: deployed as they are, or one clean error."""

from __future__ import annotations

import os
import socket
import time

import pytest

from flowpack import load_flow_from_script
from flowpack.analysis.discovery import select_flow
from flowpack.analysis.parameters import parameter_schema
from flowpack.analysis.script import Script
from flowpack.cli import main
from flowpack.cli.pull import write_file
from flowpack.exceptions import DiscoveryError, FlowpackError, SpecError
from flowpack.settings import load_settings
from tests.analysis.scripts import schema_in
from tests.trust.invariants import objects_in
from tests.trust.test_bad_input import World, clean

HEAD = "from flowpack import flow\n"
FLOW = "@flow\ndef hello(name='x'):\n    return name\n"


@pytest.fixture
def here(tmp_path):
    world = World(tmp_path)
    yield world
    world.client.close()


def long(*parts):
    """Return flows with a statement that nests, or goes on, *parts*' way."""
    return HEAD + FLOW + "".join(parts) + "\n"


#: Statements that some parser, walker or printer of trees could stumble on, at
#: depths below and above the limits of Python's releases.
SHAPES = {
    "brackets": lambda n: long("x = ", "(" * n, "1", ")" * n),
    "lists": lambda n: long("x = ", "[" * n, "]" * n),
    "calls": lambda n: long("x", "()" * n),
    "nested_calls": lambda n: long("x = ", "f(" * n, ")" * n),
    "subscripts": lambda n: long("x", "[0]" * n),
    "attributes": lambda n: long("x = a", ".a" * n),
    "minus": lambda n: long("x = ", "-" * n, "1"),
    "nots": lambda n: long("x = ", "not " * n, "1"),
    "sum": lambda n: long("x = ", "1+" * n, "1"),
    "powers": lambda n: long("x = ", "1**" * n, "1"),
    "lambdas": lambda n: long("x = ", "lambda:" * n, "1"),
    "choices": lambda n: long("x = ", "1 if 1 else " * n, "1"),
    "targets": lambda n: long("x=" * n, "1"),
    "elifs": lambda n: long("if 1: pass\n", "elif 1: pass\n" * n),
    "decorators": lambda n: HEAD + "@print\n" * n + FLOW,
    "f_string": lambda n: long("x = f'", "{x}" * n, "'"),
    "nested_f_string": lambda n: long("x = ", "f'{" * n, "1", "}'" * n),
    "blocks": lambda n: long(*(" " * i + "if 1:\n" for i in range(n)), " " * n, "0"),
    "annotation": lambda n: f"{HEAD}@flow\ndef hello(x: {'a[' * n}{']' * n}): pass\n",
    "default_sum": lambda n: f"{HEAD}@flow\ndef hello(x={'1+' * n}1): pass\n",
    "default_tuple": lambda n: f"{HEAD}@flow\ndef hello(x={'(' * n}{',)' * n}): pass\n",
    "text_annotation": lambda n: f"{HEAD}@flow\ndef hello(x: 'a{'.a' * n}'): pass\n",
}


@pytest.mark.parametrize("depth", [95, 2000, 30_000])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_long_and_deep(here, shape, depth):
    """Neither crashes the interpreter, for deploying nor for the parameters' schema."""
    source = shape(min(depth, 2000) if shape is SHAPES["blocks"] else depth)
    here.script.write_text(source)
    done = here.attempt()
    if done is not None:
        assert objects_in(here.folder / "store") == {done.key: source.encode()}
    try:
        found = select_flow(Script.read(here.script))
        assert found.definition is not None
        parameter_schema(found.definition, found.script.scope)
    except FlowpackError as exc:
        clean(exc)


def chain(step, last):
    """Return assignments that double something forty times, and its use."""
    lines = "".join(f"a{i} = {step.format(f'a{i - 1}')}\n" for i in range(1, 40))
    return f"{HEAD}from typing import *\n{lines}@flow\ndef hello({last}): pass\n"


def default(text):
    return f"{HEAD}@flow\ndef hello(x={text}): pass\n"


#: Signatures that would take all memory or time to those who evaluate them.
SIGNATURES = {
    "power": default("9**9**9"),
    "repeated": default("'x' * 10**12"),
    "shifted": default("1 << 10**12"),
    "listed": default("list(range(10**12))"),
    "padded": default("'{:>9999999999}'.format(1)"),
    "percent": default("'%999999999999d' % 1"),
    "f_string": default("f'{1:>999999999999}'"),
    "justified": default("'a'.ljust(10**11)"),
    "comprehension": default("[i for i in range(10**9) for j in range(10**9)]"),
    "digits": default("int('9' * 5000)"),
    "long_hex": default("0x" + "f" * 20_000),
    "text_of_long_hex": default("str(0x" + "f" * 20_000 + ")"),
    "negative_long_hex": default("[-0x" + "f" * 20_000 + "]"),
    "no_number": default("float('nan')"),
    "surrogate": default(r"'\ud800'"),
    "endless": default("open('/dev/zero').read()"),
    "runs": default("__import__('os').system('touch PWNED')"),
    "doubled_list": chain("[{0}, {0}]", "x=a39").replace("a0", "1"),
    "doubled_text": chain("{0} + {0}", "x=a39").replace("a0", "'ab'"),
    "squared": chain("{0} * {0}", "x=a39").replace("a0", "10"),
    "doubled_type": chain("Tuple[{0}, {0}]", "x: a39").replace("a0", "int"),
    "aliases_of_each_other": HEAD + "A = 'B'\nB = 'A'\n@flow\ndef hello(x: A): pass\n",
    "own_base": HEAD + "class A(A): pass\n@flow\ndef hello(x: A): pass\n",
    "long_docstring": f"{HEAD}@flow\ndef hello(x):\n    '''{'x (a:b: ' * 20_000}'''\n",
    "blank_docstring": f"{HEAD}@flow\ndef hello(x):\n    '''{' ' * 50_000}:param'''\n",
    "long_literal": (
        f"{HEAD}from typing import Literal\n@flow\n"
        f"def hello(x: Literal[0x{'f' * 20_000}]): pass\n"
    ),
}


@pytest.mark.parametrize("source", SIGNATURES.values(), ids=SIGNATURES)
def test_signature_that_takes_too_much(tmp_path, monkeypatch, source):
    """It is told as far as it can be in little time; nothing of it is run."""
    monkeypatch.chdir(tmp_path)
    schema_in(source, "hello")
    assert os.listdir(tmp_path) in ([], ["home"])


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)


def make_vast(path):
    with open(path, "wb") as file:
        file.truncate(50 << 30)


#: What may stand where a file is expected.
KINDS = {
    "folder": os.mkdir,
    "fifo": os.mkfifo,
    "zeroes": lambda path: os.symlink("/dev/zero", path),
    "itself": lambda path: os.symlink(path, path),
    "nowhere": lambda path: os.symlink("gone", path),
    "terminal": lambda path: os.symlink("/dev/tty", path),
    "memory": lambda path: os.symlink("/proc/self/mem", path),
    "socket": make_socket,
    "vast": make_vast,
}
PLACES = {
    "script": ("x.py", ["deploy", "x.py", "-n", "d"]),
    "spec_script": ("x.py", ["deploy", "x.py", "--spec"]),
    "json": ("x.json", ["deploy", "x.json"]),
    "yaml": ("x.yaml", ["deploy", "x.yaml"]),
    "plan": ("plan", ["deploy", "hello.py", "-n", "d", "--plan-file", "plan"]),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_no_file(here, monkeypatch, capsys, make, place):
    """Whatever is named in place of a file is told at once, and never read."""
    name, arguments = place
    monkeypatch.chdir(here.folder)
    make(name)
    assert main(arguments) == 1
    told = capsys.readouterr().err
    assert "Traceback" not in told and name in told
    assert not (here.folder / "home" / ".flowpack").exists()


@pytest.mark.parametrize("name", ["profiles.toml", "prefect.toml", ".env"])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_no_file_of_settings(tmp_path, monkeypatch, make, name):
    """It is as if there was none, or the error names it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    make(name)
    try:
        load_settings()
    except FlowpackError as exc:
        assert name in clean(exc)


@pytest.mark.parametrize(
    "path", [None, 5, ["x.py"], b"x.py", "", "\0", "\ud800", "x" * 5000, "/"], ids=ascii
)
def test_no_path_to_load(path):
    """Loading a script from what is no path says so."""
    with pytest.raises((DiscoveryError, SpecError)) as caught:
        load_flow_from_script(path)
    clean(caught.value)


@pytest.mark.skipif(not os.path.exists("/proc/cpuinfo"), reason="Linux has it")
def test_file_that_the_kernel_makes_up(tmp_path):
    """A regular file of no size gives its content, or is too long; it never waits."""
    assert b"processor" in Script.read("/proc/cpuinfo").content
    with pytest.raises(DiscoveryError, match="too long, with more than 10 bytes"):
        Script.read("/proc/cpuinfo", limit=10)


SLOW_SETTINGS = {
    "comment": (".env", "PREFECT_API_KEY=x" + " " * 200_000 + "y\n"),
    "spaces": (".env", " " * 200_000 + "PREFECT_API_KEY=x\n"),
    "escapes": (".env", 'PREFECT_API_KEY="' + "\\" * 100_001 + "\n"),
    "references": (".env", "PREFECT_API_KEY=" + "${" * 100_000 + "\n"),
    "long_key": ("prefect.toml", "a" + ".a" * 20_000 + " = 1\n"),
    "long_header": ("prefect.toml", "[" + "a." * 5_000 + "a]\n"),
    "deep_key": ("prefect.toml", "a" + ".a" * 900 + " = 1\n"),
    "deep_table": ("prefect.toml", "a = " + "{a=" * 900 + "1" + "}" * 900 + "\n"),
    "profile": ("profiles.toml", "a" + ".a" * 20_000 + " = 1\n"),
}


@pytest.mark.parametrize(("name", "text"), SLOW_SETTINGS.values(), ids=SLOW_SETTINGS)
def test_settings_that_take_long_to_read(tmp_path, monkeypatch, name, text):
    """Reading them takes time by their length, not by its square."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    (tmp_path / name).write_text(text)
    started = time.process_time()
    try:
        load_settings()
    except FlowpackError as exc:
        assert name in clean(exc)
    assert time.process_time() - started < 2


@pytest.mark.skipif(not os.path.exists("/proc/kmsg"), reason="Linux has it")
def test_pull_to_what_has_no_end(tmp_path):
    """A file that the kernel makes up is of other content, and is not waited for."""
    (tmp_path / "out.py").symlink_to("/proc/kmsg")
    with pytest.raises(FlowpackError, match="is there with other content"):
        write_file(str(tmp_path / "out.py"), b"x", force=False)
