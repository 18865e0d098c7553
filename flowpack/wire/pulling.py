"""Pull steps: how a worker of today's Prefect gets the script, checked.

The *stock* step needs nothing on the worker but Python: it calls ``timeit.timeit`` with a constant
program, whose globals hold the values, and flowpack reads them back from there. The *flowpack* step
calls :func:`flowpack.steps.pull`, for storage that needs credentials or a client.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Tuple
from uuid import UUID

import attrs

from flowpack.exceptions import WireError
from flowpack.models import Deployment, DeploymentCreate, ScriptSource, StoredObject
from flowpack.urls import mask_text
from flowpack.wire.dialect import Change

STOCK = "stock"
FLOWPACK = "flowpack"

_STOCK_STEP = "timeit.timeit"
_FLOWPACK_STEP = "flowpack.steps.pull"

#: Storage types that the flowpack step can read.
PULLED_BY_FLOWPACK = (
    "Local Storage",
    "Temporary Local Storage",
    "File Storage",
    "KV Server Storage",
    "S3 Storage",
)

#: Types of the values that a step holds; beside them there is the id of the block document.
_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("token", "sha256", "filename", "storage_type"), str),
    **{"size": int, "storage_data": dict},
    **dict.fromkeys(("location", "requires"), (str, type(None))),
    **dict.fromkeys(("schedules", "other_schedules"), (list, type(None))),
}

#: Inputs of others' steps that are shown; the rest may be secret.
_SHOWN = ("repository", "branch", "commit_sha", "directory", "bucket", "container", "folder")

#: Runs on the worker. Constant, so that plans can compare it, and without braces in pairs, which
#: the templating of inputs would take for its own. The thread is left behind when it is late: what
#: it waits for begins anew with every byte that comes.
PROGRAM = """\
import hashlib, logging, os, threading, urllib.request
def refuse(reason):
    message = "flowpack: " + location + ": " + reason + "; nothing of it was run"
    run = os.environ.get("PREFECT__FLOW_RUN_ID")
    facts = dict(flow_run_id=run, flow_run_name=run, flow_name="flowpack")
    logging.getLogger("prefect.flow_runs").error(message, extra=facts)
    raise RuntimeError(message)
results = []
def fetch():
    try:
        with urllib.request.urlopen(location, timeout=30) as answer:
            results.append(answer.read(size + 1))
    except Exception as error:
        results.append(error)
longest = 60 + size / 1048576
thread = threading.Thread(target=fetch, daemon=True)
thread.start()
thread.join(longest)
late = TimeoutError("it took longer than " + str(round(longest, 1)) + " s")
content = results[0] if results else late
if isinstance(content, Exception):
    refuse("the script cannot be fetched: " + repr(content))
found = hashlib.sha256(content).hexdigest()
if found != sha256:
    expected = "expected SHA-256 " + sha256 + ", found " + found
    refuse("the stored bytes were changed: " + expected)
try:
    with open(filename, "wb") as file:
        file.write(content)
except OSError as error:
    refuse("the script cannot be written: " + repr(error))
