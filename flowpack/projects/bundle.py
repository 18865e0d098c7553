"""One Python file that holds the files of a project, written and read back.

It is text, the same for the same files wherever it is made: no compression, whose
output differs between builds, and nothing of times, users and machines.
"""

from __future__ import annotations

import ast
import base64
import binascii
import hashlib
import os
import re
from typing import Dict, FrozenSet, Iterator, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack.exceptions import ProjectError, quoted
from flowpack.projects.bootstrap import CODE

_MARK = "# A flow and the files that it needs, packed by flowpack."
_HEAD = """\
{mark} It runs as any script does,
# and must not be edited: the files are checked before the first of them runs.
# Flow: {flow} in {file}. Files: {count}, {size} bytes in all.
# To have them back: flowpack pull FLOW/DEPLOYMENT --extract FOLDER
"""
_PEP_723 = re.compile(r"(?m)^# /// script\r?\n(?:^#(?:| .*)\r?\n)+?^# ///\r?$\n?")
#: Written by number: what text editors, terminals and Python itself would change.
_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_TEXT = re.compile(b"[\\0-\\x08\\x0e-\\x1a\\x1c-\\x1f\\x7f]")


@attrs.frozen
class Bundle:
    """What a bundle holds.

    Attributes:
        files: Content by path.
        entry: The name of the module that makes the flow.
        file: The path of that module.
        flow: The flow's name in it.
        paths: Folders that are searched for modules.
    """

    files: Mapping[str, bytes] = attrs.field(repr=False)
    module: str
    file: str
    flow: str
    search_paths: Tuple[str, ...]
    added: FrozenSet[str] = frozenset()

    @property
    def sha256(self) -> str:
        """The digest of all that it holds."""
        digest = hashlib.sha256()
        named = (self.module, self.file, self.flow, *self.search_paths)
        parts = [each.encode() for each in named]
        for path in sorted(self.files):
            parts += [path.encode(), self.files[path]]
        for part in parts:
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return digest.hexdigest()


def pack(bundle: Bundle) -> bytes:
    """Return *bundle* as a Python file."""
    return "".join(_parts(bundle)).encode()


def is_bundle(content: bytes) -> bool:
    """Say whether *content* looks like what :func:`pack` makes."""
    return content.startswith(_MARK.encode())


def unpack(content: bytes) -> Bundle:
    """Return what a bundle holds; nothing of it is run.

    Raises:
        ProjectError: It is no bundle, or not as it was packed.
    """
    try:
        tree = ast.parse(content)
        literal = tree.body[0].value  # type: ignore[attr-defined]
        facts = ast.literal_eval(literal)
        bundle = Bundle(
            files={path: _decoded(told) for path, told in facts["files"].items()},
            module=facts["entry"],
            file=facts["file"],
            flow=facts["flow"],
            search_paths=tuple(facts["paths"]),
        )
        if bundle.sha256 != facts["sha256"]:
            raise ValueError("its files were changed")
        for path in bundle.files:
            if path.startswith("/") or {"", ".", ".."} & set(path.split("/")):
                raise ValueError(f"it holds the path {quoted(path)}")
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError, IndexError) as exc:
        raise ProjectError(f"this is no package of a project: {exc}") from exc
    return bundle


def changes(old: Bundle, new: Bundle) -> Dict[str, List[str]]:
    """Return which files were added, removed and changed."""
    both = set(old.files) & set(new.files)
    return {
        "added": sorted(set(new.files) - both),
        "removed": sorted(set(old.files) - both),
        "changed": sorted(p for p in both if old.files[p] != new.files[p]),
    }


def extract(bundle: Bundle, folder: str) -> None:
    """Write the files into *folder*, which must be new or empty."""
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        raise ProjectError(f"{quoted(folder)} is not empty")
    for path, content in bundle.files.items():
        place = os.path.join(folder, *path.split("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "xb") as file:
            file.write(content)


def _parts(bundle: Bundle) -> Iterator[str]:
    size = sum(map(len, bundle.files.values()))
    shown = _UNSEEN.sub("?", bundle.file.replace("\n", "?"))
    yield _HEAD.format(mark=_MARK, flow=bundle.flow, file=shown, count=len(bundle.files), size=size)
    block = _requirements(bundle.files.get(bundle.file, b""))
    if block:
        yield f"#\n{block}"
    yield "_flowpack_bundle = {\n"
    for key in ("module", "file", "flow", "sha256"):
        name = "entry" if key == "module" else key
        yield f"    {name!r}: {ascii(getattr(bundle, key))},\n"
    yield f"    'paths': {ascii(list(bundle.search_paths))},\n"
    yield "    'files': {\n"
    for path in sorted(bundle.files):
        yield f"{ascii(path)}: {_encoded(bundle.files[path])},\n"
    yield "}}\n"
    yield CODE.replace("{flow}", bundle.flow)


def _requirements(content: bytes) -> Optional[str]:
    """Return the PEP 723 block of a script, which tools look for in the package."""
    found = _PEP_723.findall(content.decode("utf-8", "replace"))
    return str(found[0]).replace("\r", "").rstrip("\n") + "\n" if len(found) == 1 else None


def _encoded(content: bytes) -> str:
    if _TEXT.search(content) is None:
        try:
            return _literal(content.decode())
        except UnicodeDecodeError:
            pass
    text = base64.encodebytes(content).decode()
    return f"b'''\n{text}'''"


def _literal(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("'''", "\\'\\'\\'")
    if text.endswith("'"):
        text = f"{text[:-1]}\\'"
    text = _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    # Tools must not take what stands in a file for the package's own block.
    text = re.sub(r"(?m)^# ///", r"\\x23 ///", text)
    return f"'''\\\n{text}'''"


def _decoded(told: Union[str, bytes]) -> bytes:
    return binascii.a2b_base64(told) if isinstance(told, bytes) else told.encode()
