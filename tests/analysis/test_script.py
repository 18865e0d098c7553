"""Reading scripts, and parsing what may be no Python at all."""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings

import attrs
import pytest

from flowpack.analysis.discovery import FlowInfo, find_flows, select_flow
from flowpack.analysis.script import CHAIN_LIMIT, Script, longest_chain
from flowpack.exceptions import DiscoveryError
from tests.analysis.scripts import script

FLOW = b"from prefect import flow\n@flow\ndef f(): pass\n"


def test_read(tmp_path, monkeypatch):
    """The bytes are as they are in the file; the path is made absolute."""
    path = tmp_path / "flow.py"
    path.write_bytes(FLOW)
    monkeypatch.chdir(tmp_path)
    read = Script.read("flow.py")
    assert read == Script(content=FLOW, name="flow.py", path=str(path))
    assert read.size == len(FLOW)
    assert read.sha256 == hashlib.sha256(FLOW).hexdigest()
    assert read.md5 == hashlib.md5(FLOW).hexdigest()


def test_content_is_not_shown():
    """What is printed of a script is its name."""
    assert repr(Script(content=b"secret", name="s.py")) == (
        "Script(name='s.py', path=None)"
    )


def test_script_can_be_copied_and_pickled():
    """What was computed once does not get in the way."""
    original = script("x = 1\n")
    assert original.tree.body and original.sha256
    assert pickle.loads(pickle.dumps(original)) == original
    changed = attrs.evolve(original, content=b"y = 2")
    assert changed.sha256 == hashlib.sha256(b"y = 2").hexdigest()


def test_missing_file(tmp_path):
    """A path without a file is named."""
    with pytest.raises(DiscoveryError, match="there is no such file") as caught:
        Script.read(tmp_path / "none.py")
    assert caught.value.where == str(tmp_path / "none.py")


def test_folder(tmp_path):
    """A folder is no script."""
    with pytest.raises(DiscoveryError, match="it is a folder"):
        Script.read(tmp_path)


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "\ud800\0"])
def test_impossible_path(path):
    """What cannot be a path is an error of ours, too."""
    with pytest.raises(DiscoveryError, match="cannot be read|no path"):
        Script.read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
def test_fifo(tmp_path):
    """A FIFO is refused, and nobody waits for its writer."""
    os.mkfifo(tmp_path / "fifo.py")
    with pytest.raises(DiscoveryError, match="no regular file"):
        Script.read(tmp_path / "fifo.py")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="has no such device")
def test_device():
    """A device, which may never end, is not read."""
    with pytest.raises(DiscoveryError, match="no regular file"):
        Script.read("/dev/zero")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all"
)
def test_unreadable(tmp_path):
    """What the system says is in the message."""
    path = tmp_path / "flow.py"
    path.write_bytes(FLOW)
    path.chmod(0)
    with pytest.raises(DiscoveryError, match="cannot be read: Permission denied"):
        Script.read(path)


def test_below_a_file(tmp_path):
    """Errors of the system become errors of ours."""
    (tmp_path / "file").touch()
    with pytest.raises(DiscoveryError, match="cannot be read: Not a directory"):
        Script.read(tmp_path / "file" / "flow.py")


def test_size_limit(tmp_path):
    """A file over the limit is not read; one at the limit is."""
    path = tmp_path / "flow.py"
    path.write_bytes(FLOW)
    assert Script.read(path, limit=len(FLOW)).content == FLOW
    with pytest.raises(DiscoveryError, match=f"more than {len(FLOW) - 1} bytes"):
        Script.read(path, limit=len(FLOW) - 1)


READABLE = {
    "plain": FLOW,
    "BOM": b"\xef\xbb\xbf" + FLOW,
    "CRLF": FLOW.replace(b"\n", b"\r\n"),
    "CR": FLOW.replace(b"\n", b"\r"),
    "no final newline": FLOW.rstrip(),
    "form feed": b"\x0c" + FLOW,
    "tabs": FLOW.replace(b"def f(): pass", b"def f():\n\tpass"),
    "cookie": b"# -*- coding: utf-8 -*-\n" + FLOW,
    "latin-1": b"# coding: latin-1\n# caf\xe9\n" + FLOW,
    "in line two": b"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n" + FLOW,
    "BOM and cookie": b"\xef\xbb\xbf# coding: utf-8\n" + FLOW,
    "continued": b"x = 1 + \\\n    2\n" + FLOW,
}


@pytest.mark.parametrize("content", READABLE.values(), ids=READABLE)
def test_readable(content):
    """Whatever Python reads is read, and the bytes stay as they are."""
    (flow,) = find_flows(Script(content=content, name="s.py")).flows
    assert (flow.name, flow.script.content) == ("f", content)
    assert flow.version == hashlib.md5(content).hexdigest()


UNREADABLE = {
    "syntax error": (b"x = 1\ny = = 2\n", "s.py:2", "cannot read it"),
    "open bracket": (b"x = (\n", "s.py:1", "cannot read it"),
    "indentation": (b"if x:\npass\n", "s.py:2", "cannot read it"),
    "tabs and spaces": (b"if x:\n\ty\n        z\n", "s.py:3", "cannot read it"),
    "unknown coding": (b"# coding: nonsense\n", "s.py", "nonsense"),
    "codec of no text": (b"# coding: hex\nx = 1\n", "s.py", "cannot read it"),
    "odd codec": (b"# coding: idna\n\xff\n", "s.py", "cannot read it"),
    "not UTF-8": (b"x = 'caf\xe9'\n", "s.py", "cannot read it"),
    "BOM against cookie": (b"\xef\xbb\xbf# coding: latin-1\n", "s.py", "cannot read"),
    "NUL": (b"x = 1\0\n", "s.py", "is it a binary file"),
    "UTF-16": ("x = 1".encode("utf-16"), "s.py", "Save it as UTF-8"),
    "ELF": (b"\x7fELF\x02\x01\x01\0\0", "s.py", "is it a binary file"),
    "brackets": (b"(" * 100_000, "s.py", "nested"),
    "minus": (b"x = " + b"-" * 100_000 + b"1", "s.py", "nested too deeply"),
    "not": (b"x = " + b"not " * 9_000 + b"1", "s.py", "nested too deeply"),
    "not a script": (b"PK\x03\x04zip", "s.py", "cannot read it"),
}


