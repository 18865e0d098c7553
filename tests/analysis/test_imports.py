"""What a module imports, read from its source."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Tuple

import pytest

from flowpack.analysis.imports import (
    Import,
    Imports,
    UnknownImport,
    exported_names,
    read_imports,
)
from flowpack.analysis.script import Script
from flowpack.exceptions import DiscoveryError

from .scripts import script


def imports(text: str, *, path: str = "", module: str = "") -> Imports:
    """Return what a script of that *text* imports."""
    content = textwrap.dedent(text).encode()
    return read_imports(Script(content, "s.py", path or None, module or None))


def spelt(text: str, *, module: str = "") -> str:
    """Return the imports in *text*, with a question mark where they are optional."""
    return " ".join(
        "." * each.level + each.module + ":" * bool(each.names) + ",".join(each.names)
        + "?" * each.optional
        for each in imports(text, module=module).found
    )  # fmt: skip


STATEMENTS = {
    "import": ("import a, b.c as d", "a b.c"),
    "from": ("from a.b import c as d, e", "a.b:c,e"),
    "star": ("from a import *", "a:*"),
    "relative": ("from . import a\nfrom .b import c\nfrom ..d.e import f", ".:a .b:c ..d.e:f"),
    "in a function": ("def f():\n    async def g():\n        import a", "a"),
    "in a class": ("class A:\n    def f(self):\n        from a import b", "a:b"),
    "in if": ("if x:\n    import a\nelif y:\n    import b\nelse:\n    import c", "a b c"),
    "in with": ("with x:\n    import a", "a"),
    "in loops": ("for x in y:\n    import a\nelse:\n    import b\nwhile z:\n    import c", "a b c"),
    "in try": ("try:\n    import a\nfinally:\n    import b", "a b"),
    "after a return": ("def f():\n    return 1\n    import a", "a"),
    "after sys.exit()": ("import sys\nsys.exit()\nimport a", "sys a"),
    "twice": ("import a\nimport a", "a a"),
}


@pytest.mark.parametrize("case", STATEMENTS)
def test_statements(case: str) -> None:
    text, expected = STATEMENTS[case]
    assert spelt(text) == expected


def test_match() -> None:
    text = "match x:\n    case 1:\n        import a\n    case _:\n        import b"
    try:
        compile(text, "s.py", "exec")
    except SyntaxError:
        pytest.skip("this Python has no match")
    assert spelt(text) == "a b"


def test_lines_and_order() -> None:
    found = imports("import b\n\ndef f():\n    import a\n\nimport c\n").found
    assert [(each.module, each.line) for each in found] == [("b", 1), ("a", 4), ("c", 6)]


TRY = "try:\n    import a\nexcept {}:\n    import b\nelse:\n    import c\nfinally:\n    import d"
OPTIONAL = {
    "ImportError": (TRY.format("ImportError"), "a? b? c? d"),
    "a name for the error": (TRY.format("ModuleNotFoundError as exc"), "a? b? c? d"),
    "all exceptions": (TRY.format("Exception"), "a? b? c? d"),
    "bare": (TRY.replace(" {}", ""), "a? b? c? d"),
    "one of several": (TRY.format("(KeyError, ImportError)"), "a? b? c? d"),
    "other errors": (TRY.format("(KeyError, ValueError)"), "a b c d"),
    "suppress": (
        "import contextlib as c\nwith c.suppress(ImportError):\n    import a",
        "contextlib a?",
    ),
    "suppress, imported": (
        "from contextlib import suppress\nwith suppress(KeyError, ImportError), x:\n    import a",
        "contextlib:suppress a?",
    ),
    "suppress of others": (
        "from contextlib import suppress\nwith suppress(KeyError):\n    import a",
        "contextlib:suppress a",
    ),
    "deep in try": ("try:\n    if x:\n        import a\nexcept ImportError: pass", "a?"),
    "a function in try": (
        "try:\n    def f():\n        import a\nexcept ImportError: pass",
        "a?",
    ),
    "in a function": ("def f():\n    try:\n        import a\n    except ImportError: pass", "a?"),
    "TYPE_CHECKING": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b",
        "typing:TYPE_CHECKING a? b",
    ),
    "typing.TYPE_CHECKING": (
        "import typing as t\nif not t.TYPE_CHECKING:\n    import a\nelse:\n    import b",
        "typing a b?",
    ),
    "typing_extensions": (
        "import typing_extensions\nif typing_extensions.TYPE_CHECKING:\n    import a",
        "typing_extensions a?",
    ),
    "TYPE_CHECKING of one's own": ("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    import a", "a?"),
    "TYPE_CHECKING after a star": (
        "from typing import TYPE_CHECKING\nfrom x import *\nif TYPE_CHECKING:\n    import a",
        "typing:TYPE_CHECKING x:* a?",
    ),
    "TYPE_CHECKING and a class": (
        "import typing\nif typing.TYPE_CHECKING:\n    class A:\n        def f(self): import a",
        "typing a?",
    ),
    "main": ('if __name__ == "__main__":\n    import a', "a?"),
    "not main": ('if __name__ != "__main__":\n    import a\nelse:\n    import b', "a b?"),
    "an unknown condition": ("import sys\nif sys.argv:\n    import a", "sys a"),
    "a condition that holds": ("if True:\n    import a\nelse:\n    import b", "a b?"),
}


@pytest.mark.parametrize("case", OPTIONAL)
def test_what_runs_can_do_without_is_optional(case: str) -> None:
    text, expected = OPTIONAL[case]
    assert spelt(text) == expected


IMPORTED_BY_CALLS = {
    "a literal": 'importlib.import_module("a.b")',
    "a keyword": 'importlib.import_module(name="a.b")',
    "an alias": 'from importlib import import_module as im\nim("a.b")',
    "of importlib": 'import importlib as i\ni.import_module("a.b")',
    "__import__": '__import__("a.b")',
    "__import__ with more": '__import__("a.b", globals(), locals(), ["c"])',
    "a constant": 'MODULE = "a.b"\nimportlib.import_module(MODULE)',
    "an f-string": 'P = "a"\nimportlib.import_module(f"{P}.b")',
    "in a function": 'def f():\n    importlib.import_module("a.b")',
    "a local constant": 'def f():\n    name = "a.b"\n    return importlib.import_module(name)',
    "a constant of a class": 'class C:\n    M = "a.b"\n    m = importlib.import_module(M)',
    "in an argument": 'print(len(importlib.import_module("a.b").x))',
    "in an assertion": 'assert importlib.import_module("a.b")',
    "in a lambda": 'f = lambda: importlib.import_module("a.b")',
    "in a decorator": '@importlib.import_module("a.b").decorate\ndef f(): ...',
    "in a default": 'def f(x=importlib.import_module("a.b")): ...',
    "a package": 'importlib.import_module(".b", package="a")',
    "a package above": 'importlib.import_module("..b", "a.x")',
    "in a branch that never runs": 'if False:\n    importlib.import_module("a.b")',
}


@pytest.mark.parametrize("case", IMPORTED_BY_CALLS)
def test_calls_that_import(case: str) -> None:
    read = imports("import importlib\n" + IMPORTED_BY_CALLS[case])
    assert [each.module for each in read.found if each.module == "a.b"] == ["a.b"]
    assert not read.unknown


def test_calls_that_import_one_of_two() -> None:
    read = imports('import importlib\nimportlib.import_module("a.b" if x else "a.c")')
    assert [each.module for each in read.found] == ["importlib", "a.b", "a.c"]
    assert not read.unknown


@pytest.mark.parametrize("package", ["__package__", "__name__", "package=__package__"])
def test_relative_names_in_calls_stay_relative(package: str) -> None:
    text = f"from importlib import import_module\nimport_module('..a.b', {package})"
    assert imports(text).found[1:] == (Import("a.b", 2, line=2),)


def test_calls_are_optional_too() -> None:
    text = "try:\n    __import__('a')\nexcept ImportError: pass\nif 0:\n    __import__('b')"
    assert spelt(text) == "a? b?"


UNKNOWN = {
    "a parameter": 'def f(x):\n    importlib.import_module(x)',
    "the environment": 'importlib.import_module(os.environ["X"])',
    "an f-string": 'importlib.import_module(f"a.{x}")',
    "no name": 'importlib.import_module("")',
    "above the package": 'importlib.import_module("..a", "b")',
    "of no package": 'importlib.import_module(".a", "")',
    "relative to what": 'importlib.import_module(".a", x)',
    "__import__": "__import__(x)",
    "a loop": "for x in os.listdir():\n    importlib.import_module(x)",
    "a loop over literals": "for x in ('a', 'b'):\n    importlib.import_module(x)",
    "a comprehension": "m = [importlib.import_module(x) for x in ('a', 'b')]",
    "pkgutil": "import pkgutil\npkgutil.iter_modules(__path__)",
    "walk_packages": "from pkgutil import walk_packages as w\nlist(w(__path__))",
    "runpy": "import runpy\nrunpy.run_module(x)",
    "runpy of a path": "import runpy\nrunpy.run_path(x)",
    "a file": 'importlib.util.spec_from_file_location("a", "a.py")',
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_only_running_tells(case: str) -> None:
    read = imports("import importlib, os\n" + UNKNOWN[case])
    (unknown,) = read.unknown
    assert {each.module for each in read.found} <= {"importlib", "os", "pkgutil", "runpy"}
    assert unknown.line == len(UNKNOWN[case].splitlines()) + 1
    assert unknown.text and unknown.text in ast_of(UNKNOWN[case])


def ast_of(text: str) -> str:
    """Return *text* as it is spelt from its tree."""
    import ast

    return ast.unparse(ast.parse(text))


def test_the_text_of_an_unknown_import_is_short() -> None:
    (unknown,) = imports(f"__import__(x{'x' * 5000})").unknown
    assert unknown.text == f"__import__({'x' * 69}"


def test_installed_modules_are_not_the_project_s() -> None:
    assert imports("import pkgutil\npkgutil.iter_modules()").unknown == ()


def test_a_function_of_that_name_is_no_import() -> None:
    text = "def import_module(name): ...\nimport_module('a')\nself.import_module('b')"
    assert imports(text) == Imports()


ABOVE = "import os, sys\nfrom pathlib import Path\n"
PATHS = {
    'sys.path.insert(0, "/lib")': ["/lib"],
    'sys.path.append("/lib/../x")': ["/x"],
    'sys.path += ["/a", "/b"]': ["/a", "/b"],
    'sys.path.extend(["/a", "/b"])': ["/a", "/b"],
    'from sys import path\npath.append("/lib")': ["/lib"],
    'def f():\n    sys.path.insert(0, "/lib")': ["/lib"],
    'if "/lib" not in sys.path:\n    sys.path.insert(0, "/lib")': ["/lib"],
    "sys.path.append(str(Path(__file__).parent))": ["/p/flows/etl"],
    "sys.path.append(Path(__file__).parent.as_posix())": ["/p/flows/etl"],
    "sys.path.append(str(Path(__file__).resolve().parents[1]))": ["/p/flows"],
    "sys.path.append(str(Path(__file__).absolute().parents[2]))": ["/p"],
    'sys.path.append(str(Path(__file__).parent / "src"))': ["/p/flows/etl/src"],
    'sys.path.append(str(Path(__file__).parent.joinpath("..", "src")))': ["/p/flows/src"],
    'sys.path.append(f"{Path(__file__).parent}/src")': ["/p/flows/etl/src"],
    "ROOT = Path(__file__).resolve().parents[2]\nsys.path.append(str(ROOT))": ["/p"],
    "import pathlib\nsys.path.append(str(pathlib.Path(__file__).parent.parent))": ["/p/flows"],
    "sys.path.append(os.path.dirname(__file__))": ["/p/flows/etl"],
    "sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))": ["/p/flows"],
    "sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir))": ["/p/flows"],
    'sys.path.append(os.path.join(os.path.realpath(__file__), "..", ".."))': ["/p/flows"],
    "sys.path.append(os.path.split(__file__)[0])": ["/p/flows/etl"],
    "from os.path import dirname as d\nsys.path.append(d(d(d(__file__))))": ["/p"],
    "def f():\n    here = Path(__file__).parent\n    sys.path.append(str(here))": ["/p/flows/etl"],
    "from x import *\nsys.path.append(os.path.dirname(__file__))": ["/p/flows/etl"],
    'sys.path.append(os.environ["X"])': [],
    "sys.path.append(str(Path(__file__).parents[9]))": [],
    'x = "/lib"\ndef f(x):\n    sys.path.append(x)': [],
    'sys.path.remove("/lib")': [],
    'paths = []\npaths += ["/lib"]': [],
}  # fmt: skip


@pytest.mark.parametrize("text", PATHS)
def test_search_paths(text: str) -> None:
    read = imports(ABOVE + text, path="/p/flows/etl/main.py")
    assert list(read.search_paths) == PATHS[text]
    assert read.working_paths == ()


RELATIVE = {
    "sys.path.append('..')": ("/p/flows", ".."),
    "sys.path.insert(0, './lib')": ("/p/flows/etl/lib", "./lib"),
    "sys.path.append('')": ("/p/flows/etl", ""),
    "sys.path += [str(Path('src'))]": ("/p/flows/etl/src", "src"),
    "sys.path.append(os.getcwd())": ("/p/flows/etl", "."),
    "sys.path.append(os.path.join(os.getcwd(), 'lib'))": ("/p/flows/etl/lib", "./lib"),
    "sys.path.append(os.path.abspath('lib'))": ("/p/flows/etl/lib", "lib"),
    "sys.path.append(str(Path.cwd() / 'lib'))": ("/p/flows/etl/lib", "lib"),
    "sys.path.append(str(Path('lib').resolve(strict=True)))": ("/p/flows/etl/lib", "lib"),
}


@pytest.mark.parametrize("text", RELATIVE)
def test_relative_search_paths(text: str) -> None:
    read = imports(ABOVE + text, path="/p/flows/etl/main.py")
    assert (read.search_paths, read.working_paths) == tuple((each,) for each in RELATIVE[text])


def test_search_paths_without_a_file() -> None:
    text = "sys.path += ['/lib', 'src', os.path.dirname(__file__)]"
    read = imports(ABOVE + text)
    assert (read.search_paths, read.working_paths) == (("/lib",), ("src",))


def test_links_are_followed_where_the_script_does(tmp_path: Path) -> None:
    real = tmp_path.resolve() / "real"
    (real / "flows").mkdir(parents=True)
    (real / "flows" / "main.py").write_text("")
    os.symlink(real / "flows", tmp_path / "link")
    text = "sys.path += [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1])]"
    read = imports(ABOVE + text, path=str(tmp_path / "link" / "main.py"))
    assert read.search_paths == (str(tmp_path / "link"), str(real))


def test_where_imports_are_unknown() -> None:
    assert imports("\n__import__(x)").unknown == (UnknownImport(2, "__import__(x)"),)


EXPORTED = {
    "a list": ("__all__ = ['a', 'b']", ("a", "b")),
    "a tuple": ("__all__ = ('a',)", ("a",)),
    "joined": ("A = ['a']\n__all__ = A + ['b']\n__all__ += ['c']", ("a", "b", "c")),
    "none": ("a = 1", ()),
    "unknown": ("__all__ = [x for x in dir()]", ()),
    "unknown names": ("__all__ = ['a', x]", ()),
    "changed": ("__all__ = ['a']\n__all__.append(x)", ()),
}


@pytest.mark.parametrize("case", EXPORTED)
def test_exported_names(case: str) -> None:
    text, expected = EXPORTED[case]
    assert exported_names(script(text)) == expected


NESTED: Tuple[str, ...] = (
    "x = " + "(" * 90 + "__import__('a')" + ")" * 90,
    "x = " + "f(" * 80 + "__import__('a')" + ")" * 80,
    "x = " + "not " * 300 + "__import__('a')",
    "__import__('a')" + ".x" * 500,
    "\n".join("    " * n + "if x:" for n in range(90)) + "\n" + "    " * 90 + "import a",
    "if x: pass\n" + "elif x: pass\n" * 200 + "else: import a",
    "def f():\n" + "".join("    " * n + "def f():\n" for n in range(1, 90)) + "    " * 90
    + "import a",
)  # fmt: skip


@pytest.mark.parametrize("text", NESTED)
def test_nested_code(text: str) -> None:
    assert spelt(text) == "a"


def test_code_that_is_nested_too_deeply() -> None:
    with pytest.raises(DiscoveryError, match="^s.py"):
        imports("x = " + "(" * 100_000 + "1" + ")" * 100_000)


@pytest.mark.parametrize("count", [5_000])
def test_a_large_file(count: int) -> None:
    text = "".join(f"import a{n}\nif x{n}:\n    f{n}(a{n}.b({n}))\n" for n in range(count))
    assert len(imports(text).found) == count


def test_encodings() -> None:
    content = "# coding: latin-1\nimport caf\xe9".encode("latin-1")
    assert read_imports(Script(content, "s.py")).found == (Import("caf\xe9", line=2),)
    assert read_imports(Script(b"\xef\xbb\xbfimport a\r\n", "s.py")).found == (Import("a", line=1),)


@pytest.mark.parametrize("content", [b"import a\nimport", b"\0", b"# coding: nope\n", b"\xff"])
def test_no_python(content: bytes) -> None:
    with pytest.raises(DiscoveryError, match="^s.py"):
        read_imports(Script(content, "s.py"))


def test_an_empty_file() -> None:
    assert read_imports(Script(b"", "s.py")) == Imports()


def test_nothing_is_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    text = f"open({str(made)!r}, 'w')\n__import__('this')\nimport sys\nsys.path.append('/nope')"
    imports(text, path=str(tmp_path / "s.py"))
    import sys

    assert not made.exists() and "/nope" not in sys.path
