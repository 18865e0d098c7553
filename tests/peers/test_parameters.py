"""Parameters on real servers: what they take, and what flows get of them."""

from __future__ import annotations

import json
import urllib.error
import uuid
from typing import Any

import pytest

from flowpack import Client, DeploymentSpec, LocalStorageBlock, deploy
from flowpack.cli import main
from flowpack.exceptions import DeploymentValidationError
from flowpack.parameters import missing_problems, value_problems

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore:.*current machine:UserWarning"),
]

VERSIONS = {"prefect214": "2.14.21", "prefect2": "2.20.25", "prefect3": "3.9.1"}

SPREAD = """\
from prefect import flow, get_run_logger

@flow
def spread(x: int, y: int = 2, *rows: int, **more: str):
    get_run_logger().info(f"got {(x, y, rows, more)}")
"""

GIVEN = ["-p", "x=1", "-p", "rows=[3, 4]", "-p", 'more={"a": "b"}']
EXPECTED = "got (1, 2, (3, 4), {'a': 'b'})"


@pytest.fixture(params=VERSIONS, ids=list(VERSIONS.values()))
def server(request):
    """Each of the servers."""
    return request.getfixturevalue(request.param)


def unique(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "spread.py"
    path.write_text(SPREAD)
    return path


def test_spread(server, script, tmp_path, capsys, monkeypatch, pool_of):
    """Workers and ``run`` give ``*rows`` and ``**more`` what stands under their names.

    It makes no difference whether the deployment or the flow run has them.
    """
    monkeypatch.setenv("PREFECT_API_URL", server.api)
    name, store = unique("d"), str(tmp_path / "store")
    where = ["-n", name, "--storage", store, "--pool", pool_of(server)]
    assert main(["deploy", str(script), *where, "-p", "a=1"]) == 1
    assert """-p 'more={"a": 1}'""" in capsys.readouterr().err
    assert (
        main(["deploy", str(script), *where, *GIVEN[:2], "-p", "y=2", *GIVEN[2:]]) == 0
    )
    assert main(["deploy", str(script), *where, "-n", f"{name}-bare"]) == 0
    # Without a value for y, workers before 3.9 would not give rows to the flow.
    status = main(["deploy", str(script), *where, "-n", f"{name}-few", *GIVEN])
    few = [] if status else [[f"{name}-few"]]
    assert bool(few) == ("3.9" in server.environment.name)
    capsys.readouterr()
    for given in (*few, [name], [f"{name}-bare", "-p", "y=2", *GIVEN]):
        assert main(["trigger", f"spread/{given[0]}", *given[1:]]) == 0
        state, said = server.outcome(capsys.readouterr().out.split()[-1], EXPECTED)
        assert (state, EXPECTED in said) == ("COMPLETED", True), said


@pytest.mark.parametrize("given", ["deployment", "run"])
def test_spread_by_an_agent(
    orion, script, tmp_path, capsys, monkeypatch, agent_tag, given
):
    """Agents of 2.0b7 do the same."""
    monkeypatch.setenv("PREFECT_API_URL", orion.api)
    name, store = unique("d"), str(tmp_path / "store")
    values = [*GIVEN, "-p", "y=2"]
    deployed = values if given == "deployment" else []
    arguments = ["-n", name, "-t", agent_tag, "--storage", store, *deployed]
    assert main(["deploy", str(script), *arguments]) == 0
    capsys.readouterr()
    triggered = [] if deployed else values
    assert main(["trigger", f"spread/{name}", *triggered]) == 0
    state, said = orion.outcome(capsys.readouterr().out.split()[-1], EXPECTED)
    assert (state, EXPECTED in said) == ("COMPLETED", True), said


TYPES = {
    "integer": "int = 0",
    "text": "str = ''",
    "optional": "Optional[int] = None",
    "union": "Union[int, str] = 0",
    "numbers": "List[int] = []",
    "unique": "Set[int] = set()",
    "pair": "Tuple[int, str] = (1, 'a')",
    "mapping": "Dict[str, int] = {}",
    "literal": "Literal['a', 2] = 'a'",
    "item": "Item = Item('a')",
    "items": "List[Item] = []",
    "limited": "Annotated[int, Field(ge=1, le=5)] = 1",
    "day": "datetime.date = datetime.date(2020, 1, 1)",
    "left_out": "int = object()",
}

PARAMETERS = ", ".join(f"{name}: {text}" for name, text in TYPES.items())

TABLE = f"""\
import datetime
from dataclasses import dataclass
from typing import *
from pydantic import Field
from typing_extensions import Annotated
from prefect import flow

@dataclass
class Item:
    name: str
    count: int = 1

@flow
def table(first: int, {PARAMETERS}, *rows: int, **more: str):
    pass
"""

VALUES: list[Any] = [
    *(
        None,
        True,
        3,
        2.0,
        1.5,
        "",
        "a",
        "3",
        "2026-01-31",
        [],
        [1, 1],
        [1, "a"],
        [None],
    ),
    *({"a": "b"}, {"name": "x"}, {"name": "x", "count": "y"}, [{"name": "x"}], [{}]),
]


def test_what_is_taken_here_is_taken_there(server, tmp_path):
    """The servers take and refuse the same values of the same types."""
    path = tmp_path / "table.py"
    path.write_text(TABLE)
    with Client(server.api) as client:
        spec = DeploymentSpec(
            name=unique("d"),
            flow_location=path,
            flow_storage=LocalStorageBlock(str(tmp_path / "store")),
            work_pool="table",
            create_work_pool=True,
        )
        (done,) = deploy(spec, client)
    schema = server.request("GET", f"/deployments/{done.id}")[
        "parameter_openapi_schema"
    ]
    assert set(schema["properties"]) == {"first", *TYPES, "rows", "more"}
    different = []
    for name in schema["properties"]:
        for value in VALUES:
            parameters = {"first": 1, name: value}
            ours = not value_problems(parameters, schema)
            theirs = taken(server, done.id, parameters)
            if ours != theirs:
                different.append((name, value, ours))
    # Servers look into no formats, so that runs fail.
    known: list[Any] = [("day", text, False) for text in ("", "a")]
    if "2.14" in server.environment.folder.name:  # It knows null nowhere.
        known.append(("left_out", None, True))
    assert different == known
    assert missing_problems({}, schema)
    assert not taken(server, done.id, {})


def taken(server, deployment_id, parameters):
    """Return True if the server takes *parameters* for a flow run."""
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    try:
        server.request("POST", f"/deployments/{deployment_id}/create_flow_run", body)
    except urllib.error.HTTPError as exc:
        assert exc.code in (409, 422), exc.read()
        return False
    return True


def test_wrong_ones_are_not_sent(server, script, tmp_path):
    """What the server would refuse, or let fail, is an error before any write."""
    with Client(server.api) as client:
        spec = DeploymentSpec(
            name=unique("d"),
            flow_location=script,
            flow_storage=LocalStorageBlock(str(tmp_path / "store")),
            work_pool="none",
            create_work_pool=True,
            parameters={"x": "a", "q": 1, "rows": [1, "b"]},
            schedule="0 6 * * *",
        )
        with pytest.raises(DeploymentValidationError) as caught:
            deploy(spec, client)
    text = json.dumps(caught.value.problems)
    assert all(part in text for part in ("parameter x", "'q'", "rows[1]"))
    assert not (tmp_path / "store").exists()
