"""Plans and results of deploying as plain data: as text, as JSON, and how two plans differ."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import Any, Dict, Iterable, Iterator, List, Literal, Mapping, Optional, Protocol
from typing import Sequence, Tuple
from uuid import UUID

import attrs

from flowpack.analysis.discovery import FlowInfo
from flowpack.client import Client
from flowpack.exceptions import FlowpackError, SpecError, printable
from flowpack.packaging.base import CompleteSpec, Package
from flowpack.models import ScheduleRecord
from flowpack.wire.conversion import describe_record, write_record
from flowpack.wire.dialect import Change

#: The kinds of actions, and what was done: ``Deployed.action``.
Kind = Literal["create", "update", "unchanged"]
Done = Literal["created", "updated", "unchanged"]

#: ``Deployed.action`` by ``Action.kind``.
DONE: Mapping[Kind, Done] = {"create": "created", "update": "updated", "unchanged": "unchanged"}

#: Fields that are shown part by part: job variables and runners, and variables in their ``env``.
_BY_NAME = {"job_variables", "flow_runner", "flow_runner.config"}
_BY_NAME |= {f"{name}.env" for name in _BY_NAME}

#: The name of a deployment that failed, and its error.
Failure = Tuple[str, FlowpackError]

#: Longest note, and longest value in a sentence about two plans, in characters.
_LONGEST_NOTE, _LONGEST_VALUE = 500, 250

#: So many files of a project are named.
_LISTED = 10


class Spec(Protocol):
    """What can be planned: a :class:`~flowpack.DeploymentSpec`, which rests on this module."""

    @property
    def source(self) -> Optional[str]:
        """Where it was written, for messages."""

    @property
    def label(self) -> str:
        """The name for messages."""

    @property
    def name(self) -> Optional[str]:
        """The deployment's name; None is the flow's."""

    def find_flow(self) -> FlowInfo:
        """Return the flow, with the bytes of its script."""

    def validate(self, client: Client, flow: FlowInfo) -> CompleteSpec:
        """Return the spec with nothing missing; only reads."""


@attrs.frozen(kw_only=True)
class Action:
    """What a plan would do for one deployment.

    Attributes:
        kind: ``create``, ``update`` or ``unchanged``.
        changes: The fields that differ, of a new deployment those that are set. Secrets are
            masked, those that differ marked as changed.
        upload: Whether bytes are to be stored, if only to put back what is missing or damaged.
        sha256: Digest of the bytes in lower-case hex; None where a packager of your own decides
            when it packages.
        files: Which files of a project are ``added``, ``removed`` and ``changed``, and what the
            code is turned ``from`` and ``to`` (``script``, ``project``); empty where it is not one,
            is new, or what is stored cannot be read.
        schedules: All that the deployment is to have, with which are flowpack's (``own``).
        kept: Storage and runner that nobody named and that are taken from the deployment as it
            is, by the field's name. Secrets are masked.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, plan
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(
        ...     name="nightly", flow_location="flows.py", flow_storage=store, tags=["etl"]
        ... )
        >>> [action] = plan(spec)
        >>> [change.new for change in action.changes if change.field == "tags"]
        [['etl']]
    """

    kind: Kind
    flow_name: str
    name: str
    changes: Tuple[Change, ...] = ()
    upload: bool = False
    sha256: Optional[str] = None
    size: Optional[int] = None
    notes: Tuple[str, ...] = ()
    kept: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    schedules: Tuple[ScheduleRecord, ...] = ()
    files: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    @property
    def full_name(self) -> str:
        """``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"


