"""``prefect.yaml``, what the stock client's ``prefect deploy`` reads, as deployment specs.

A deployment gets what the stock client would give it, but for its code, which flowpack stores
itself, and ``paused``, which stays where the file says nothing of it.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from datetime import timezone
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import attrs

from flowpack._files import absolute_path
from flowpack._tracebacks import hides_locals
from flowpack.deployments.datafiles import Pairs, Value, ValueReader, parse_yaml, read_text
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.deployments.templating import fill_text
from flowpack.exceptions import FlowpackError, SpecError, printable, quoted
from flowpack.schedules import parse_deployment_schedule, parse_time

Entries = Dict[str, Tuple[int, Value]]

#: What the stock client does beside the deployment, and why it is refused.
_NOT_DONE = {
    "build": "runs no build steps",
    "push": "runs no push steps",
    "triggers": "makes no automations",
    "sla": "sets no service levels",
}

#: Sections that a deployment has in common with the others, if not one of its own.
_SHARED = ("pull", "build", "push")

_STEPS = ("pull", *_NOT_DONE)

#: The field of a spec for each key.
_FIELDS = {
    **{key: key for key in ("name", "version", "description", "tags", "entrypoint", "parameters")},
    **{key: key for key in ("paused", "enforce_parameter_schema", "concurrency_limit")},
    "work_pool.name": "work_pool",
    "work_pool.work_queue_name": "work_queue",
    "work_pool.job_variables": "job_variables",
}

#: All keys of a deployment.
_KEYS = (*_FIELDS, "work_pool", "schedule", "schedules", "flow_name", "version_type", *_STEPS)

#: What is cleared where the file says nothing of it, as the stock client does.
_CLEARED: Mapping[str, Any] = {
    "tags": (),
    "parameters": {},
    "job_variables": {},
    "concurrency_limit": None,
}

#: Where people mean keys to stand that the stock client does not know where they stand.
_PLACES = {
    **dict.fromkeys(("job_variables", "infra_overrides"), "job_variables, under work_pool"),
    **dict.fromkeys(("env", "image"), "job_variables, under work_pool,"),
    **dict.fromkeys(("work_queue", "work_queue_name", "queue"), "work_queue_name, under work_pool"),
    **dict.fromkeys(("work_pool_name", "pool"), "name, under work_pool"),
    **dict.fromkeys(("cron", "interval", "rrule", "timezone"), "an item of schedules"),
    "is_schedule_active": "active, in an item of schedules",
}

#: What pydantic, which the stock client reads with, takes for truth values.
_FLAGS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


@attrs.frozen
class PrefectFile:
    """What a ``prefect.yaml`` holds.

    Attributes:
        specs: The deployments that were chosen, in the order of the file.
        notes: What flowpack does otherwise than the stock client, one sentence each.
    """

    specs: Tuple[DeploymentSpec, ...]
    notes: Tuple[str, ...] = ()


@hides_locals
def load_prefect_yaml(
    path: Union[str, os.PathLike[str]],
    names: Collection[str] = (),
    *,
    ignore: Collection[str] = (),
    **fields: Any,
) -> PrefectFile:
    """Return the deployments in the ``prefect.yaml`` at *path*; no script is run.

    Relative paths in it are taken from the file's folder. ``{{ $NAME }}`` stands for an
    environment variable; in ``job_variables`` placeholders of blocks and variables stay, for
    workers to fill. The file is read as PyYAML reads it.

    Args:
        path: The file, whatever its name.
        names: Which deployments: ``NAME``, ``FLOW/NAME`` or patterns of them, in which ``*``
            stands for one or more characters. FLOW is the flow's name or its function's, where
            ``-`` and ``_`` are one. Without any all are taken that have a name.
        ignore: Which of ``build``, ``push``, ``triggers`` and ``sla`` may stand in the file,
            without effect.
        **fields: Fields of every spec that a ``prefect.yaml`` does not have, such as
            ``flow_storage``.

    Raises:
        SpecError: The file cannot be read, is wrong or has no such deployments; all problems are
            listed at once, each with its line.
    """
    shown = os.fsdecode(path)
    reader = ValueReader(shown, fill=_fill)
    file = _File(os.path.abspath(shown), reader, ignore)
    found = file.find_deployments(parse_yaml(read_text(shown), shown, stock=True))
    if names:
        reader.raise_problems()
        found = _select(found, names, shown)
    specs = [(each.line, file.read_fields(each)) for each in found if names or file.is_named(each)]
    reader.problems = list(dict.fromkeys(reader.problems))  # Aliases repeat them.
    reader.raise_problems()
    if not specs:
        raise SpecError(shown, ["there are no deployments with a name in it"])
    source = os.path.abspath(shown)
    made = [DeploymentSpec(source=f"{source}:{line}", **{**own, **fields}) for line, own in specs]
    return PrefectFile(tuple(made), file.notes())


def _fill(text: str, path: str) -> Tuple[str, List[str]]:
    """Return *text* with its environment variables, and what cannot be filled."""
    in_job_variables = path.startswith("work_pool.job_variables.")

    def keep(name: str) -> Optional[str]:
        if in_job_variables and name.startswith(("prefect.blocks.", "prefect.variables.", "ctx.")):
            return None
        is_step = not name.startswith(("prefect.", "ctx."))
        reason = (
            "flowpack runs no build or push steps" if is_step else "known in job_variables only"
        )
        return f"{reason}; write the value, or {{{{ $NAME }}}} for an environment variable"

    return fill_text(text, keep)


# --- which deployments ----------------------------------------------------------------------


@attrs.frozen
class _Deployment:
    """A deployment of the file; *name* and *entrypoint* as far as they can be filled."""

    line: int
    entries: Entries = attrs.field(repr=False)
    folder: str

    def text(self, key: str) -> str:
        """Return the text under *key*, or an empty one."""
        content = self.entries[key][1].content if key in self.entries else None
        return fill_text(content)[0] if isinstance(content, str) else ""

    def fits(self, pattern: str) -> bool:
        """Return True if ``NAME`` or ``FLOW/NAME`` means this deployment."""
        flow, slash, name = pattern.rpartition("/")
        if not _fits(name, self.text("name")):
            return False
        entrypoint = self.text("entrypoint")
        function = entrypoint.rpartition(":" if ":" in entrypoint else ".")[2].replace("_", "-")
        flow = flow.replace("_", "-")
        return not slash or _fits(flow, function) or _fits(flow, self._flow_name())

    def _flow_name(self) -> str:
        with collecting(), suppress(FlowpackError, ValueError):
            location = _find_script(self.text("entrypoint"), self.folder)
            return DeploymentSpec(entrypoint=location).find_flow().name.replace("_", "-")
        return ""


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _select(found: Iterable[_Deployment], patterns: Iterable[str], where: str) -> List[_Deployment]:
    """Return what fits one of *patterns*; one that nothing fits is an error."""
    deployments = list(found)
    names = sorted({each.text("name") for each in deployments} - {""})
    problems, chosen = [], set()
    for pattern in patterns:
        fitting = [at for at, each in enumerate(deployments) if each.fits(pattern)]
        chosen.update(fitting)
        if not fitting:
            from difflib import get_close_matches

            close = get_close_matches(pattern.rpartition("/")[2], names, 1)
            hint = f"did you mean {quoted(close[0])}? " if close else ""
            listed = ", ".join(map(quoted, names[:20])) or "none with a name"
            problems.append(f"there is no deployment {quoted(pattern)}; {hint}It has {listed}")
    if problems:
        raise SpecError(where, problems)
    return [deployments[at] for at in sorted(chosen)]


def _find_script(entrypoint: str, folder: str) -> str:
    """Return ``/path/file.py:function`` for an entrypoint with a path or a module.

    Raises:
        ValueError: It is neither, or there is no such module.
    """
    path, colon, function = entrypoint.rpartition(":")
    if path.endswith(".py") or "/" in entrypoint:
        if not (path and function):
            raise ValueError(f"{quoted(entrypoint)} names no flow; write path/file.py:function")
        return f"{absolute_path(path, cwd=folder)}:{function}"
    parts = entrypoint.split(".")
    splits = [(parts[:at], ".".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    for module, function in [(path.split("."), function)] if colon else splits:
        for root in (folder, os.path.join(folder, "src")):
            for below in (f"{module[-1]}.py", os.path.join(module[-1], "__init__.py")):
                file = os.path.join(root, *module[:-1], below)
                if os.path.isfile(file):
                    return f"{file}:{function}"
    raise ValueError(
        f"{quoted(entrypoint)} is no path/file.py:function, and no such module is found in the"
        " file's folder or in its src"
    )


# --- what the file says ---------------------------------------------------------------------


class _File:
    """A ``prefect.yaml`` while it is read; *reader* notes what is wrong."""

    def __init__(self, path: str, reader: ValueReader, ignore: Collection[str]) -> None:
        self._folder = os.path.dirname(path)
        self._reader = reader
        self._ignore = ignore
        self._shared: Entries = {}
        self._steps: Dict[str, None] = {}
        self._notes: Dict[str, List[int]] = {}

    def notes(self) -> Tuple[str, ...]:
        """Return what has been noted, each once and with its lines."""
        notes = []
        for note, lines in self._notes.items():
            listed = ", ".join(map(str, sorted(set(lines))))
            notes.append(f"line{'s' * (len(set(lines)) > 1)} {listed}: {note}")
        if self._steps:
            notes.append(
                f"the pull steps of the file ({', '.join(self._steps)}) are replaced: workers fetch"
                " the code that flowpack stores"
            )
        return tuple(notes)

    def find_deployments(self, roots: List[Value]) -> List[_Deployment]:
        """Return the deployments of the file, with or without a name."""
        for root in roots[1:]:
            self._reader.note(root.line, "", "a second document; a prefect.yaml is one")
        root = roots[0] if roots else Value(1, None)
        if not isinstance(root.content, Pairs):
            expected = "expected a mapping with deployments, ..., not"
            if root.content is not None:
                self._reader.note(root.line, "", root.problem or f"{expected} {root.kind}")
            return []
        top = self._reader.entries(root.content, "")
        self._shared = {key: top[key] for key in _SHARED if key in top}
        line, value = top.get("deployments", (1, Value(1, None)))
        if not isinstance(value.content, list):
            if value.content is not None:
                self._reader.note(line, "deployments", f"must be a list, not {value.kind}")
            return []
        found = []
        for item in value.content:
            if isinstance(item.content, Pairs):
                entries = self._reader.entries(item.content, "")
                found.append(_Deployment(item.line, entries, self._folder))
            else:
                problem = f"expected a mapping with name, entrypoint, ..., not {item.kind}"
                self._reader.note(item.line, "deployments", item.problem or problem)
        return found

    def is_named(self, found: _Deployment) -> bool:
        """Return True if a deployment has a name; note that one without is left out."""
        is_named = "name" in found.entries and found.entries["name"][1].content not in (None, "")
        if not is_named:
            self._note("a deployment without a name is left out", found.line)
        return is_named

    def read_fields(self, found: _Deployment) -> Dict[str, Any]:
        """Return the arguments of a spec."""
        fields = dict(_CLEARED)
        for key in _STEPS:
            entry = found.entries.get(key) or self._shared.get(key)
            if entry is not None:
                self._check_steps(key, *entry)
        self._read_keys(found.entries, "", fields)
        if "schedules" in found.entries and _is_filled(found.entries.get("schedule")):
            line, problem = found.entries["schedule"][0], "schedules is given, too; use that alone"
            self._reader.note(line, "schedule", problem)
        if not _is_filled(found.entries.get("entrypoint")):
            self._reader.note(found.line, "", "entrypoint is missing; give path/file.py:function")
        return fields

    def _read_keys(self, entries: Entries, prefix: str, fields: Dict[str, Any]) -> None:
        """Read the keys of a deployment, or of its work pool, into *fields*."""
        for key, (line, below) in entries.items():
            path = f"{prefix}{key}"
            if path in _FIELDS:
                self._read_field(path, line, below, fields)
            elif path in ("schedule", "schedules"):
                self._read_schedules(key, line, below, fields)
            elif path == "work_pool" and isinstance(below.content, Pairs):
                self._read_keys(self._reader.entries(below.content, path), f"{path}.", fields)
            elif path == "work_pool" and below.content is not None:
                problem = f"must be a mapping with name, work_queue_name, ..., not {below.kind}"
                self._reader.note(line, path, below.problem or problem)
            elif path == "version_type" and below.content is not None:
                self._note("version_type is not sent", line)
            elif path not in _KEYS:
                self._note(_describe_unknown(key, prefix), line)

    def _read_field(self, path: str, line: int, value: Value, fields: Dict[str, Any]) -> None:
        noted, field = len(self._reader.problems), _FIELDS[path]
        plain = self._reader.read(value, path)
        if plain is None or len(self._reader.problems) > noted:
            return
        try:
            plain = self._to_argument(field, plain)
            with collecting():  # So that nobody else collects this one.
                DeploymentSpec(**{field: plain})
        except (SpecError, ValueError) as exc:
            for problem in getattr(exc, "problems", [str(exc)]):
                self._reader.note(line, path, problem.removeprefix(f"{field}: "))
        fields[field] = plain

    def _to_argument(self, field: str, value: Any) -> Any:
        if field == "entrypoint" and isinstance(value, str):
            return _find_script(value, self._folder)
        if field == "tags":
            tags = [value] if isinstance(value, str) else value
            return [tag for tag in tags if tag != ""] if isinstance(tags, list) else tags
        if field in ("paused", "enforce_parameter_schema"):
            return _to_flag(value)
        if field == "concurrency_limit":
            if isinstance(value, dict):
                return {key: _to_count(item) for key, item in value.items()}
            return _to_count(value)
        return value

    def _read_schedules(self, key: str, line: int, value: Value, fields: Dict[str, Any]) -> None:
        if value.content is None or (key == "schedule" and not _is_filled((line, value))):
            return
        items = [value] if key == "schedule" else value.content
        if not isinstance(items, list):
            problem = f"must be a list of schedules, not {value.kind}"
            self._reader.note(line, key, value.problem or problem)
            return
        schedules = []
        for at, item in enumerate(items):
            path = key if key == "schedule" else f"{key}[{at}]"
            noted = len(self._reader.problems)
            plain = self._reader.read(item, path)
            if len(self._reader.problems) > noted:
                continue
            try:
                schedules.append(parse_deployment_schedule(_to_schedule(plain)))
            except SpecError as exc:
                for problem in exc.problems:
                    self._reader.note(item.line, path, problem)
        fields["schedules"] = tuple(schedules)

    def _check_steps(self, key: str, line: int, value: Value) -> None:
        """Note steps that are replaced, and refuse what flowpack does not do."""
        if not _is_filled((line, value)) or key in self._ignore:
            return
        if key != "pull":
            problem = f"flowpack {_NOT_DONE[key]}; give --ignore {key} (ignore=) to deploy without"
            self._reader.note(line, key, problem)
            return
        for step in value.content if isinstance(value.content, list) else [value]:
            for name, _ in step.content.pairs if isinstance(step.content, Pairs) else ():
                self._steps[printable(name.content).rpartition(".")[2]] = None

    def _note(self, note: str, line: int) -> None:
        self._notes.setdefault(note, []).append(line)


def _is_filled(entry: Optional[Tuple[int, Value]]) -> bool:
    """Return True if a key is there, and not null or empty."""
    return entry is not None and entry[1].content not in (None, "", [], Pairs([]))


def _describe_unknown(key: str, prefix: str) -> str:
    """Return the note for a key that the stock client does not know and passes over."""
    # Imported here because most files have none.
    from difflib import get_close_matches

    known = [each[len(prefix) :] for each in _KEYS if each.startswith(prefix)]
    close = get_close_matches(key[:40], known, 1)
    place = _PLACES.get(key) if not prefix else None
    hint = f"; write it as {place}" if place else ""
    hint = f"; did you mean {close[0]}?" if close and not place else hint
    return f"{quoted(prefix + key)} is no key of a prefect.yaml and has no effect{hint}"


def _to_schedule(value: Any) -> Any:
    """Return an item of ``schedules`` as flowpack has it; what its kind does not know goes."""
    if not isinstance(value, dict):
        raise SpecError("", ["must be a mapping with one of cron, interval and rrule"])
    schedule = {key: item for key, item in value.items() if item is not None}
    rule = schedule.get("rrule")
    if isinstance(rule, str) and rule.lstrip().startswith("{"):
        with suppress(ValueError):
            schedule = {**json.loads(rule), **{k: v for k, v in schedule.items() if k != "rrule"}}
    for key, kind in (("day_or", "cron"), ("anchor_date", "interval")):
        if kind not in schedule:
            schedule.pop(key, None)
    for key in {"active", "day_or"} & schedule.keys():
        schedule[key] = _to_flag(schedule[key])
    anchor = schedule.get("anchor_date")
    moment = parse_time(anchor) or parse_time(f"{anchor}T00:00:00")
    if moment is not None and moment.tzinfo is None:
        schedule["anchor_date"] = moment.replace(tzinfo=timezone.utc)
    return schedule


def _to_flag(value: Any) -> Any:
    return _FLAGS.get(str(value).lower(), value)


def _to_count(value: Any) -> Any:
    is_number = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
    return int(value) if is_number else value
