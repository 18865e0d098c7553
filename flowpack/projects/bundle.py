"""One Python file that holds the files of a project: written, read back, compared, extracted.

It is text to be read and compared line by line, and the same for the same files wherever it is
made: no compression, whose output differs between builds, and nothing of times, users, machines.
"""

from __future__ import annotations

import ast
import base64
import json
import keyword
import os
import re
import tempfile
from contextlib import ExitStack
from importlib import resources
from typing import Dict, FrozenSet, List, Mapping, Tuple

import attrs

from flowpack._interpreter import BUNDLE_MARK
from flowpack.analysis.script import SIZE_LIMIT, Script
from flowpack.exceptions import ProjectError, printable, quoted
from flowpack.projects.bootstrap import _flowpack_check, _flowpack_digest

_HEAD = """\
#
# Flow:   {flow} in {file}
# Files:  {count}, with {size} bytes; as text below, or base64 where they are not text
#
# Agents and workers run it as any script: the code at the end checks the files against their
# SHA-256, writes them into a temporary folder and imports the flow from there. So it does not
# run if it was edited. To have the files back: flowpack pull FLOW/DEPLOYMENT --extract FOLDER
{requirements}
_flowpack_bundle = {{
    "sha256": "{sha256}",
{facts}    "files": {{
"""

#: No part of a path leads out of its folder, on Windows neither; nor is all of it too long.
_PART = r"(?!\.{1,2}(?:/|\Z)|.:)[^/\\\0\ud800-\udfff]+"
_PATH = re.compile(rf"(?=.{{1,1000}}\Z){_PART}(?:/{_PART})*/?", re.S)

#: A file that holds one of these is not text.
_BINARY = re.compile("[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")

#: What people cannot see, or Python changes when it reads a file, is written by its number. This
#: is a fixed table, for what is printable differs between releases of Python.
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_PEP_723_START = re.compile(r"(?m)^# /// script\r?$")
_PEP_723 = re.compile(r"(?m)^# /// script\r?\n(?:^#(?:| [^\n]*)\r?\n)+^# ///\r?$")


@attrs.frozen
class Bundle:
    """What a packed project holds.

    Attributes:
        files: Content by path, which has ``/`` between its parts; a path that ends with ``/``
            is that of an empty folder.
        module: The name under which the module with the flow is imported.
        file: The path of that module.
        flow: The flow's variable in it, or ``Class.method``.
        search_paths: Folders that are searched for modules; "" is the project's root.
        added: The files that are not in the project but were added: empty ``__init__.py``.

    Raises:
        ProjectError: A path cannot be written everywhere, or parts do not fit each other.
    """

    files: Mapping[str, bytes] = attrs.field(repr=False)
    module: str
    file: str
    flow: str
    search_paths: Tuple[str, ...]
    added: FrozenSet[str] = frozenset()

    def __attrs_post_init__(self) -> None:
        folders = {""}
        for path, content in self.files.items():
            if not _PATH.fullmatch(path) or (path.endswith("/") and content):
                raise ProjectError(
                    f"a project cannot have the path {quoted(path)}: it leads out of the project,"
                    " or is too long, not UTF-8, or not possible on other systems"
                )
            while "/" in path:
                path = path.rpartition("/")[0]
                folders.add(path)
        variables = self.flow.split(".")
        if not all(name.isidentifier() and not keyword.iskeyword(name) for name in variables):
            raise ProjectError(f"{quoted(self.flow)} cannot be the flow's variable")
        if self.file not in self.files or not all(self.module.split(".")):
            raise ProjectError(f"{quoted(self.file)} is missing, or {quoted(self.module)} no name")
        if not folders.issuperset(self.search_paths) or folders & set(self.files):
            raise ProjectError("a search path is no folder of the project, or a folder is a file")
        if any(self.files.get(path, b"missing") for path in self.added):
            raise ProjectError("a file that was added is missing or has content")


