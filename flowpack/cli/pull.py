"""``flowpack pull``: fetch a deployment's script, verify it and write it out."""

from __future__ import annotations

import contextlib
import hashlib
import os
from argparse import Namespace

from flowpack._files import read_file, sync_folder
from flowpack.cli import output
from flowpack.cli.config import connect
from flowpack.cli.parser import UsageError
from flowpack.deployments.load import FetchedScript, fetch_script
from flowpack.exceptions import FlowpackError, printable, quoted


def pull(arguments: Namespace) -> None:
    """Write the script, or the files of a project."""
    name, path = arguments.deployment, arguments.output
    to_file = path not in (None, "-")
    if not to_file and arguments.force:
        raise UsageError("--force can only be given with --output FILE")
    if not to_file and arguments.json and not arguments.extract:
        raise UsageError("--json can only be given with --output FILE or --extract DIR")
    with connect(arguments) as client:
        script = fetch_script(name, client, unverified=arguments.unverified)
    content = script.content
    if arguments.extract:
        _extract(script, arguments)
        return
    if not to_file:
        output.content(content)
        return
    written = write_file(path, content, force=arguments.force)
    document = {
        "name": name,
        "path": path,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "verified": script.verified,
        "written": written,
    }
    line = f"{'wrote' if written else 'unchanged'} {printable(path)} ({len(content)} bytes)"
    output.result(document, [line], as_json=arguments.json)


def _extract(script: FetchedScript, arguments: Namespace) -> None:
    """Write the files of a project into a folder."""
    from flowpack.projects.bundle import extract  # Imported here because few need it.

    name, folder, project = arguments.deployment, arguments.extract, script.project()
    if project is None:
        advice = f"flowpack pull {printable(name)} -o {printable(script.filename)} writes it"
        raise FlowpackError(f"{quoted(name)} is a single script and no project; {advice}")
    count = extract(project, folder)
    files = sorted(project.files.keys() - project.added)
    document = {"name": name, "path": folder, "files": files, "verified": script.verified}
    line = f"wrote {count} files to {printable(folder)}; the flow is in {printable(project.file)}"
    output.result(document, [line], as_json=arguments.json)


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
