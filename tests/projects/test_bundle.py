"""A packed project is readable, the same wherever it is made, and gives its files back."""

from __future__ import annotations

import ast
import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack.exceptions import ProjectError
from flowpack.projects.bundle import Bundle, changes, extract, pack, unpack
from tests.peers.interpreters import SUPPORTED, find_interpreter

FLOWS = b'from .helper import twice\n\n\ndef main(x):\n    """Double it."""\n    return twice(x)\n'
FILES = {
    "pkg/__init__.py": b"",
    "pkg/flows.py": FLOWS,
    "pkg/helper.py": b"def twice(x):\n    return 2 * x\n",
}


def bundle(files=FILES, **changed):
    """Return the bundle of a small package."""
    fields = {"module": "pkg.flows", "file": "pkg/flows.py", "flow": "main", "search_paths": ("",)}
    return Bundle(files, **{**fields, **changed})


def one(content, path="data"):
    """Return a bundle with a file of that content."""
    return bundle({**FILES, path: content})


def text_of(content):
    """Return what stands in a bundle for a file of that content."""
    packed = pack(one(content)).decode()
    return packed.partition('"data": ')[2].partition(',\n\n"pkg/__init__.py"')[0]


def test_a_person_can_read_it():
    """Header, manifest, then each file: a line with its path, then its text."""
    init = "tools/__init__.py"
    packed = pack(bundle({**FILES, init: b""}, added=frozenset({init})))
    head, _, rest = packed.decode().partition('\n"""The code below')
    digest = re.search("[0-9a-f]{64}", head)[0]  # type: ignore[index]
    assert head == f'''\
# A flow and the files that it needs, packed by flowpack as one Python script.
#
# Flow:   main in pkg/flows.py
# Files:  4, with 113 bytes; as text below, or base64 where they are not text
#
# Agents and workers run it as any script: the code at the end checks the files against their
# SHA-256, writes them into a temporary folder and imports the flow from there. So it does not
# run if it was edited. To have the files back: flowpack pull FLOW/DEPLOYMENT --extract FOLDER

_flowpack_bundle = {{
    "sha256": "{digest}",
    "module": "pkg.flows",
    "file": "pkg/flows.py",
    "flow": "main",
    "search_paths": [""],
    "added": ["tools/__init__.py"],
    "files": {{

"pkg/__init__.py": "",

"pkg/flows.py": \'\'\'\\
from .helper import twice


def main(x):
    """Double it."""
    return twice(x)
\'\'\',

"pkg/helper.py": \'\'\'\\
def twice(x):
    return 2 * x
\'\'\',

"tools/__init__.py": "",

}}}}
'''
    assert rest.endswith("\n\n\nmain = _flowpack_load(**_flowpack_bundle)\ndel _flowpack_bundle\n")


ODD = {
    "empty": b"",
    "no newline": b"x",
    "only newlines": b"\n\n",
    "crlf": b"a\r\nb\r\n",
    "lone cr": b"a\rb\r",
    "form feed": b"a\fb\v\x1b[0m",
    "quotes": b"'''" + b'"""' + b"''''''''",
    "quote at the end": b"it's'",
    "backslashes": b"\\\\n \\' \\N{DASH} \\",
    "backslash and quotes": b"\\'''\\'",
    "nul": b"a\0b",
    "bom": b"\xef\xbb\xbfx = 1\n",
    "latin-1": "# -*- coding: latin-1 -*-\né\n".encode("latin-1"),
    "utf-16": "é".encode("utf-16"),
    "surrogate": b"\xed\xa0\x80",
    "bidi": "a\u202eb\u2066c\u200d".encode(),
    "separators": "a\u2028b\u2029c\x85d".encode(),
    "tags": "a\U000e0041\ufe0f\U0001f600\uffff".encode(),
    "long line": b"x" * 300_000,
    "all bytes": bytes(range(256)),
    "braces": b"{0} {x} %s }}\n\n",
    "block": b"# /// script\n# x = 1\n# ///\n",
    "coding": b"# coding: rot13\n",
}


