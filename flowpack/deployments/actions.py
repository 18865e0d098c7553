"""What a plan says and what a deploy reports, as plain data."""

from __future__ import annotations

import json
from typing import Any, List, Mapping, Optional, Protocol, Tuple
from uuid import UUID

import attrs

from flowpack.analysis.discovery import FoundFlow
from flowpack.client import Client
from flowpack.exceptions import printable
from flowpack.models import Deployment
from flowpack.packaging.base import CompleteSpec, Package
from flowpack.wire.base import Change

CREATE, UPDATE, UNCHANGED = "create", "update", "unchanged"

#: What became of a deployment, by the kind of its action.
DONE = {CREATE: "created", UPDATE: "updated", UNCHANGED: "unchanged"}


#: Longest note that is shown, in characters.
_NOTE = 500


class Spec(Protocol):
    """What can be planned: a :class:`~flowpack.DeploymentSpec`."""

    @property
    def source(self) -> Optional[str]:
        """Where it was written, for messages."""

    @property
    def label(self) -> str:
        """What messages call it."""

    @property
    def name(self) -> Optional[str]:
        """The deployment's name; None is the flow's."""

    def find_flow(self) -> FoundFlow:
        """Return the flow, with the bytes of its script; reads the source alone."""

    def validate(
        self, client: Optional[Client] = None, flow: Optional[FoundFlow] = None
    ) -> CompleteSpec:
        """Return the spec with nothing missing; only reads."""


@attrs.frozen(kw_only=True)
class Action:
    """What a plan would do for one deployment.

    Attributes:
        kind: ``create``, ``update`` or ``unchanged``.
        flow_name: The flow's name.
        name: The deployment's name.
        changes: The fields that differ, of a new deployment those that are set;
            ``code`` has digest and size. Values of a runner's environment
            variables are masked.
        upload: Whether bytes are to be stored. An unchanged deployment whose
            bytes are missing or damaged has them put back.
        sha256: Digest of the bytes in lower-case hex; None where a packager of
            your own decides when it packages.
        size: Length of the bytes.
        notes: What else is good to know.
        kept: What nobody named and is taken from the deployment as it is, by the
            field's name: ``storage``, ``flow_runner``. Secrets are masked.
    """

    kind: str
    flow_name: str
    name: str
    changes: Tuple[Change, ...] = ()
    upload: bool = False
    sha256: Optional[str] = None
    size: Optional[int] = None
    notes: Tuple[str, ...] = ()
    kept: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    @property
    def full_name(self) -> str:
        """``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"


@attrs.frozen
class Step:
    """An action with the live parts that carry it out."""

    action: Action
    spec: CompleteSpec = attrs.field(repr=False)
    package: Optional[Package] = attrs.field(repr=False)
    current: Optional[Deployment] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Plan:
    """What would be done, in the order of the specs.

    Attributes:
        api: The API that it was made for.
        actions: One for each spec.
        confirm: Whether the stored bytes were read for it.
    """

    api: str
    actions: Tuple[Action, ...]
    confirm: bool = attrs.field(default=False, eq=False)
    specs: Tuple[Spec, ...] = attrs.field(repr=False, eq=False)
    steps: Tuple[Step, ...] = attrs.field(repr=False, eq=False)

    def to_json(self) -> str:
        """Return the plan as JSON; equal plans give equal text."""
        actions = [attrs.asdict(action) for action in self.actions]
        content = {"api": self.api, "actions": actions}
        return json.dumps(content, indent=2, sort_keys=True)

    def __str__(self) -> str:
        lines = [line for action in self.actions for line in _told(action)]
        return "\n".join(lines) if lines else "nothing to deploy"


def _told(action: Action) -> List[str]:
    """Return the lines that tell of *action*; what is from outside is escaped."""
    size = "" if action.size is None else f" ({action.size} bytes)"
    digest = f"  {action.sha256[:12]}{size}" if action.sha256 else ""
    details = [_change_told(change, action.kind) for change in action.changes]
    for field, value in action.kept.items():
        details.append(f"{field}: kept, {printable(json.dumps(value))}")
    details += [printable(note, _NOTE) for note in action.notes]
    first = f"{action.kind:<10} {printable(action.full_name)}{digest}"
    return [first, *(f"             {detail}" for detail in details)]


def _change_told(change: Change, kind: str) -> str:
    new = printable(json.dumps(change.new))
    if kind == CREATE:
        return f"{printable(change.field)}: {new}"
    return f"{printable(change.field)}: {printable(json.dumps(change.old))} -> {new}"


@attrs.frozen(kw_only=True)
class Deployed:
    """What became of one deployment.

    Attributes:
        id: The deployment's id.
        flow_id: The flow's id.
        flow_name: The flow's name.
        name: The deployment's name.
        action: ``created``, ``updated`` or ``unchanged``.
        storage_type: Name of the storage's block type; None where a packager of
            your own did not say.
        document_id: The storage block; None for temporary local storage of others.
        key: The token under which the bytes are stored.
        sha256: Digest of the bytes in lower-case hex.
        api: The API that has the deployment.
        notes: What else is good to know, as the plan says it.
    """

    id: UUID
    flow_id: UUID
    flow_name: str
    name: str
    action: str
    storage_type: Optional[str]
    document_id: Optional[UUID]
    key: Optional[str]
    sha256: Optional[str]
    api: str
    notes: Tuple[str, ...] = attrs.field(default=(), eq=False)

    @property
    def full_name(self) -> str:
        """``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"
