"""Objects in a folder of this machine: whole, durable and private, or not there.

An object is written under a temporary name in the same folder, brought to the disk, renamed, and
the folder is brought to the disk too. So a reader sees all of it or nothing, after a crash and
after a power loss as well.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
import time
from typing import BinaryIO, Iterator, Mapping, Optional

import attrs

from flowpack._files import SAFELY, holds_at_most, is_at, keep_folder
from flowpack._files import lock_file, make_folder, sync_folder
from flowpack.blocks.stores import changed_while_read, key_taken
from flowpack.exceptions import ObjectMissingError, StorageError, StorageUnavailableError, printable
from flowpack.exceptions import quoted

#: How many temporary files there are in a folder at once before their names become random.
SLOTS = 64

#: Where the file system has no locks, a temporary file is given up after so many seconds.
GIVEN_UP = 3600.0

_CHUNK = 1 << 20

#: File systems have shorter names, and no longer paths.
_LONGEST_NAME = 255
_LONGEST_PATH = 4096

_NEXT_STEPS: Mapping[int, str] = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "your quota is used up; free some space and try again",
    errno.EFBIG: "the system's limit for the size of a file (ulimit -f) is too low",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose a folder that you may use, or have its owner let you",
    errno.EPERM: "choose a folder that you may use, or have its owner let you",
    errno.ENOTDIR: "a part of the path is no folder; choose another",
    errno.ELOOP: "symbolic links lead nowhere; choose another folder",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.EMFILE: "too many files are open (ulimit -n)",
    errno.EIO: "the disk may be failing",
}

_NO_FILE = "what is there is no plain file. Move it away, and deploy again"


@attrs.frozen
class Folder:
    """A folder that holds objects by name; see :class:`~flowpack.blocks.stores.Store`.

    Attributes:
        path: Absolute. Made, with what is missing above it, at the first write.
        kind: What people call such a storage, for messages.
        private: Whether it must be a folder that only its owner can change, and its objects are
            for the owner alone: it lies where anybody can put something else.
    """

    path: str
    kind: str
    private: bool = False

    @property
    def label(self) -> str:
        """The storage as messages name it."""
        return f"{self.kind} {self.path}"

    def location(self, name: str) -> str:
        """Return the path of the object called *name*, which must be in this folder."""
        problem = _name_problem(name)
        if problem:
            raise self._refused(name, problem)
        return os.path.join(self.path, name)

    def name_of(self, path: str) -> str:
        """Return the name of the object at *path*, which must be that of one in this folder."""
        if not self.has(path):
            raise self._refused(path, f"it leads out of the folder {quoted(self.path)}")
        return os.path.basename(path)

    def has(self, path: str) -> bool:
        """Return True if *path* is that of an object in this folder, whether it exists or not."""
        if _text_problem(path, _LONGEST_PATH) or not os.path.isabs(path):
            return False
        head, name = os.path.split(path)
        if _name_problem(name):
            return False
        return head == self.path or os.path.realpath(head) == os.path.realpath(self.path)

    def write_from(self, file: BinaryIO, name: str, sha256: str, replace: bool = False) -> None:
        """Keep what *file* holds; *replace* makes no difference, for what is there is hashed."""
        path = self.location(name)
        with self._border(name):
            mode = self._prepare()
            if self._digest(name) != sha256:
                if os.path.isdir(path) and not os.path.islink(path):
                    raise self._refused(name, _NO_FILE)
                # Only what is named by its digest can be damaged.
                if name != sha256 and os.path.lexists(path):
                    raise key_taken(self.label, name)
                self._put(file, name, sha256, mode)
            # Also where it was there: who wrote it may have died before this.
            sync_folder(self.path)

    def _prepare(self) -> int:
        """Make the folder where it is missing; return the mode of objects in it."""
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            make_folder(self.path)
            status = os.stat(self.path)
        if self.private:
            self._check_private()
        if not stat.S_ISDIR(status.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        # A folder that flowpack makes is nobody else's; one that its owner opened to the group
        # is meant to be shared.
        shared = bool(status.st_mode & stat.S_IRGRP) and not self.private
        return 0o640 if shared else 0o600

    def _put(self, file: BinaryIO, name: str, sha256: str, mode: int) -> None:
        if holds_at_most(self.path, 0):
            keep_folder(self.path)
        temporary = open_temp_file(self.path)
        try:
            digest = hashlib.sha256()
            with os.fdopen(temporary.descriptor, "wb", closefd=False) as target:
                for chunk in iter(lambda: file.read(_CHUNK), b""):
                    digest.update(chunk)
                    target.write(chunk)
                target.flush()
                if hasattr(os, "fchmod"):  # The umask may have taken bits away.
                    os.fchmod(temporary.descriptor, mode)
                os.fsync(temporary.descriptor)
            found = digest.hexdigest()
            if found != sha256:
                raise changed_while_read(self.label, name, sha256, found)
            temporary.publish(self.location(name))
        finally:
            temporary.discard()

    def _check_private(self) -> None:
        """Raise unless only its owner, who we are, can change the folder."""
        status = os.lstat(self.path)
        if stat.S_ISLNK(status.st_mode):
            problem = "it is a symbolic link"
        elif not stat.S_ISDIR(status.st_mode):
            problem = "it is no folder"
        elif hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            problem = f"it belongs to another user ({status.st_uid})"
        elif os.name != "nt" and status.st_mode & 0o022:
            problem = "others can write to it"
        else:
            return
        raise StorageUnavailableError(
            self.label,
            "",
            f"the folder {quoted(self.path)} is not used: {problem}, so others could put scripts"
            " there that you would run. Remove it, or set TMPDIR to a folder of your own",
        )

    def read_into(self, name: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy the object to *file*; it must be a plain file."""
        copied = 0
        for chunk in self._chunks(name):
            copied += len(chunk)
            if limit is not None and copied > limit:
                raise self._refused(name, f"it is larger than {limit} bytes")
            file.write(chunk)

    def holds(self, name: str, sha256: str, size: int) -> bool:
        """Return True if the object has that digest and size."""
        with contextlib.suppress(OSError):
            if os.lstat(self.location(name)).st_size != size:
                return False
        return self._digest(name) == sha256

    def _digest(self, name: str) -> Optional[str]:
        """Return the digest of the object; None for no plain file."""
        digest = hashlib.sha256()
        try:
            for chunk in self._chunks(name):
                digest.update(chunk)
        except StorageUnavailableError:
            raise
        except StorageError:
            return None
        return digest.hexdigest()

    def _chunks(self, name: str) -> Iterator[bytes]:
        with self._border(name):
            source = self._open(name)
        with source:
            while True:
                with self._border(name):
                    chunk = source.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    def _open(self, name: str) -> io.FileIO:
        path = self.location(name)
        if self.private and os.path.lexists(self.path):
            self._check_private()
        try:
            source = io.FileIO(path, opener=lambda path, flags: os.open(path, flags | SAFELY))
        except FileNotFoundError as exc:
            reason = "there is no such file. It was deleted, or lies on another machine"
            raise ObjectMissingError(self.label, name, reason) from exc
        except IsADirectoryError as exc:
            raise self._refused(name, _NO_FILE) from exc
        except OSError as exc:
            if exc.errno == errno.ELOOP and os.path.islink(path):
                raise self._refused(name, "it is a symbolic link") from exc
            raise
        if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
            source.close()
            raise self._refused(name, _NO_FILE)
        return source

    @contextlib.contextmanager
    def _border(self, name: str) -> Iterator[None]:
        """Translate the errors of the operating system."""
        try:
            yield
        except OSError as exc:
            step = _NEXT_STEPS.get(exc.errno or 0, "see what the system logged")
            place = "" if exc.filename is None else f" ({quoted(exc.filename)})"
            reason = f"{printable(exc.strerror or exc)}{place}; {step}"
            raise StorageUnavailableError(self.label, name, reason) from exc

    def _refused(self, token: str, reason: str) -> StorageError:
        return StorageError(self.label, token, f"this token is refused: {reason}")


