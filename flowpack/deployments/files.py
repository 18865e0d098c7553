"""Files of deployment specs: ``.py``, ``.json``, ``.yaml`` and ``.yml``.

A Python file is run, and the specs that it makes meanwhile are collected. The others
say specs as data::

    name: nightly
    flow_location: ./etl.py            # relative to this file
    flow_name: load
    parameters: {table: events}
    tags: [prod]
    schedule: {cron: "0 3 * * *", timezone: Europe/Paris}
    flow_runner: {type: docker, config: {env: {LEVEL: debug}}}   # or: docker
    flow_storage: s3://bucket          # or an id, or what --storage takes

JSON holds one such object or a list of them; YAML has one or a list of them in each
document. The keys are fields of :class:`~flowpack.deployments.spec.DeploymentSpec`;
what a key that is left out and what null means is said there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, List, Optional, Tuple, Union

from flowpack._files import UNREADABLE, read_file, reason
from flowpack._tracebacks import hides_locals
from flowpack.analysis.script import Script
from flowpack.deployments._spec_scripts import collect_specs, makes_specs
from flowpack.deployments.spec import DeploymentSpec
from flowpack.exceptions import DiscoveryError, SpecError, quoted

if TYPE_CHECKING:
    from flowpack.client import Client
    from flowpack.deployments._nodes import Node

#: Longest JSON or YAML file that is read, in bytes: some ten thousand specs.
SIZE_LIMIT = 2 * 1024 * 1024

_DATA_SUFFIXES = (".json", ".yaml", ".yml")


def is_spec_file(path: Union[str, os.PathLike[str]]) -> bool:
    """Say whether the file at *path* is one of specs, and not a script to deploy.

    The suffix tells for JSON and YAML. A ``.py`` file is one if it imports flowpack's
    ``DeploymentSpec`` and calls it, not only under a ``__main__`` guard; that is told
    from the source, which is not run. What cannot be read or parsed is none.
    """
    if not runs_code(path):
        return _suffix(path) in _DATA_SUFFIXES
    try:
        script = Script.read(path)
    except DiscoveryError:
        return False
    return makes_specs(script)


def runs_code(path: Union[str, os.PathLike[str]]) -> bool:
    """Say whether :func:`load_specs` runs the file at *path*, for users to be told."""
    return _suffix(path) == ".py"


def load_specs(
    path: Union[str, os.PathLike[str]], client: Optional[Client] = None
) -> Tuple[DeploymentSpec, ...]:
    """Return the specs in the file at *path*, in its order.

    A ``.py`` file is run; a relative ``flow_location`` in it is taken from the working
    folder, as everywhere in Python. JSON and YAML are only read, and no script that
    they name is; relative paths are taken from the file's own folder.

    Args:
        path: The file; its suffix says what it is.
        client: Looks up storages that JSON and YAML give as ``block:TYPE-NAME/NAME``;
            nothing else is sent. With None these are refused and nothing is.

    Returns:
        One spec or more. Each tells in ``source`` the file and line where it stands.

    Raises:
        SpecError: The file cannot be read, has no specs, or is wrong; all problems are
            told at once, each with its line.
        DiscoveryError: A ``.py`` file cannot be read or parsed.
        ScriptError: A ``.py`` file failed while it ran.
        DeploymentValidationError: It made a spec that cannot be right; the error says
            on which line.
        APIError: A storage could not be looked up.
    """
    shown = os.fsdecode(path)
    suffix = _suffix(path)
    if runs_code(path):
        return collect_specs(Script.read(path))
    if suffix not in _DATA_SUFFIXES:
        kinds = ", ".join((".py", *_DATA_SUFFIXES))
        found = f"not {quoted(suffix)}" if suffix else "and this has no suffix"
        raise SpecError(shown, [f"specs are read from files in {kinds}, {found}"])
    return _load_data(shown, suffix, client)


@hides_locals
def _load_data(
    path: str, suffix: str, client: Optional[Client]
) -> Tuple[DeploymentSpec, ...]:
    # Imported here: most commands read neither JSON nor YAML.
    from flowpack.deployments._spec_nodes import build_specs

    return build_specs(_parse(_read_text(path), suffix, path), path, client)


def _suffix(path: Union[str, os.PathLike[str]]) -> str:
    return os.path.splitext(os.fsdecode(path))[1].lower()


def _parse(text: str, suffix: str, where: str) -> List[Node]:
    if suffix == ".json":
        from flowpack.deployments._json_nodes import parse_json

        return parse_json(text, where)
    from flowpack.deployments._yaml_nodes import parse_yaml

    return parse_yaml(text, where)


def _read_text(path: str) -> str:
    """Return the text of the file at *path*.

    Raises:
        SpecError: It cannot be read, is no regular file, too long or not UTF-8.
    """
    try:
        content = read_file(path, SIZE_LIMIT)
    except UNREADABLE as exc:
        raise SpecError(path, [reason(exc)]) from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        problem = f"line {line}: this is not UTF-8; save the file as UTF-8"
        raise SpecError(path, [problem]) from None  # It holds the file.