@pytest.mark.parametrize("content", ODD.values(), ids=ODD)
def test_content_comes_back(content):
    """Byte for byte, and what is written is nothing that editors or Python would change."""
    packed = pack(one(content))
    assert unpack(packed).files["data"] == content
    unseen = "[\0-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]"
    assert not re.search(unseen, packed.decode())


@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_content_comes_back(content):
    """Whatever it is."""
    assert unpack(pack(one(content))).files["data"] == content


@given(st.text(alphabet="'\\\nx\"#/ ", max_size=30))
def test_quotes_and_backslashes(text):
    """Texts of what literals are made of."""
    assert ast.literal_eval(text_of(text.encode())) == text


@pytest.mark.parametrize(
    "path", ["données/ü.csv", 'a "b".txt', "new\nline\ttab", "it's", "\u202ex", "{x}%s", "a:b/# x"]
)
def test_odd_paths(path):
    """They come back, and begin no line of their own."""
    if ":" in path:
        path = path.replace("a:b", "ab:c")
    packed = pack(one(b"x", path))
    assert unpack(packed).files[path] == b"x"
    assert len(packed.splitlines()) == len(pack(one(b"x")).splitlines())


def test_empty_folders():
    """A path that ends with a slash is a folder."""
    with_folder = one(b"", "data/in/")
    assert b"# Files:  3," in pack(with_folder)
    assert unpack(pack(with_folder)) == with_folder


def test_each_change_changes_it():
    """Of a path, a byte, an entry point, a search path, or of what was added."""
    files = {**FILES, "pkg/a/b.py": b"", "src/c.py": b""}
    first = bundle(files)
    others = [
        attrs.evolve(first, files={**files, "pkg/helper.py": b"def twice(x):\n    return 3 * x\n"}),
        attrs.evolve(first, files={**FILES, "pkg/a.py": b"", "src/c.py": b""}),
        attrs.evolve(first, module="flows"),
        attrs.evolve(first, file="pkg/helper.py"),
        attrs.evolve(first, flow="other"),
        attrs.evolve(first, search_paths=("", "src")),
        attrs.evolve(first, search_paths=("src", "")),
        attrs.evolve(first, search_paths=()),
        attrs.evolve(first, added=frozenset({"src/c.py"})),
    ]
    digests = {pack(each).partition(b"sha256\": ")[2][:66] for each in (first, *others)}
    assert len(digests) == 1 + len(others)
    assert len({pack(each) for each in (first, *others)}) == 1 + len(others)
    assert pack(bundle(dict(reversed(files.items())))) == pack(first)


PACK = """
import os, sys
os.umask(int(sys.argv[1], 8))
from flowpack.projects.bundle import Bundle, pack
files = {f"pkg/{name}": name.encode() for name in ("é.py", "b", "a.py", "\\U0001fae8")}
names = list(files) if sys.argv[2] == "up" else list(files)[::-1]
bundle = Bundle({name: files[name] for name in names}, "pkg.a", "pkg/a.py", "main", ("", "pkg"),
    frozenset())
sys.stdout.buffer.write(pack(bundle))
"""