def _name_problem(name: str) -> Optional[str]:
    if name in ("", os.curdir, os.pardir):
        return "it names no object"
    if os.sep in name or (os.altsep or os.sep) in name:
        return "it leads to another folder"
    return _text_problem(name, _LONGEST_NAME)


def _text_problem(text: str, longest: int) -> Optional[str]:
    if "\0" in text:
        return "it holds a NUL character"
    try:
        length = len(os.fsencode(text))
    except UnicodeEncodeError:
        return "it holds characters that no file name has"
    return f"it is longer than {longest} bytes" if length > longest else None


# --- temporary files ----------------------------------------------------------------------
#
# Each has one of a few names and is locked for as long as its writer lives. Who finds one without
# a lock removes it, so what killed writers leave never piles up, and nobody has to list a folder
# of a hundred thousand objects to find it.


@attrs.frozen
class TempFile:
    """A new file, open for writing, that only its maker can read, not yet under its final name."""

    descriptor: int
    path: str

    def publish(self, path: str) -> None:
        """Give it its final name, in the place of what has that name."""
        if os.name == "nt":  # An open file cannot be renamed there.
            os.close(self.descriptor)
        os.replace(self.path, path)

    def discard(self) -> None:
        """Close it, and remove it unless it was published."""
        try:
            # What cannot be removed now is removed by the next writer.
            with contextlib.suppress(OSError):
                if is_at(self.descriptor, self.path):
                    os.unlink(self.path)
        finally:
            # On Windows it may be closed already.
            with contextlib.suppress(*(OSError,) if os.name == "nt" else ()):
                os.close(self.descriptor)


def open_temp_file(folder: str) -> TempFile:
    """Return a new temporary file in *folder*; remove those that were abandoned."""
    paths = [os.path.join(folder, f".flowpack-{slot:02}.tmp") for slot in range(SLOTS)]
    for path in filter(os.path.lexists, paths):
        _remove_abandoned(path)
    for path in paths:
        try:
            file = _create(path)
        except FileExistsError:
            continue
        try:
            # Before the lock, somebody may have taken it for abandoned.
            if lock_file(file.descriptor) is not False and is_at(file.descriptor, path):
                return file
        except BaseException:
            file.discard()
            raise
        os.close(file.descriptor)
    return _create(os.path.join(folder, f".flowpack-{os.urandom(16).hex()}.tmp"))


def _create(path: str) -> TempFile:
    return TempFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o600), path)


def _remove_abandoned(path: str) -> None:
    """Remove the file at *path* if its writer is gone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | SAFELY)
        try:
            status, is_free = os.fstat(descriptor), lock_file(descriptor)
            if is_free is None:
                is_free = time.time() - status.st_mtime > GIVEN_UP
            if stat.S_ISREG(status.st_mode) and is_free and is_at(descriptor, path):
                os.unlink(path)
        finally:
            os.close(descriptor)
