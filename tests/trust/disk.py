"""A disk that loses what was not synced, fed with the system calls of a process.

Each file and each folder has what is there now and
what a power loss leaves for sure; between the two lie the writes, names and
lengths of which a power loss may leave any.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

import attrs

from tests.trust.traced import Call

Tree = Dict[str, Any]

#: What a crash may take: nothing (the process was killed, the machine lives on);
#: all that was not synced; only data of files, as missing or as zeros; only names;
#: the second half of each file's last write; or whatever chance says.
LOSSES = ("nothing", "all", "data", "zeros", "names", "half", "some")

#: Some flash drives and old disks write no more than this in one go.
SECTOR = 512


@attrs.define
class File:
    """A file; *waiting* are positions with what was written there, or lengths."""

    now: bytearray
    safe: bytes
    waiting: List[Tuple[int, Optional[bytes]]] = attrs.field(factory=list)

    def write(self, position: int, data: Optional[bytes]) -> bool:
        """Write *data* at *position*; None makes that the length."""
        self.waiting.append((position, data))
        _write(self.now, position, data)
        return True

    def sync(self) -> bool:
        """Bring it to the disk."""
        self.waiting.clear()
        self.safe = bytes(self.now)
        return True


@attrs.define
class Folder:
    """A folder; each of *waiting* are names that change at once, None is gone."""

    now: Dict[str, Node]
    safe: Dict[str, Node]
    waiting: List[Mapping[str, Optional[Node]]] = attrs.field(factory=list)

    def rename(self, change: Mapping[str, Optional[Node]]) -> bool:
        """Have names mean other things from now on."""
        self.waiting.append(change)
        _update(self.now, change)
        return True

    def sync(self) -> bool:
        """Bring it to the disk, not what is in it."""
        self.waiting.clear()
        self.safe = dict(self.now)
        return True


Node = Union[File, Folder]


def _loaded(tree: Tree) -> Folder:
    names: Dict[str, Node] = {
        name: _loaded(content)
        if isinstance(content, dict)
        else File(bytearray(content), content)
        for name, content in tree.items()
    }
    return Folder(names, dict(names))


class Disk:
    """What is below the folder *root*, while calls of one process are applied."""

    def __init__(self, root: Path, tree: Tree) -> None:
        self._root = os.fsencode(root)
        self._top = _loaded(tree)
        self._open: Dict[int, Node] = {}
        self._position: Dict[int, int] = {}

    def apply(self, call: Call) -> bool:
        """Do what *call* did; return whether it changed or synced anything here."""
        return self._ACTIONS[call.name](self, call)

    def left(self, loss: str, chance: random.Random) -> Tree:
        """Return what a crash leaves that takes *loss*."""
        return _Crash(loss, chance).folder(self._top)

    def _find(self, path: bytes) -> Tuple[Optional[Folder], str]:
        """Return the folder that *path* is in, None outside of here, and the name."""
        if path == self._root:
            return Folder({".": self._top}, {}), "."
        if not path.startswith(self._root + b"/"):
            return None, ""
        *parts, name = os.fsdecode(path[len(self._root) + 1 :]).split("/")
        folder: Node = self._top
        for part in parts:
            assert isinstance(folder, Folder)
            folder = folder.now[part]
        assert isinstance(folder, Folder)
        return folder, name

    def _opened(self, call: Call) -> bool:
        self._open.pop(call.result, None)
        folder, name = self._find(call.texts[0])
        if folder is None:
            return False
        new = name not in folder.now
        if new:
            folder.rename({name: File(bytearray(), b"")})
        self._open[call.result] = folder.now[name]
        self._position[call.result] = 0
        return new

    def _closed(self, call: Call) -> bool:
        self._open.pop(call.numbers[0], None)
        return False

    def _made(self, call: Call) -> bool:
        folder, name = self._find(call.texts[0])
        return folder is not None and folder.rename({name: Folder({}, {})})

    def _removed(self, call: Call) -> bool:
        folder, name = self._find(call.texts[0])
        return folder is not None and folder.rename({name: None})

    def _renamed(self, call: Call) -> bool:
        folder, old = self._find(call.texts[0])
        target, new = self._find(call.texts[1])
        assert target is folder
        return folder is not None and folder.rename({old: None, new: folder.now[old]})

    def _written(self, call: Call) -> bool:
        number = call.numbers[0]
        file = self._open.get(number)
        if not isinstance(file, File):
            return False
        if call.name == "write":
            position = self._position[number]
            self._position[number] += call.result
        else:
            position = call.numbers[-1]
        return file.write(position, call.texts[0][: call.result])

    def _cut(self, call: Call) -> bool:
        file = self._open.get(call.numbers[0])
        return isinstance(file, File) and file.write(call.numbers[1], None)

    def _synced(self, call: Call) -> bool:
        node = self._open.get(call.numbers[0])
        return node is not None and node.sync()

    _ACTIONS: Dict[str, Callable[[Disk, Call], bool]] = {
        "close": _closed,
        "fdatasync": _synced,
        "fsync": _synced,
        "ftruncate": _cut,
        "mkdir": _made,
        "mkdirat": _made,
        "open": _opened,
        "openat": _opened,
        "pwrite64": _written,
        "rename": _renamed,
        "renameat": _renamed,
        "renameat2": _renamed,
        "unlink": _removed,
        "unlinkat": _removed,
        "write": _written,
    }


@attrs.frozen
class _Crash:
    """What is left after one."""

    loss: str
    chance: random.Random

    def folder(self, folder: Folder) -> Tree:
        names = self._names(folder).items()
        return {
            name: self.folder(node) if isinstance(node, Folder) else self._data(node)
            for name, node in names
        }

    def _names(self, folder: Folder) -> Dict[str, Node]:
        if self.loss != "some":
            return folder.safe if self.loss in ("all", "names") else folder.now
        names, lost = dict(folder.safe), set[str]()
        for change in folder.waiting:
            # A later change of a name cannot be there without the earlier one.
            if self.chance.random() < 0.5 or lost.intersection(change):
                lost.update(change)
            else:
                _update(names, change)
        return names

    def _data(self, file: File) -> bytes:
        if self.loss in ("nothing", "names"):
            return bytes(file.now)
        if self.loss in ("all", "data"):
            return file.safe
        if self.loss == "zeros":
            length = len(file.now)
            return file.safe[:length].ljust(length, b"\0")
        left = bytearray(file.safe)
        for number, (position, data) in enumerate(file.waiting, 1):
            if self.loss == "half" and data is not None:
                last = number == len(file.waiting)
                _write(left, position, data[: len(data) // 2] if last else data)
            elif self.loss == "half":
                _write(left, position, None)
            else:
                self._write_some(left, position, data)
        return bytes(left)

    def _write_some(
        self, left: bytearray, position: int, data: Optional[bytes]
    ) -> None:
        for start in range(0, len(data or b"."), SECTOR):
            if self.chance.random() < 0.5:
                part = None if data is None else data[start : start + SECTOR]
                _write(left, position + start, part)


def _write(content: bytearray, position: int, data: Optional[bytes]) -> None:
    """Write *data* at *position*; None makes that the length."""
    content.extend(bytes(max(0, position - len(content))))
    if data is None:
        del content[position:]
    else:
        content[position : position + len(data)] = data


def _update(names: Dict[str, Node], change: Mapping[str, Optional[Node]]) -> None:
    for name, node in change.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


def read_tree(path: Path) -> Tree:
    """Return what is below the folder *path*: bytes, and a dict for each folder."""
    return {
        each.name: read_tree(each) if each.is_dir() else each.read_bytes()
        for each in path.iterdir()
    }


def write_tree(tree: Tree, path: Path) -> None:
    """Make the folder *path*, with what is in *tree*."""
    path.mkdir(mode=0o700)
    for name, content in tree.items():
        if isinstance(content, dict):
            write_tree(content, path / name)
        else:
            (path / name).write_bytes(content)
