"""``flowpack pull``: fetch a deployment's script, verify it and write it out."""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace

from flowpack._files import read_file
from flowpack._folders import sync_folder
from flowpack.cli import output
from flowpack.cli.connection import connect
from flowpack.cli.parser import UsageError
from flowpack.deployments.load import fetch_script
from flowpack.exceptions import FlowpackError, printable, quoted


def run(arguments: Namespace) -> None:
    """Write the script to a file, or to standard output."""
    path = None if arguments.output == "-" else arguments.output
    if path is None and (arguments.json or arguments.force):
        raise UsageError("--json and --force can only be given with --output FILE")
    with connect(arguments) as client:
        script = fetch_script(
            arguments.deployment, client, unverified=arguments.unverified
        )
    if path is None:
        output.content(script.content)
        return
    written = write_file(path, script.content, force=arguments.force)
    if arguments.json:
        from hashlib import sha256

        output.document(
            {
                "name": arguments.deployment,
                "path": path,
                "size": len(script.content),
                "sha256": sha256(script.content).hexdigest(),
                "verified": script.verified,
                "written": written,
            }
        )
    else:
        done = "wrote" if written else "unchanged"
        output.text(f"{done} {printable(path)} ({len(script.content)} bytes)")


def write_file(path: str, content: bytes, *, force: bool) -> bool:
    """Write *content* to the file at *path*, whole or not at all.

    Args:
        path: Its folder must exist; a link is followed.
        content: The bytes.
        force: Whether a file of other content is replaced.

    Returns:
        Whether anything was written; a file of that content is left alone.

    Raises:
        FlowpackError: It cannot be written, or there is something else.
    """
    try:
        target = os.path.realpath(path)
        if os.path.lexists(target):
            if not os.path.isfile(target):
                raise FlowpackError(f"{quoted(path)} is there and is no regular file")
            if _holds(target, content):
                return False
            if not force:
                raise FlowpackError(
                    f"{quoted(path)} is there with other content; --force replaces it"
                )
        _replace(target, content)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise FlowpackError(f"{quoted(path)} cannot be written: {reason}") from exc
    return True


def _holds(path: str, content: bytes) -> bool:
    # The size first: what the kernel makes up may have no end.
    if os.path.getsize(path) != len(content):
        return False
    return read_file(path, len(content)) == content


def _replace(target: str, content: bytes) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(6).hex()}.tmp")
    number = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    with contextlib.suppress(PermissionError):  # It may be written and not be read.
        sync_folder(folder)