def pack(bundle: Bundle) -> bytes:
    """Return *bundle* as a Python file."""
    files = dict(sorted(bundle.files.items()))
    lists = {"search_paths": list(bundle.search_paths), "added": sorted(bundle.added)}
    facts = {"module": bundle.module, "file": bundle.file, "flow": bundle.flow, **lists}
    sizes = [len(content) for path, content in files.items() if not path.endswith("/")]
    script = files[bundle.file].decode("utf-8", "replace")
    # Tools refuse a script with several blocks.
    block = _PEP_723.search(script) if len(_PEP_723_START.findall(script)) == 1 else None
    head = _HEAD.format(
        flow=bundle.flow,
        file=_literal(bundle.file)[1:-1],
        count=len(sizes),
        size=sum(sizes),
        requirements=f"\n{_UNSEEN.sub('', block[0])}\n" if block else "",
        sha256=_flowpack_digest(list(facts.values()), files),
        facts="".join(f'    "{key}": {_literal(value)},\n' for key, value in facts.items()),
    )
    entries = [
        b"\n%b: %b,\n" % (_literal(path).encode(), _encode(content))
        for path, content in files.items()
    ]
    code = resources.files("flowpack.projects").joinpath("bootstrap.py").read_bytes()
    code = code.replace(b"\r\n", b"\n")  # Checkouts on Windows may have these.
    name = bundle.flow.partition(".")[0]
    end = f"\n\n{name} = _flowpack_load(**_flowpack_bundle)\ndel _flowpack_bundle\n"
    return b"".join([BUNDLE_MARK, head.encode(), *entries, b"\n}}\n\n", code, end.encode()])


def unpack(content: bytes) -> Bundle:
    """Return what a packed project holds; it is read, and nothing of it is run.

    Raises:
        ProjectError: It is no packed project, or not as it was packed.
    """
    if not content.startswith(BUNDLE_MARK):
        raise ProjectError("this is no packed project; flowpack deploy --project makes those")
    try:
        if len(content) > SIZE_LIMIT:
            raise ValueError(f"it is longer than {SIZE_LIMIT} bytes")
        statement = Script(content, "the packed project").tree.body[0]
        for each in ast.walk(statement):
            if isinstance(each, ast.Dict) and len(ast.literal_eval(each)) != len(each.keys):
                raise ValueError("it has a path twice")
        manifest = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
        sha256, files = manifest.pop("sha256"), manifest.pop("files")
        contents = _flowpack_check(sha256, list(manifest.values()), files)
        for key, kind in (("search_paths", tuple), ("added", frozenset)):
            manifest[key] = kind(manifest[key])
        return Bundle(contents, **manifest)
    except Exception as exc:  # Whatever is written in it.
        problem = printable(getattr(exc, "problem", exc))
        raise ProjectError(f"this packed project cannot be read: {problem}") from exc


def changes(old: Bundle, new: Bundle) -> Dict[str, List[str]]:
    """Return the paths that were ``added``, ``removed`` and ``changed`` from *old* to *new*."""
    common = old.files.keys() & new.files.keys()
    return {
        "added": sorted(new.files.keys() - common),
        "removed": sorted(old.files.keys() - common),
        "changed": sorted(path for path in common if old.files[path] != new.files[path]),
    }


def extract(bundle: Bundle, folder: str) -> int:
    """Write the files into *folder*, new or empty, and return how many; added ones are left out.

    Raises:
        ProjectError: The folder is not empty, or cannot be written; then nothing is left in it.
    """
    paths = [path for path in bundle.files if path not in bundle.added]
    try:
        os.makedirs(folder, exist_ok=True)
        if os.listdir(folder):
            raise ProjectError(f"{quoted(folder)} is not empty; name a new folder")
        private = tempfile.TemporaryDirectory(prefix=".flowpack-", dir=folder)
        with private as temporary, ExitStack() as undo:
            for path in paths:
                target = os.path.join(temporary, *path.split("/"))
                os.makedirs(os.path.dirname(target), exist_ok=True)
                if not path.endswith("/"):
                    with open(target, "xb") as file:
                        file.write(bundle.files[path])
            for name in os.listdir(temporary):
                source, target = os.path.join(temporary, name), os.path.join(folder, name)
                os.rename(source, target)
                undo.callback(os.rename, target, source)
            undo.pop_all()  # All of them are there.
    except (OSError, ValueError) as exc:  # One is for a NUL in its name.
        problem = printable(getattr(exc, "strerror", None) or exc)
        raise ProjectError(f"{quoted(folder)} cannot be written: {problem}") from exc
    return sum(not path.endswith("/") for path in paths)


def _encode(content: bytes) -> bytes:
    """Return *content* as a literal: of text, or of bytes that are its base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if _BINARY.search(text):
        return b"b'''\n" + base64.encodebytes(content) + b"'''"
    text = re.sub(r"'(?=''|\Z)", r"\\'", text.replace("\\", "\\\\"))
    # Tools must not take a block in a file for the package's own.
    text = re.sub("(?m)^# ///", r"\\x23 ///", _UNSEEN.sub(_code, text))
    return f"'''\\\n{text}'''".encode() if text else b'""'


def _literal(value: object) -> str:
    """Return text, or a list of texts, as it stands in Python code of one line."""
    return _UNSEEN.sub(_code, json.dumps(value, ensure_ascii=False))


def _code(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape").decode()
