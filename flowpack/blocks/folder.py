"""Objects in a folder of this machine: whole, durable and private, or not there.

An object is written under a temporary name in the same folder, brought to the disk, renamed,
and the folder is brought to the disk too. So a reader sees all of it or nothing, after a crash
and after a power loss as well.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from typing import BinaryIO, Iterator, Mapping, Optional

import attrs

from flowpack._files import holds_at_most, keep_folder, make_folder, sync_folder
from flowpack.blocks.temp_files import TempFile, open_temp_file, open_safely
from flowpack.blocks.stores import changed_while_read, key_taken
from flowpack.exceptions import (
    ObjectMissingError,
    StorageError,
    StorageUnavailableError,
    printable,
    quoted,
)

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
_GONE = "there is no such file. It was deleted, or lies on another machine"


@attrs.frozen
class Folder:
    """A folder that holds objects by name.

    Attributes:
        path: Absolute. Made, with what is missing above it, at the first write.
        kind: What people call such a storage, for messages.
        private: Whether it must be a folder that only its owner can change, and its objects
            are for the owner alone: it lies where anybody can put something else.
    """

    path: str
    kind: str
    private: bool = False

    @property
    def label(self) -> str:
        """The storage as messages name it."""
        return f"{self.kind} {self.path}"

    # Names

    def path_of(self, name: str) -> str:
        """Return where the object called *name* is.

        Raises:
            StorageError: It is no name of an object in this folder.
        """
        problem = _name_problem(name)
        if problem:
            raise self._refused(name, problem)
        return os.path.join(self.path, name)

    def name_of(self, path: str) -> str:
        """Return the name of the object at *path*, which must be in this folder.

        Raises:
            StorageError: It leads elsewhere.
        """
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

    def location(self, name: str) -> str:
        """Return where the object called *name* is."""
        return self.path_of(name)

    # Writing

    def write_from(self, file: BinaryIO, name: str, sha256: str, replace: bool = False) -> str:
        """Store what *file* holds under *name* and return its path; see :meth:`Store.write_from`.

        *replace* makes no difference, for what is there is always hashed.
        """
        path = self.path_of(name)
        with self._border(name):
            mode = self._prepare()
            if self._digest(path) != sha256:
                if os.path.isdir(path) and not os.path.islink(path):
                    raise self._refused(name, _NO_FILE)
                # Only what is named by its digest can be damaged.
                if name != sha256 and os.path.lexists(path):
                    raise key_taken(self.label, name)
                self._put(file, path, sha256, mode)
            # Also where it was there: who wrote it may have died before this.
            sync_folder(self.path)
        return path

    def _put(self, file: BinaryIO, path: str, sha256: str, mode: int) -> None:
        if holds_at_most(self.path, 0):
            keep_folder(self.path)
        temporary = open_temp_file(self.path)
        try:
            found = _fill(temporary, file, mode)
            if found != sha256:
                raise changed_while_read(self.label, os.path.basename(path), sha256, found)
            temporary.publish(path)
        finally:
            temporary.discard()

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

    # Reading

    def read_into(self, name: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy the object called *name* to *file*; see :meth:`Store.read_into`.

        Raises:
            StorageError: Also where it is no plain file.
        """
        copied = 0
        for chunk in self._chunks(self.path_of(name), name):
            copied += len(chunk)
            if limit is not None and copied > limit:
                raise self._refused(name, f"it is larger than {limit} bytes")
            file.write(chunk)

    def holds(self, name: str, sha256: str, size: int) -> bool:
        """Return True if the object called *name* has that digest and size."""
        path = self.path_of(name)
        with contextlib.suppress(OSError):
            if os.lstat(path).st_size != size:
                return False
        return self._digest(path) == sha256

    def _digest(self, path: str) -> Optional[str]:
        """Return the digest of the object at *path*; None for no plain file."""
        digest = hashlib.sha256()
        try:
            for chunk in self._chunks(path, os.path.basename(path)):
                digest.update(chunk)
        except StorageUnavailableError:
            raise
        except StorageError:
            return None
        return digest.hexdigest()

    def _chunks(self, path: str, name: str) -> Iterator[bytes]:
        with self._border(name):
            source = self._open(path, name)
        with source:
            while True:
                with self._border(name):
                    chunk = source.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    def _open(self, path: str, name: str) -> io.FileIO:
        if self.private and os.path.lexists(self.path):
            self._check_private()
        try:
            descriptor = open_safely(path)
        except FileNotFoundError as exc:
            raise ObjectMissingError(self.label, name, _GONE) from exc
        except OSError as exc:
            if exc.errno == errno.ELOOP and os.path.islink(path):
                raise self._refused(name, "it is a symbolic link") from exc
            raise
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise self._refused(name, _NO_FILE)
            return io.FileIO(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    # Errors

    @contextlib.contextmanager
    def _border(self, name: str) -> Iterator[None]:
        """Translate what the operating system says."""
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
    separators = [os.sep] + ([os.altsep] if os.altsep else [])
    if any(separator in name for separator in separators):
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


def _fill(temporary: TempFile, file: BinaryIO, mode: int) -> str:
    """Write what *file* holds to the disk and return its digest."""
    digest = hashlib.sha256()
    with os.fdopen(temporary.descriptor, "wb", closefd=False) as target:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        if hasattr(os, "fchmod"):  # The umask may have taken bits away.
            os.fchmod(temporary.descriptor, mode)
        os.fsync(temporary.descriptor)
    return digest.hexdigest()
