"""``prefect.yaml``, what the stock client's ``prefect deploy`` reads, as deployment specs.

A deployment gets what the stock client would give it, but for its code, which flowpack stores
itself, and ``paused`` and schedules, which stay where the file says nothing of them.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import timezone
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Tuple, Union

import attrs

from flowpack._files import absolute_path
from flowpack._tracebacks import hides_locals
from flowpack.deployments import datafiles
from flowpack.deployments.datafiles import Pairs, Value, ValueReader, fill_text
from flowpack.deployments.spec import DeploymentSpec, collecting
from flowpack.exceptions import FlowpackError, SpecError, printable, quoted, suggestion
from flowpack.schedules import parse_time

#: The keys of a mapping, each with its line and what stands below.
Entries = Dict[str, Tuple[int, Value]]

#: The field of a spec for each key that has one.
_FIELDS = {
    **{key: key for key in ("name", "version", "description", "tags", "entrypoint", "parameters")},
    **{
        key: key for key in ("paused", "enforce_parameter_schema", "concurrency_limit", "schedules")
    },
    "schedule": "schedules",
    "work_pool.name": "work_pool",
    "work_pool.work_queue_name": "work_queue",
    "work_pool.job_variables": "job_variables",
}

#: Where what is empty is as null to the stock client.
_LIKE_NULL = ("description", "version", "schedule")

#: What the stock client does beside a deployment, and why it is refused.
_NOT_DONE = {
    "build": "runs no build steps",
    "push": "runs no push steps",
    "triggers": "makes no automations",
    "sla": "sets no service levels",
}

#: The sections that deployments without one of their own have from the top of the file.
_SHARED = ("pull", *_NOT_DONE)

_KEYS = (*_FIELDS, *_SHARED, "work_pool", "flow_name")

#: Where keys belong that people write where the stock client passes over them.
_PLACES = {
    **dict.fromkeys(("job_variables", "work_queue_name"), "under work_pool"),
    **dict.fromkeys(("env", "image", "working_dir"), "under job_variables of work_pool"),
    **dict.fromkeys(("cron", "interval", "rrule", "timezone"), "in an item of schedules"),
    "work_queue": "under work_pool, as work_queue_name",
    "infra_overrides": "under work_pool, as job_variables",
    "is_schedule_active": "in an item of schedules, as active",
}


class PrefectFile(NamedTuple):
    """The deployments that were chosen in a ``prefect.yaml``, and what is otherwise in effect."""

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
    workers to fill. Values are what PyYAML takes them for.

    Args:
        path: The file, whatever its name.
        names: Which deployments: ``NAME``, ``FLOW/NAME`` or patterns of them, in which ``*``
            stands for one or more characters. FLOW is the flow's name or its function's, where
            ``-`` and ``_`` are one. Without any all are taken that have a name.
        ignore: Which of ``build``, ``push``, ``triggers`` and ``sla`` may stand in the file,
            without effect; with ``pull`` no note says that it is replaced.
        **fields: Fields for every spec that a ``prefect.yaml`` does not have, such as
            ``flow_storage``.

    Raises:
        SpecError: The file cannot be read, is wrong or has no such deployments; all problems are
            listed at once, each with its line.

    Example:
        >>> import pathlib
        >>> from flowpack.deployments.prefect_yaml import load_prefect_yaml
        >>> text = "deployments: [{name: nightly, entrypoint: 'flows.py:etl'}]"
        >>> _ = pathlib.Path("prefect.yaml").write_text(text)
        >>> [spec] = load_prefect_yaml("prefect.yaml").specs
        >>> spec.name
        'nightly'
    """
    shown, source = os.fsdecode(path), os.path.abspath(os.fsdecode(path))
    file = _File(shown, os.path.dirname(source), ignore)
    roots = datafiles.parse_yaml(datafiles.read_text(shown), shown, stock=True)
    names = [names] if isinstance(names, str) else names
    chosen = file.select(file.find_deployments(roots), names)
    read = [(line, file.read_fields(line, entries)) for line, entries in chosen]
    if file.problems:
        file.check_scripts(read)
    file.raise_problems()
    specs = []
    for line, own in read:
        own = {**own, **fields}
        if "schedules" not in own:  # Those that are there stay.
            own.pop("replace_schedules", None)
        specs.append(DeploymentSpec(source=f"{source}:{line}", **own))
    return PrefectFile(tuple(specs), file.notes())