@pytest.mark.parametrize("content, where, reason", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_source(content, where, reason):
    """What this Python cannot read is an error with its file and line."""
    with pytest.raises(DiscoveryError) as caught:
        find_flows(Script(content=content, name="s.py"))
    assert caught.value.where.startswith(where)
    assert reason in caught.value.reason


def test_newer_syntax_names_this_python():
    """The error says which Python did not understand."""
    version = "{}.{}".format(*sys.version_info)
    with pytest.raises(DiscoveryError, match=f"Python {version} cannot read it"):
        find_flows(script("match x:\n    case = 1 2\n"))


CHAINS = {
    "attributes": b"x = a" + b".b" * 200_000,
    "sums": b"x = 1" + b"+1" * 200_000,
    "calls": b"x = a" + b"()" * 200_000,
    "items": b"x = (a" + b"[0]\n" * 200_000 + b")",
    "in an f-string": b"x = f'{a" + b".b" * 200_000 + b"}'",
    "arguments between": b"x = a" + b".b(1, 2)" * 100_000,
    "continued": b"x = a" + b"\\\n.b" * 200_000,
}


@pytest.mark.parametrize("content", CHAINS.values(), ids=CHAINS)
def test_long_chains_do_not_crash(content):
    """A chain that overflows the stack of old parsers is refused; all survive.

    From Python 3.14 on, it depends on the size of the stack whether it can be read.
    """
    assert longest_chain(content) > CHAIN_LIMIT
    try:
        found = find_flows(Script(content=content, name="s.py"))
    except DiscoveryError as exc:
        assert re.search("nested too deeply|cannot read it", str(exc))
    else:
        assert sys.version_info >= (3, 14)
        assert not found.flows


def test_long_chain_of_this_many_links_can_be_read():
    """The chains that are let through do not crash any Python."""
    # In a process of its own: if this is wrong, it ends there.
    code = f"import ast; ast.parse(b'a' + b'.b' * {CHAIN_LIMIT})"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert ended.returncode in (0, 1)


FLAT = {
    "numbers": b"x = [" + b"-1.5,\n" * 20_000 + b"]",
    "text": b"x = '" + b"+" * 50_000 + b"'",
    "more text": b'x = """' + b'a.b\n"' * 20_000 + b'"""',
    "escapes": b"x = '" + b"\\'+" * 20_000 + b"'",
    "comment": b"#" + b"+" * 50_000,
    "lines": b"x = a.b + c.d\r\n" * 20_000,
    "statements": b"a.b;" * 20_000,
    "closed brackets": b"f(a, b)\n" * 20_000 + b")" * 20_000,
}


@pytest.mark.parametrize("content", FLAT.values(), ids=FLAT)
def test_long_is_not_deep(content):
    """Big tables and long texts are no long chains."""
    assert longest_chain(content) < 300


def test_short_source_is_not_measured():
    """A script with few operators is bounded by their number."""
    assert longest_chain(b"a.b(c)") == 2


def test_deep_chains_are_not_followed():
    """What can be parsed and not be followed is an error of ours."""
    code = b"from prefect import flow\nx = flow(" + b"a" + b".b" * 1500 + b")"
    try:
        ast.parse(code)
    except RecursionError:
        pass
    with pytest.raises(DiscoveryError, match="nested too deeply"):
        select_flow(Script(content=code, name="s.py"))


def test_parser_warnings_are_not_shown():
    """Odd escapes in the script are no matter of those who deploy it."""
    code = b"from prefect import flow\nx = flow(len, name='\\d')\n"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (flow,) = find_flows(Script(content=code, name="s.py")).flows
    assert (flow.name, caught) == ("\\d", [])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_flows(Script(content=code, name="s.py")).flows


def test_filters_do_not_pile_up():
    """Parsing many scripts leaves one warning filter, at most."""
    find_flows(script("x = 1"))
    before = len(warnings.filters)
    for number in range(5):
        find_flows(script(f"x = {number}"))
    assert len(warnings.filters) == before


def test_threads():
    """Scripts can be examined in many threads at once."""
    failures = []

    def work():
        try:
            for _ in range(20):
                code = b"'\\d'\n" + FLOW
                assert len(find_flows(Script(content=code, name="s.py")).flows) == 1
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_nothing_is_run(tmp_path):
    """Examining a script does not run a line of it."""
    path = tmp_path / "flow.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + FLOW.decode())
    assert find_flows(Script.read(path)).flows
    assert not (tmp_path / "ran").exists()


def test_found_flow_from_facts():
    """A flow that somebody else knows about is described in the same terms."""
    flow = FlowInfo(
        script=script(""), function="f", variable="f", name="f", version="1"
    )
    assert (flow.variables, flow.entrypoint) == (("f",), "script.py:f")


def test_found_flow_can_be_pickled():
    """So that it can travel to another process."""
    (flow,) = find_flows(Script(content=FLOW, name="s.py")).flows
    assert pickle.loads(pickle.dumps(flow)) == flow