@attrs.frozen
class Step:
    """An action, its position in the set, and the live parts that applying it needs."""

    position: int
    action: Action
    spec: CompleteSpec = attrs.field(repr=False)
    package: Optional[Package] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Plan:
    """What would be done, in the order of the specs; iterating gives the actions.

    Attributes:
        api: The API that it was made for.
        actions: One for each spec.
        confirm: Whether the stored bytes were read for it.
        specs: What is to be deployed.
        steps: The actions with what applying them needs.
        failed: Where server or storage could not be read, by the position in the set.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, plan
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> planned = plan(spec)
        >>> [(action.kind, action.full_name) for action in planned]
        [('create', 'etl/nightly')]
    """

    api: str
    actions: Tuple[Action, ...]
    confirm: bool = attrs.field(default=False, eq=False)
    specs: Tuple[Spec, ...] = attrs.field(repr=False, eq=False)
    steps: Tuple[Step, ...] = attrs.field(repr=False, eq=False)
    failed: Mapping[int, Failure] = attrs.field(factory=dict, repr=False, eq=False)

    def to_json(self) -> str:
        """Return the plan as JSON; equal plans give equal text."""
        actions = [
            {**attrs.asdict(each), "schedules": list(map(write_record, each.schedules))}
            for each in self
        ]
        return _text({"api": self.api, "actions": actions}, indent=2)

    def __str__(self) -> str:
        lines = []
        for each in self:
            lines.append(f"{each.kind:<10} {printable(each.full_name)}  {_code(each)}".rstrip())
            lines += [f"             {detail}" for detail in _details(each)]
        return "\n".join(lines) or "nothing to deploy"

    def __iter__(self) -> Iterator[Action]:
        return iter(self.actions)

    def __len__(self) -> int:
        return len(self.actions)

    def _repr_html_(self) -> str:
        rows = [(each.kind, each.full_name, _code(each), _details(each)) for each in self]
        return _html_table(("Action", "Deployment", "Code", "Details"), rows)


@attrs.frozen(kw_only=True)
class Deployed:
    """What was done for one deployment.

    Attributes:
        action: ``created``, ``updated`` or ``unchanged``.
        storage_type: Name of the storage's block type; None with a packager of your own.
        document_id: The storage block; None where the deployment needs none.
        key: The token under which the bytes are stored.
        sha256: Digest of the bytes in lower-case hex.
        api: The API that has the deployment.
        notes: Those of the plan.
        url: Its address in the server's user interface; None where there is none.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, deploy
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> [done] = deploy(spec)
        >>> done.action, done.storage_type, done.key == done.sha256
        ('created', 'File Storage', True)
    """

    id: UUID
    flow_id: UUID
    flow_name: str
    name: str
    action: Done
    storage_type: Optional[str]
    document_id: Optional[UUID]
    key: Optional[str]
    sha256: Optional[str]
    api: str
    notes: Tuple[str, ...] = attrs.field(default=(), eq=False)
    url: Optional[str] = None

    @property
    def full_name(self) -> str:
        """``FLOW/DEPLOYMENT``."""
        return f"{self.flow_name}/{self.name}"


class Deployments(Tuple[Deployed, ...]):
    """What was done for each of several; notebooks show it as a table."""

    def _repr_html_(self) -> str:
        rows = [(it.action, it, it.storage_type, (it.sha256 or "")[:12], it.notes) for it in self]
        return _html_table(("Action", "Deployment", "Storage", "Code", "Notes"), rows)


def parse_plan(text: str, where: str = "the plan") -> Dict[str, Any]:
    """Return a plan from the JSON of ``Plan.to_json`` or ``flowpack plan --json``.

    Raises:
        SpecError: It is no plan; *where* names it.
    """
    try:
        plan = json.loads(text)
        _facts(plan)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as exc:
        raise SpecError(where, ["this is no plan; flowpack plan --json writes one"]) from exc
    return dict(plan)


def plan_diff(planned: Mapping[str, Any], now: Mapping[str, Any]) -> Tuple[str, ...]:
    """Return how the plan *now* differs from the one *planned*, one sentence each.

    Notes and schedules of others do not count: a work pool's state is none of the plan's. Nor do
    files, which rest on what the storage gives: digests decide.
    """

    def counting(plan: Mapping[str, Any]) -> Dict[str, Any]:
        aside: Dict[str, Any] = {"notes": (), "schedules": (), "files": {}}
        return {**plan, "actions": [{**action, **aside} for action in plan["actions"]]}

    planned, now = counting(planned), counting(now)
    old, new = _facts(planned), _facts(now)
    found: List[str] = []
    for name in dict.fromkeys([*old, *new]):
        if name not in new:
            found.append(f"{name} is not to be deployed now")
        elif name not in old:
            found.append(f"{name} was not planned")
        else:
            for field in dict.fromkeys([*old[name], *new[name]]):
                before, after = (each[name].get(field, "to stay") for each in (old, new))
                if before != after:
                    before, after = (printable(each, _LONGEST_VALUE) for each in (before, after))
                    found.append(f"{name}: {printable(field)} was {before}, and is {after}")
    if not found and _text(planned) != _text(now):
        found.append("the plan says other things than planned")
    return tuple(found)


