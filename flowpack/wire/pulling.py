"""Pull steps: how a worker of today's Prefect gets the script, checked.

There are two. The *stock* step needs nothing on the worker but Python: it calls
``timeit.timeit`` with a constant program, and the values stand beside it as the
program's globals, where flowpack reads them back. The *flowpack* step calls
:func:`flowpack.steps.pull`, for storage that needs credentials or a client.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Tuple, Union
from uuid import UUID

import attrs

from flowpack.exceptions import WireError
from flowpack.models import Deployment, DeploymentCreate, ScriptSource, StoredObject
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

#: Runs on the worker. Constant, so that plans can compare it, and without braces
#: in pairs, which the templating of inputs would take for its own. The thread is left
#: behind when it is late: what it waits for begins anew with every byte that comes.
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
    if "{{" in json.dumps([script.filename, script.location, script.storage_data]):
        return (
            "pairs of braces in file names and addresses cannot be used in pull steps, where"
            " workers take them for placeholders",
        )
    if chosen == STOCK and script.location is None:
        return (
            f"{script.storage_type} cannot be read with what every worker has (it needs"
            " credentials or a client); use pull='flowpack'",
        )
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
    if script.schedule is not None:
        flow_data["schedule"] = dict(script.schedule)
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
    """Return what flowpack wrote into *steps*; nothing where others made them.

    Raises:
        WireError: A step of flowpack's does not say what it must.
    """
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
    def expect(value: Any, *kinds: type) -> Any:
        if not isinstance(value, kinds):
            raise TypeError(type(value).__name__)
        return value

    try:
        flow_data = values["flow_data"]
        document_id = flow_data["block_document_id"]
        stored = StoredObject(
            token=expect(flow_data["token"], str),
            block_document_id=None if document_id is None else UUID(document_id),
            sha256=expect(values["sha256"], str),
        )
        script = ScriptSource(
            filename=expect(values["filename"], str),
            size=expect(values["size"], int),
            location=expect(values.get("location"), str, type(None)),
            storage_type=expect(flow_data["storage_type"], str),
            storage_data=expect(flow_data["storage_data"], dict),
            pull=pull,
            requires=expect(values.get("requires"), str, type(None)),
            schedule=expect(flow_data.get("schedule"), dict, type(None)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise WireError(
            "flowpack's pull step no longer says what it must; somebody edited it"
        ) from exc
    return stored, script


def differences(current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
    """Return what differs in how the script is pulled, code and storage aside."""
    steps = current.extra.get("pull_steps")
    has, wanted = current.script, new.script
    if wanted is None:
        return ()
    changes = [Change("pull", has and select_step(has), select_step(wanted))]
    if select_step(wanted) == FLOWPACK:
        changes.append(Change("pull_requires", has and has.requires, wanted.requires))
    stored = None if current.flow_data is None else current.flow_data.stored_object
    if stored is not None and has is not None:
        expected = write_steps(stored, _but_for_changes(has, current, new))
    elif current.extra:
        expected = write_steps(StoredObject("", None, ""), wanted)
    else:
        # Where there is no deployment yet, the step is told by its name.
        expected = steps  # type: ignore[assignment]
    changes.append(Change("pull_steps", steps, expected))
    return tuple(change for change in changes if change.old != change.new)


def _but_for_changes(has: ScriptSource, current: Deployment, new: DeploymentCreate) -> ScriptSource:
    """Return how the script would be pulled, were it not for what is told apart.

    That are changes of code, storage, entry point, step and schedule.
    """
    kept = {"pull", "requires", "schedule"}
    if new.script is None or not same_storage(has, new.script):
        kept |= {"storage_type", "storage_data", "location"}
    if _object(current) != _object(new):
        kept |= {"size", "location"}
    if current.extra.get("entrypoint") != new.entrypoint:
        kept.add("filename")
    return attrs.evolve(new.script or has, **{field: getattr(has, field) for field in kept})


def _object(deployment: Union[Deployment, DeploymentCreate]) -> Any:
    document = deployment.flow_data
    stored = None if document is None else document.stored_object
    return stored and (stored.sha256, stored.token)


def same_storage(one: ScriptSource, other: ScriptSource) -> bool:
    """Return True if two scripts are in storages of equal type and data."""
    return one.storage_type == other.storage_type and one.storage_data == other.storage_data