class _File(ValueReader):
    """A ``prefect.yaml`` while it is read; notes what is wrong and what has no effect."""

    def __init__(self, shown: str, folder: str, ignore: Collection[str]) -> None:
        super().__init__(shown, fill=_fill)
        self._shown = shown
        self._folder = folder
        self._ignore = ignore
        self._shared: Entries = {}
        self._steps: Dict[str, None] = {}
        self._notes: Dict[str, Dict[int, None]] = {}

    def notes(self) -> Tuple[str, ...]:
        """Return what has no effect, each once and with its lines, and what is replaced."""
        notes = [
            f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines))}: {note}"
            for note, lines in self._notes.items()
        ]
        if self._steps:
            steps = ", ".join(self._steps)
            notes += [
                f"pull ({steps}) is replaced: workers fetch the code that flowpack stores, and run"
                " none of these steps"
            ]
        return tuple(notes)

    def find_deployments(self, roots: List[Value]) -> List[Tuple[int, Entries]]:
        """Return line and keys of each deployment, with or without a name."""
        for root in roots[1:]:
            self.note(root.line, "", "here starts a second document; a prefect.yaml is one")
        root = self._expect(Pairs, roots[0] if roots else Value(1, None), "")
        top = self.entries(root.content, "")
        self._shared = {key: top[key] for key in _SHARED if key in top}
        items = self._expect(list, top.get("deployments", (0, Value(0, None)))[1], "deployments")
        found = []
        for item in items.content:
            keys = self.entries(self._expect(Pairs, item, "deployments").content, "")
            if "name" in keys and keys["name"][1].problem:  # Else it would not be chosen.
                self.note(keys["name"][0], "name", keys["name"][1].problem)
            found.append((item.line, keys))
        return found

    def _expect(self, kind: type, value: Value, path: str) -> Value:
        """Return *value* if it is a *kind*, list or Pairs, else an empty one; null is one."""
        if isinstance(value.content, kind):
            return value
        empty = attrs.evolve(value, content=kind([]), problem="")
        if value.content is not None:
            problem = f"must be {empty.kind}, not {value.kind}"
            self.note(value.line, path, value.problem or problem)
        return empty

    def select(
        self, found: List[Tuple[int, Entries]], patterns: Collection[str]
    ) -> List[Tuple[int, Entries]]:
        """Return what fits a pattern, or without any what has a name; each must fit something."""
        listed = [name for name in {_text(entries, "name"): None for _, entries in found} if name]
        if not listed:
            self.raise_problems()
            raise SpecError(self._shown, ["there are no deployments with a name in it"])
        for line, entries in found:
            if not patterns and not _text(entries, "name"):
                self._notes.setdefault("without a name, so it is left out", {})[line] = None
        fitting = {
            each: [self._fits(each, entries) for _, entries in found] for each in patterns or "*"
        }
        problems = []
        for each in (each for each, fits in fitting.items() if not any(fits)):
            name = each.rpartition("/")[2]
            hint = "" if name in listed else suggestion(name, listed)
            shown = ", ".join(map(quoted, listed[:20]))
            problems.append(f"there is no deployment {quoted(each)}; it has {shown}{hint}")
        if problems:
            raise SpecError(self._shown, [*self._report(), *problems])
        return [each for each, *fits in zip(found, *fitting.values()) if any(fits)]

    def _fits(self, pattern: str, entries: Entries) -> bool:
        flow, slash, name = pattern.rpartition("/")
        entrypoint = _text(entries, "entrypoint")
        if not _matches(name, _text(entries, "name")):
            return False
        if not slash or _matches(flow, entrypoint.rpartition(":" if ":" in entrypoint else ".")[2]):
            return True
        with collecting(), suppress(FlowpackError, ValueError):
            script = _find_script(entrypoint, self._folder)
            return _matches(flow, DeploymentSpec(entrypoint=script).find_flow().name)
        return False

    def read_fields(self, line: int, entries: Entries) -> Dict[str, Any]:
        """Return the arguments of a spec; what the file does not say of it is cleared."""
        fields: Dict[str, Any] = {"tags": (), "parameters": {}, "job_variables": {}}
        fields.update(concurrency_limit=None, check_job_variables=False)
        self._read_keys({**self._shared, **entries}, "", fields)
        if "schedules" in entries and _is_filled(entries.get("schedule")):
            self.note(entries["schedule"][0], "schedule", "give schedules alone, it is there, too")
        if not _is_filled(entries.get("entrypoint")):
            self.note(line, "", "entrypoint is missing; give path/file.py:function")
        self.problems = list(dict.fromkeys(self.problems))  # Aliases repeat them.
        return fields

    def check_scripts(self, read: List[Tuple[int, Dict[str, Any]]]) -> None:
        """Note which flows are not found, beside the problems of the file itself."""
        for line, fields in read:
            with collecting():
                try:
                    if "entrypoint" in fields:
                        DeploymentSpec(entrypoint=fields["entrypoint"]).find_flow()
                except FlowpackError as exc:
                    self.note(line, "entrypoint", str(exc))

    def _read_keys(self, entries: Entries, prefix: str, fields: Dict[str, Any]) -> None:
        """Read the keys of a deployment, or of its work pool, into *fields*."""
        for key, (line, value) in entries.items():
            path = f"{prefix}{key}"
            if path in _FIELDS:
                is_left_out = path in _LIKE_NULL and not _is_filled((line, value))
                if value.content is not None and not is_left_out:
                    field, convert = _FIELDS[path], self._to_argument
                    if path == "schedule":  # There was one alone before there were several.
                        value = attrs.evolve(value, content=[value])
                    fields.update(self.read_field(field, line, value, path, convert))
            elif path == "work_pool":
                pool = self.entries(self._expect(Pairs, value, path).content, path)
                self._read_keys(pool, "work_pool.", fields)
            elif path in self._ignore:
                continue
            elif path == "pull" and _is_filled((line, value)):
                steps = value.content if isinstance(value.content, list) else [value]
                self._steps.update(dict.fromkeys(map(_step_name, steps)))
            elif path in _NOT_DONE and _is_filled((line, value)):
                advice = f"give --ignore {key} (ignore=) to deploy without"
                self.note(line, key, f"flowpack {_NOT_DONE[key]}; {advice}")
            elif path not in _KEYS and not (key == "version_type" and value.content is None):
                self._notes.setdefault(_describe_unused(key, prefix), {})[line] = None

    def _to_argument(self, field: str, value: Any) -> Any:
        """Return what the value of a key means, as pydantic takes it for the stock client."""
        if field == "entrypoint" and isinstance(value, str):
            return _find_script(value, self._folder)
        if field == "tags" and isinstance(value, (str, list)):
            tags = value if isinstance(value, list) else [value]
            texts = [str(tag) if isinstance(tag, (bool, int, float)) else tag for tag in tags]
            return [text for text in texts if not isinstance(text, str) or text.strip()]
        if field == "schedules" and isinstance(value, list):
            return _to_schedules(value)
        if field in ("paused", "enforce_parameter_schema"):
            return _to_flag(value)
        if field != "concurrency_limit":
            return value
        if not isinstance(value, dict):
            return _to_count(value)
        limit = {key: _to_count(item) for key, item in value.items() if item is not None}
        return limit if "limit" in limit else None


