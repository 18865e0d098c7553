"""From what a file says to deployment specs, with every problem of it told."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, Iterator, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack._files import absolute_path
from flowpack.blocks.storage import StorageBlock
from flowpack.blocks.storage_url import parse_storage_url
from flowpack.client import Client
from flowpack.deployments._nodes import (
    Items,
    Node,
    NodeReader,
    Pairs,
    Scalar,
    Unclear,
    kind,
)
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.exceptions import BlockError, ObjectNotFound, SpecError, quoted

#: Fields that hold live objects, or are not for the author of a file.
_NOT_IN_FILES = frozenset({"flow", "packager", "source"})

#: The keys of a spec in a file.
KEYS = tuple(
    field.name
    for field in attrs.fields(DeploymentSpec)
    if field.name not in _NOT_IN_FILES
)


def build_specs(
    roots: Iterable[Node], path: str, client: Optional[Client]
) -> Tuple[DeploymentSpec, ...]:
    """Return the specs that a file says.

    Args:
        roots: Its documents: each a mapping or a list of mappings.
        path: The file. Relative paths in it are relative to its folder.
        client: Looks up storages that are given by name; None refuses these.

    Raises:
        SpecError: It says none, or there are problems, all of which are told.
    """
    file = _File(os.path.abspath(path), client)
    written = [(node.line, file.fields(node)) for node in file.mappings(roots)]
    if file.reader.noted:
        raise SpecError(path, file.reader.report())
    if not written:
        raise SpecError(path, ["there are no deployments in it"])
    return tuple(
        DeploymentSpec(source=f"{file.path}:{line}", **fields)
        for line, fields in written
    )


class _File:
    """A file of specs while it is read.

    Attributes:
        path: Absolute.
        reader: Knows what is wrong so far.
    """

    def __init__(self, path: str, client: Optional[Client]) -> None:
        self.path = path
        self.reader = NodeReader()
        self._folder = os.path.dirname(path)
        self._client = client

    def mappings(self, roots: Iterable[Node]) -> Iterator[Pairs]:
        """Yield what is to become a spec."""
        for root in roots:
            if isinstance(root, Scalar) and root.value is None:
                continue  # An empty document.
            for node in root.items if isinstance(root, Items) else [root]:
                if isinstance(node, Pairs):
                    yield node
                elif isinstance(node, Unclear):
                    self.reader.note(node.line, "", node.reason)
                else:
                    keys = ", ".join(KEYS[:3])
                    problem = f"expected a mapping with {keys}, ..., not {kind(node)}"
                    self.reader.note(node.line, "", problem)

    def fields(self, node: Pairs) -> Dict[str, Any]:
        """Return the arguments of one spec; what is wrong with them is noted."""
        fields: Dict[str, Any] = {}
        entries = self.reader.entries(node, "")
        for key, (line, below) in entries.items():
            if key not in KEYS:
                self.reader.note(line, "", _unknown(key))
                continue
            noted = self.reader.noted
            value = self.reader.value(below, key)
            if self.reader.noted > noted:
                continue
            try:
                fields[key] = self._field(key, value)
            except SpecError as exc:
                for problem in exc.problems:
                    self.reader.note(line, key, problem.removeprefix(f"{key}: "))
            except (BlockError, ObjectNotFound) as exc:
                self.reader.note(line, key, str(exc))
        if not {"flow_location", "entrypoint"} & entries.keys():
            missing = "flow_location is missing; give the path or URL of the script"
            self.reader.note(node.line, "", missing)
        return fields

    def _field(self, key: str, value: Any) -> Any:
        """Return the argument that *value* means.

        Raises:
            SpecError: It cannot be right, whatever the other fields hold.
            BlockError: The storage cannot be used.
            ObjectNotFound: The server has no such storage.
        """
        if key in ("flow_location", "entrypoint"):
            value = self._location(key, value)
        elif key == "flow_runner" and isinstance(value, str):
            value = {"type": value}
        elif key == "flow_storage" and isinstance(value, str):
            value = self._storage(value)
        with collecting():  # So that nobody else collects this one.
            DeploymentSpec(**{key: value})
        return value

    def _location(self, key: str, value: Any) -> Any:
        if value is None:
            raise SpecError(key, ["give the path or URL of the script"])
        if isinstance(value, str) and value.strip() and "://" not in value:
            return self._beside(value)
        return value

    def _storage(self, text: str) -> Union[StorageBlock, UUID, str]:
        """Return the storage that *text*, an id or WHERE of the CLI, means."""
        try:
            return UUID(text)
        except ValueError:
            pass
        scheme, colon, rest = text.partition(":")
        if scheme == "block" and "/" in rest and self._client is None:
            raise SpecError(
                "flow_storage",
                ["a block is given by name, and there is no connection to look it up;"
                 " give its id"],
            )
        if scheme == "file" and rest.strip() and not rest.startswith("/"):
            from urllib.parse import quote, unquote

            text = f"file:{quote(self._beside(unquote(rest)))}"
        elif text.strip() and (not colon or "/" in scheme):
            text = self._beside(text)
        return parse_storage_url(text, self._client)

    def _beside(self, path: str) -> str:
        """Return *path* with its start, where it is relative, in the file's folder."""
        try:
            return absolute_path(path, cwd=self._folder)
        except ValueError as exc:
            raise SpecError("path", [f"{quoted(path)}: {exc}"]) from exc


def _unknown(key: str) -> str:
    if key in _NOT_IN_FILES:
        return f"{quoted(key)} can be given in Python only"
    from difflib import get_close_matches

    close = get_close_matches(key[:40], KEYS, 1)
    hint = f"did you mean '{close[0]}'?" if close else f"it takes {', '.join(KEYS)}"
    return f"a deployment has no {quoted(key)}; {hint}"
