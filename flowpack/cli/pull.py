"""``flowpack pull``: fetch a deployment's script, verify it and write it out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from argparse import Namespace
from typing import TYPE_CHECKING

from flowpack._files import read_file, sync_folder
from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parser import UsageError
from flowpack.deployments.load import FetchedScript, fetch_script
from flowpack.exceptions import FlowpackError, printable, quoted

if TYPE_CHECKING:
    from flowpack.projects.bundle import Bundle


def pull(arguments: Namespace) -> None:
    """Write the script, or the files of a project."""
    name, path = arguments.deployment, arguments.extract or arguments.output
    to_file = path not in (None, "-") and not arguments.extract
    if not to_file and arguments.force:
        raise UsageError("--force can only be given with --output FILE")
    if not to_file and arguments.json and not arguments.extract:
        raise UsageError("--json can only be given with --output FILE or --extract DIR")
    with connect(arguments) as client:
        script = fetch_script(name, client, unverified=arguments.unverified)
    content = script.content
    document = {"name": name, "path": path, "verified": script.verified}
    if arguments.extract:
        project = _extract(script, name, path)
        files = [each for each in project.files if each not in project.added]
        document.update(files=files)
        count = output.counted(sum(not each.endswith("/") for each in files), "file")
        line = f"wrote {count} to {printable(path)}; the flow is in {printable(project.file)}"
    elif to_file:
        written = write_file(path, content, force=arguments.force)
        sha256 = hashlib.sha256(content).hexdigest()
        document.update(size=len(content), sha256=sha256, written=written)
        line = f"{'wrote' if written else 'unchanged'} {printable(path)} ({len(content)} bytes)"
    else:
        output.content(content)
        return
    output.result(document, [line], as_json=arguments.json)


def _extract(script: FetchedScript, name: str, folder: str) -> Bundle:
    """Write the files of a project into a folder."""
    from flowpack.projects.bundle import extract  # Imported here because few need it.

    project = script.project()
    if project is None:
        advice = f"flowpack pull {printable(name)} -o {printable(script.filename)} writes it"
        raise FlowpackError(f"{quoted(name)} is a single script and no project; {advice}")
    extract(project, folder)
    return project


def write_file(path: str, content: bytes, *, force: bool) -> bool:
    """Write *content* to the file at *path*, whole or not at all; a link is followed.

    A file of other content is only replaced with *force*. Returns False if the file has that
    content already, and is left alone.
    """
    try:
        target = os.path.realpath(path)
        if os.path.lexists(target):
            if not os.path.isfile(target):
                raise FlowpackError(f"{quoted(path)} is there and is no regular file")
            # The size first: what the kernel makes up may have no end.
            same_size = os.path.getsize(target) == len(content)
            if same_size and read_file(target, len(content)) == content:
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


def _replace(target: str, content: bytes) -> None:
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{os.urandom(6).hex()}.tmp")
    with open(temporary, "xb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            os.unlink(temporary)
            raise
    with contextlib.suppress(PermissionError):  # It may be written and not be read.
        sync_folder(folder)