# --- what single values mean ----------------------------------------------------------------


def _fill(text: str, path: str) -> Tuple[str, List[str]]:
    """Return *text* with its environment variables, and what cannot be filled."""

    def keep(name: str) -> Optional[str]:
        is_known = name.startswith(("prefect.blocks.", "prefect.variables.", "ctx."))
        if is_known and path.startswith("work_pool.job_variables."):
            return None
        reason = "can stand in job_variables only, for workers to fill"
        return reason if is_known else "comes from a step, and flowpack runs none; write the value"

    return fill_text(text, keep)


def _text(entries: Entries, key: str) -> str:
    """Return what stands under *key* as text, filled as far as it can be; empty for nothing."""
    content = entries[key][1].content if key in entries else None
    return "" if content is None else fill_text(str(content))[0]


def _matches(pattern: str, text: str) -> bool:
    form = ".+".join(map(re.escape, pattern.replace("_", "-").split("*")))
    return re.fullmatch(form, text.replace("_", "-"), re.DOTALL) is not None


def _is_filled(entry: Optional[Tuple[int, Value]]) -> bool:
    """Return True if a key is there, and neither null nor empty."""
    return entry is not None and entry[1].content not in (None, "", [], Pairs([]))


def _step_name(step: Value) -> str:
    """Return the last part of the name of a step."""
    names = (
        [key.content for key, _ in step.content.pairs] if isinstance(step.content, Pairs) else []
    )
    return printable(", ".join(map(str, names))).rpartition(".")[2]