"""


def select_step(script: ScriptSource) -> str:
    """Return the step that pulls *script*: as asked, else stock where it can."""
    if script.pull is not None:
        return script.pull
    return FLOWPACK if script.location is None else STOCK


def problems(script: ScriptSource) -> Tuple[str, ...]:
    """Return why workers could not pull *script*; nothing where they can."""
    chosen = select_step(script)
    texts = [script.filename, script.location, script.storage_data, script.schedules]
    if "{{" in json.dumps(texts):
        problem = "pairs of braces in file names, addresses and slugs cannot be used in pull steps"
        return (f"{problem}, where workers take them for placeholders",)
    if chosen == STOCK and script.location is None:
        problem = f"{script.storage_type} cannot be read with what every worker has"
        return (f"{problem} (it needs credentials or a client); use pull='flowpack'",)
    if chosen == FLOWPACK and script.storage_type not in PULLED_BY_FLOWPACK:
        known = ", ".join(PULLED_BY_FLOWPACK)
        return (f"{script.storage_type} cannot be read by flowpack's pull step, only {known}",)
    return ()


def write_steps(stored: StoredObject, script: ScriptSource) -> List[Dict[str, Any]]:
    """Return the pull steps of a deployment."""
    document_id = None if stored.block_document_id is None else str(stored.block_document_id)
    flow_data: Dict[str, Any] = {
        "storage_type": script.storage_type,
        "storage_data": dict(script.storage_data),
        "token": stored.token,
        "block_document_id": document_id,
    }
    noted = {"schedules": script.schedules, "other_schedules": script.other_schedules}
    flow_data.update((name, list(value)) for name, value in noted.items() if value)
    if list(map(type, script.schedules or ())) == [dict] and not script.other_schedules:
        flow_data["schedule"] = flow_data.pop("schedules")[0]  # As the first releases wrote it.
    values: Dict[str, Any] = {
        "sha256": stored.sha256,
        "size": script.size,
        "filename": script.filename,
        "flow_data": flow_data,
    }
    if select_step(script) == STOCK:
        values["location"] = script.location
        return [{_STOCK_STEP: {"stmt": PROGRAM, "number": 1, "globals": values}}]
    if script.requires:
        values["requires"] = script.requires
    values["storage"] = {"$ref": {"block_document_id": document_id}}
    return [{_FLOWPACK_STEP: values}]


def read_steps(steps: Any) -> Tuple[Optional[StoredObject], Optional[ScriptSource]]:
    """Return what flowpack, not others, wrote into *steps*; a WireError if that lacks a value."""
    for step in steps or ():
        stock, own = step.get(_STOCK_STEP), step.get(_FLOWPACK_STEP)
        if isinstance(stock, dict):
            values = stock.get("globals")
            ours = isinstance(values, dict) and "flow_data" in values
            if ours or stock.get("stmt") == PROGRAM:
                return _read(values, STOCK)
        if isinstance(own, dict):
            return _read(own, FLOWPACK)
    return None, None


def _read(values: Any, pull: str) -> Tuple[StoredObject, ScriptSource]:
    try:
        given = {**values, **values["flow_data"]}
        if "schedule" in given:
            given["schedules"] = [given["schedule"]]
        facts: Dict[str, Any] = {name: given.get(name) for name in _TYPES}
        if not all(isinstance(facts[name], kind) for name, kind in _TYPES.items()):
            raise TypeError("a value is missing, or of another type")
        document_id = given["block_document_id"] and UUID(given["block_document_id"])
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise WireError("flowpack's pull step lacks a value; somebody edited it") from exc
    stored = StoredObject(facts.pop("token"), document_id, facts.pop("sha256"))
    return stored, ScriptSource(pull=pull, **facts)


def describe(current: Deployment) -> str:
    """Return how workers get the code of a deployment, whoever made it, without secrets."""
    script, extra = current.script, current.extra
    if script is not None and select_step(script) == STOCK:
        return f"stock pull step, from {_mask(script.location)}"
    if script is not None:
        needed = f", with {_mask(script.requires)}" if script.requires else ""
        return f"flowpack pull step, from {script.storage_type}{needed}"
    steps = [item for step in extra.get("pull_steps") or () for item in step.items()]
    if steps:
        return "; ".join(_describe_step(*item) for item in steps)
    if extra.get("storage_document_id"):
        return f"from the storage block {extra['storage_document_id']}"
    return f"no pull step: it is in {extra.get('path') or 'the folder or the image of the worker'}"


def _mask(value: object) -> str:
    text = str(value)
    return text if text.startswith("file:///") else mask_text(text)


def _describe_step(name: str, inputs: Any) -> str:
    given = inputs if isinstance(inputs, dict) else {}
    shown = ", ".join(f"{key} {_mask(given[key])}" for key in _SHOWN if given.get(key))
    return f"{name.rpartition('.')[2]} ({shown})" if shown else name.rpartition(".")[2]


def differences(current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
    """Return what differs in how the script is pulled, code and storage aside."""
    steps = current.extra.get("pull_steps")
    old, script = current.script, new.script
    if script is None:
        return ()
    changes = [Change("pull", old and select_step(old), select_step(script))]
    if select_step(script) == FLOWPACK:
        changes.append(Change("pull_requires", old and old.requires, script.requires))
    if current.flow_data is not None and old is not None:
        # What other changes explain is as it was: of code, storage, entry point, step, schedules.
        kept = {"pull", "requires", "schedules", "other_schedules"}
        if (old.storage_type, old.storage_data) != (script.storage_type, script.storage_data):
            kept |= {"storage_type", "storage_data", "location"}
        if current.flow_data != new.flow_data:
            kept |= {"size", "location"}
        if current.extra.get("entrypoint") != new.entrypoint:
            kept.add("filename")
        as_it_was = {field: getattr(old, field) for field in kept}
        stored = current.flow_data.decode()
        expected: Any = write_steps(stored, attrs.evolve(script, **as_it_was))
    elif current.extra:
        expected = write_steps(StoredObject(""), script)
    else:  # There is no deployment yet, and the name of the step is enough.
        expected = steps
    changes.append(Change("pull_steps", steps, expected))
    return tuple(change for change in changes if change.old != change.new)