def _facts(plan: Any) -> Dict[str, Dict[str, str]]:
    """Return the facts of a plan about each deployment, as text, by name and field."""
    found = {"the plan": {"api": _text(plan.get("api"))}}
    actions = plan["actions"]
    if not isinstance(actions, list):
        raise TypeError("this is no plan")
    for action in actions:
        facts = {key: _text(value) for key, value in action.items() if key != "changes"}
        for change in action.get("changes", ()):
            old, new = _text(change.get("old")), _text(change.get("new"))
            facts[str(change.get("field"))] = f"to go from {old} to {new}"
        found[printable(f"{action['flow_name']}/{action['name']}")] = facts
    return found


def _text(value: Any, indent: Optional[int] = None) -> str:
    """Return *value* as JSON; equal values give equal texts."""
    return json.dumps(value, indent=indent, sort_keys=True)


def _code(action: Action) -> str:
    size = "" if action.size is None else f" ({action.size} bytes)"
    return f"{action.sha256[:12]}{size}" if action.sha256 else ""


def _details(action: Action) -> List[str]:
    details = []
    for change in action.changes:
        for field, *both in _parts(change.field, change.old, change.new):
            old, new = (printable(json.dumps(each)) for each in both)
            move = new if action.kind == "create" else f"{old} -> {new}"
            details.append(f"{printable(field)}: {move}")
    details += _describe_files(action.files)
    for field, value in action.kept.items():
        details.append(f"{field}: kept, {printable(json.dumps(value))}")
    if action.kind != "create" and action.schedules:
        shown = "; ".join(map(describe_record, action.schedules))
        details.append(f"all schedules: {printable(shown, _LONGEST_NOTE)}")
    return details + [printable(note, _LONGEST_NOTE) for note in action.notes]


def _describe_files(files: Mapping[str, Any]) -> Iterator[str]:
    """Yield how the files of a project differ."""
    if files.get("from") != files.get("to"):
        yield f"code: from a {files['from']} to a {files['to']}"
    for kind in ("added", "removed", "changed"):
        names = list(map(printable, files.get(kind, ())))
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        if names:
            yield f"files {kind}: {', '.join(names[:_LISTED])}{more}"


def _parts(field: str, old: Any, new: Any) -> Iterator[Tuple[str, Any, Any]]:
    """Yield field, old and new of what differs, schedules and :data:`_BY_NAME` part by part."""
    if field == "schedules":
        gone = [each for each in old or () if each not in (new or ())]
        made = [each for each in new or () if each not in (old or ())]
        yield from ((field, *pair) for pair in zip_longest(gone, made))
        return
    before, after = old or {}, new or {}
    if field not in _BY_NAME or not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        yield field, old, new
        return
    for key in {**before, **after}:
        if before.get(key) != after.get(key):
            yield from _parts(f"{field}.{key}", before.get(key), after.get(key))


def _html_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    from html import escape  # Imported here because only notebooks need it.

    def cell(value: object) -> str:
        if isinstance(value, Deployed):
            text = escape(printable(value.full_name))
            is_link = (value.url or "").startswith(("http://", "https://"))
            return f'<a href="{escape(value.url or "")}">{text}</a>' if is_link else text
        lines = value if isinstance(value, (list, tuple)) else [value or ""]
        return "<br>".join(escape(printable(line, _LONGEST_NOTE)) for line in lines)

    lines = [[f"<th>{heading}</th>" for heading in headings]]
    lines += [[f'<td style="text-align: left">{cell(each)}</td>' for each in row] for row in rows]
    return "<table>" + "".join(f"<tr>{''.join(line)}</tr>" for line in lines) + "</table>"