def _describe_unused(key: str, prefix: str) -> str:
    """Return the note on a key that is not sent."""
    if key == "version_type":
        return "version_type is not sent"
    known = [each[len(prefix) :] for each in _KEYS if each.startswith(prefix)]
    place = f" here; it belongs {_PLACES[key]}" if key in _PLACES and not prefix else ""
    return f"{quoted(prefix + key)} has no effect{place or suggestion(key, known)}"


def _find_script(entrypoint: str, folder: str) -> str:
    """Return ``/path/file.py:function`` for an entrypoint with a path or a module that is there."""
    path, colon, function = entrypoint.rpartition(":")
    if (path or entrypoint).endswith(".py") or "/" in entrypoint:
        if path and function:
            return f"{absolute_path(path, cwd=folder)}:{function}"
        raise ValueError(f"{quoted(entrypoint)} names no flow; write path/file.py:function")
    parts = entrypoint.split(".")
    splits = [(parts[:at], ".".join(parts[at:])) for at in range(len(parts) - 1, 0, -1)]
    for module, function in [(path.split("."), function)] if colon else splits:
        for root in (folder, os.path.join(folder, "src")):
            base = os.path.join(root, *module)
            for file in (f"{base}.py", os.path.join(base, "__init__.py")):
                if os.path.isfile(file):
                    return f"{file}:{function}"
    raise ValueError(
        f"{quoted(entrypoint)} is no path/file.py:function, and no such module is found in the"
        " folder of the file or in its src"
    )


def _to_schedules(items: List[Any]) -> List[Any]:
    problem = "must be a mapping with one of cron, interval and rrule"
    wrong = [number for number, item in enumerate(items, 1) if not isinstance(item, dict)]
    if wrong:
        raise SpecError("", [f"item {number}: {problem}" for number in wrong])
    return list(map(_to_schedule, items))


def _to_schedule(value: Dict[str, Any]) -> Dict[str, Any]:
    """Return an item of ``schedules`` as flowpack has it, without what its kind does not know."""
    schedule = {key: item for key, item in value.items() if item is not None}
    if schedule.get("catchup") is False:  # Clients of 2.19 to 3.0 wrote it, and it means nothing.
        del schedule["catchup"]
    for key, kind in (("day_or", "cron"), ("anchor_date", "interval")):
        if kind not in schedule:
            schedule.pop(key, None)
    if "rrule" in schedule:  # As the stock client writes it.
        schedule.setdefault("timezone", "UTC")
    for key in {"active", "day_or"} & schedule.keys():
        schedule[key] = _to_flag(schedule[key])
    anchor = schedule.get("anchor_date")
    moment = parse_time(anchor) or parse_time(f"{anchor}T00:00:00")
    if moment is not None and moment.tzinfo is None:
        schedule["anchor_date"] = moment.replace(tzinfo=timezone.utc)
    return schedule


def _to_flag(value: Any) -> Any:
    return datafiles.FLAGS.get(str(value).lower(), value)


def _to_count(value: Any) -> Any:
    is_whole = isinstance(value, float) and value.is_integer()
    is_text = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10
    return int(value) if is_whole or is_text else value