def test_same_bytes_everywhere(tmp_path):
    """Whatever the user, the time, the locale, the order, and the Python."""
    import attr

    packed = set()
    site = Path(attr.__file__).parent.parent
    pythons = [sys.executable] + [p for p in map(find_interpreter, SUPPORTED[:1]) if p]
    for number, python in enumerate(pythons * 2):
        environ = {
            "PYTHONPATH": os.pathsep.join([os.getcwd(), str(site)]),
            "PYTHONHASHSEED": str(number),
            "LC_ALL": "C" if number % 2 else "C.UTF-8",
            "TZ": "Asia/Tokyo" if number % 2 else "UTC",
            "HOME": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        order = ["077", "up"] if number > 1 else ["0", "down"]
        words = [str(python), "-c", PACK, *order]
        packed.add(subprocess.run(words, env=environ, check=True, stdout=subprocess.PIPE).stdout)
    assert len(packed) == 1
    # Changing this is an update of every package that anybody deployed.
    assert hashlib.sha256(packed.pop().partition(b'"""The code')[0]).hexdigest() == DIGEST


DIGEST = "f706c49d3c539027954eecf84cea6bed6b442224a68d04dbe2f43c79a63dceb5"


def test_requirements_are_copied():
    """Tools find the block of the script, and no other."""
    block = "# /// script\n# dependencies = [\n#   \"rich\",\n# ]\n#\n# ///\n"
    script = FLOWS.decode() + "\n" + block
    other = block.replace("rich", "attrs").encode()
    packed = pack(bundle({**FILES, "pkg/flows.py": script.encode(), "a.py": other})).decode()
    # As the specification reads it.
    pattern = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"
    assert [found[0] for found in re.finditer(pattern, packed)] == [block.rstrip("\n")]
    assert packed.index(block) < packed.index("_flowpack_bundle")
    assert unpack(packed.encode()).files["pkg/flows.py"] == script.encode()


@pytest.mark.parametrize(
    "script",
    [
        "# /// script\n# x = 1\n",
        "# /// script\n# x = 1\n# ///\n\n# /// script\n# x = 1\n# ///\n",
        "# /// other\n# x = 1\n# ///\n",
        "x = '''\n# /// script\nimport os\n# ///\n'''",
        "# /// script\n" * 100_000,
    ],
    ids=["no end", "two", "another", "code", "many"],
)
def test_what_is_no_block(script):
    """It is not copied, and nothing of the script gets into the header."""
    packed = pack(bundle({**FILES, "pkg/flows.py": script.encode()}))
    assert b"\n# /// script" not in packed


def test_block_of_windows():
    """It is copied with plain ends of lines, and without what could end the comment."""
    script = b"# /// script\r\n# x = 1\rimport os\f\r\n# ///\r\n"
    packed = pack(bundle({**FILES, "pkg/flows.py": script}))
    assert b"\n\n# /// script\n# x = 1import os\n# ///\n\n_flowpack" in packed


PATHS = {
    "absolute": "/etc/x",
    "up": "../x",
    "up in between": "a/../../x",
    "here": "./x",
    "double": "a//x",
    "empty": "",
    "root": "/",
    "backslash": "a\\x",
    "drive": "C:/x",
    "drive in between": "a/C:x",
    "nul": "a\0x",
    "not utf-8": "a\udc80",
    "long": "x/" * 600 + "x",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_paths_that_lead_elsewhere(path):
    """They are refused when a bundle is made, and when one is read."""
    with pytest.raises(ProjectError, match="cannot have the path"):
        one(b"x", path)
    with pytest.raises(ProjectError, match="cannot be read"):
        unpack(hostile(files={**TEXTS, path: "x"}))


def test_content_of_a_folder():
    """A folder has none."""
    with pytest.raises(ProjectError, match="cannot have the path 'a/'"):
        one(b"x", "a/")


@pytest.mark.parametrize(
    "changed, problem",
    [
        ({"flow": "x; evil()"}, "cannot be the flow's variable"),
        ({"flow": "class"}, "cannot be the flow's variable"),
        ({"flow": ""}, "cannot be the flow's variable"),
        ({"file": "flows.py"}, "'flows.py' is missing"),
        ({"module": "pkg..flows"}, "'pkg..flows' no name"),
        ({"search_paths": ("src",)}, "a search path is no folder"),
        ({"search_paths": ("../",)}, "a search path is no folder"),
        ({"files": {**FILES, "pkg": b""}}, "a folder is a file"),
        ({"added": frozenset({"x.py"})}, "a file that was added is missing"),
        ({"added": frozenset({"pkg/helper.py"})}, "a file that was added is missing"),
    ],
)
def test_parts_that_do_not_fit(changed, problem):
    """The error says which."""
    with pytest.raises(ProjectError, match=problem):
        bundle(**changed)


TEXTS = {path: content.decode() for path, content in FILES.items()}


def hostile(sha256=None, **changed):
    """Return a bundle, with the right digest, that :func:`pack` would not make."""
    facts: dict[str, Any] = {
        "module": "pkg.flows",
        "file": "pkg/flows.py",
        "flow": "main",
        "search_paths": [""],
        "added": [],
        "files": TEXTS,
    }
    facts.update(changed)
    if sha256 is None:
        names = [facts[key] for key in ("module", "file", "flow", "search_paths", "added")]
        digest = hashlib.sha256(ascii(names).encode())
        for path, text in sorted(dict(facts["files"]).items()):
            for part in (path.encode("utf-8", "surrogatepass"), str(text).encode()):
                digest.update(b"%d:" % len(part) + part)
        sha256 = digest.hexdigest()
    facts["sha256"] = sha256
    facts = {key: value for key, value in facts.items() if value is not ...}
    mark = pack(bundle()).splitlines(keepends=True)[0]
    return mark + f"_flowpack_bundle = {ascii(facts)}\n".encode()


def test_hostile_is_made_well():
    """What the tests below change can be read unchanged."""
    assert unpack(hostile()) == bundle()


MARK = pack(bundle()).splitlines(keepends=True)[0]
UNREADABLE = {
    "script": (FLOWS, "this is no packed project"),
    "nothing": (b"", "this is no packed project"),
    "only the mark": (MARK, "cannot be read"),
    "no assignment": (MARK + b"import os\n", "cannot be read"),
    "a call": (MARK + b"x = __import__('os').getpid()\n", "cannot be read"),
    "no dict": (MARK + b"x = [1]\n", "cannot be read"),
    "syntax": (MARK + b"x = {\n", "cannot be read"),
    "nul": (MARK + b"x = '\0'\n", "NUL"),
    "not utf-8": (MARK + b"x = '\xff'\n", "cannot be read"),
    "nested": (MARK + b"x = " + b"[" * 90 + b"]" * 90, "cannot be read"),
    "nested deeply": (MARK + b"x = " + b"{1: " * 50_000 + b"1" + b"}" * 50_000, "cannot be read"),
    "chain": (MARK + b"x = " + b"1 + " * 50_000 + b"1", "cannot be read"),
    "half": (pack(bundle())[:700], "cannot be read"),
    "path twice": (
        pack(bundle()).replace(b'"pkg/__init__.py": ""', b'"pkg/helper.py": ""'),
        "it has a path twice",
    ),
    "digest": (hostile("0" * 64), "was changed"),
    "edited": (pack(bundle()).replace(b"2 * x", b"3 * x"), "was changed"),
    "a key more": (hostile(x=1), "cannot be read"),
    "a key less": (hostile(added=...), "cannot be read"),
    "number": (hostile(file=1), "cannot be read"),
    "files": (hostile(files=[]), "cannot be read"),
    "content": (hostile(files={**TEXTS, "x": 1}), "cannot be read"),
    "base64": (hostile(files={**TEXTS, "x": b"abc"}), "cannot be read"),
    "search path": (hostile(search_paths=[1]), "cannot be read"),
    "search paths": (hostile(search_paths=None), "cannot be read"),
    "flow": (hostile(flow="x\nimport os"), "cannot be the flow's variable"),
}


@pytest.mark.parametrize("content, problem", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_bundle(content, problem):
    """It is an error, and nothing of it is run."""
    with pytest.raises(ProjectError, match=problem):
        unpack(content)


def test_too_long(monkeypatch):
    """There is a limit."""
    monkeypatch.setattr("flowpack.projects.bundle.SIZE_LIMIT", 1000)
    with pytest.raises(ProjectError, match="longer than 1000 bytes"):
        unpack(pack(bundle()))


def test_changes():
    """The paths, sorted."""
    new = bundle({**FILES, "pkg/helper.py": b"def twice(x): pass", "b": b"", "a": b""})
    nothing: list[str] = []
    assert changes(bundle(), bundle()) == {"added": nothing, "removed": nothing, "changed": nothing}
    assert changes(bundle(), new)["added"] == ["a", "b"]
    assert changes(bundle(), new)["changed"] == ["pkg/helper.py"]
    assert changes(new, bundle())["removed"] == ["a", "b"]


# --- extract --------------------------------------------------------------------------------


def test_extract(tmp_path):
    """The files come back as they were; what was added stays out."""
    files = {**FILES, "tools/__init__.py": b"", "tools/x.bin": bytes(range(256)), "in/": b""}
    packed = unpack(pack(bundle(files, added=frozenset({"tools/__init__.py"}))))
    folder = tmp_path / "new" / "folder"
    assert extract(packed, str(folder)) == 4
    there = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    assert {path: p.read_bytes() for path, p in there.items()} == {
        path: content for path, content in files.items() if path not in ("tools/__init__.py", "in/")
    }
    assert list((folder / "in").iterdir()) == []
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(there["tools/x.bin"].stat().st_mode) == 0o666 & ~umask


def test_extract_here(tmp_path, monkeypatch):
    """An empty folder stays the one that it is: a shell may be in it."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    extract(bundle(), ".")
    assert os.listdir(".") == os.listdir(tmp_path / "here") == ["pkg"]


def test_extract_into_what_is_there(tmp_path):
    """Nothing is overwritten, and no link in the folder is followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "pkg").symlink_to(outside)
    with pytest.raises(ProjectError, match="is not empty; name a new folder"):
        extract(bundle(), str(folder))
    assert not list(outside.iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(ProjectError, match="cannot be written: File exists"):
        extract(bundle(), str(tmp_path / "file"))
    with pytest.raises(ProjectError, match="cannot be written: Not a directory"):
        extract(bundle(), str(tmp_path / "file" / "x"))


def test_extract_is_all_or_nothing(tmp_path):
    """A file system may not take a name, or be full."""
    long = bundle({**FILES, "zzz/" + "x" * 300: b"x"})
    with pytest.raises(ProjectError, match="cannot be written: File name too long"):
        extract(long, str(tmp_path / "folder"))
    assert not list((tmp_path / "folder").iterdir())
    with pytest.raises(ProjectError, match="cannot be written: .*null"):
        extract(bundle(), "a\0b")


@pytest.mark.parametrize("error", [OSError(errno.ENOTEMPTY, "not empty"), KeyboardInterrupt()])
def test_extract_that_fails_at_the_end(tmp_path, monkeypatch, error):
    """Someone else may write into the folder at the same time, or interrupt."""
    rename, renamed = os.rename, []

    def fail_at_the_third(source, target):
        renamed.append(target)
        if len(renamed) == 3:
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", fail_at_the_third)
    with pytest.raises((ProjectError, KeyboardInterrupt)):
        extract(bundle({**FILES, "a/b": b"x", "c": b"x", "d": b"x"}), str(tmp_path / "folder"))
    assert not list((tmp_path / "folder").iterdir())
    assert len(renamed) == 5


# --- size -----------------------------------------------------------------------------------


def test_many_files():
    """2,000 files and 10 MiB are packed and read in seconds, here in far less."""
    files = {f"pkg/m{number}.py": b"x = 'y' * 3\n" * 400 for number in range(2000)}
    large = bundle({**FILES, **files, "data.bin": bytes(range(256)) * 2000})
    packed = pack(large)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ast.parse(packed)
    assert unpack(packed) == large
