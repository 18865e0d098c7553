"""The schema of parameters beside that of the stock client, over many signatures."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
from pathlib import Path
from typing import Any, Iterator

import pytest

from flowpack.analysis.parameters import ParameterSchema
from tests.analysis.scripts import schema_in
from tests.peers.environments import Environment, environment
from tests.peers.fixtures import needed
from tests.peers.signatures import STUBS, every_signature

pytestmark = pytest.mark.peer

SIGNATURES = every_signature()
COMPARISON = Path(__file__).with_name("official_schemas.py").read_text("utf-8")
#: Where ours says something else without a note, and why.
DIFFERENT = {
    "callable discriminator": "a callable picks one, so anyOf says as much as oneOf",
    "secret block": "the fields of blocks of elsewhere are not known, and nobody fills them in",
    "blocks": "as above",
    "block of a block": "as above",
    "model with a block": "as above",
    "own blocks": "a reference is taken where all fields have defaults, too",
}


@contextlib.contextmanager
def stock_client() -> Iterator[Environment]:
    """Enter the environment of the newest stock client."""
    yield environment("prefect-3.9.1")


@pytest.fixture(scope="module")
def ours() -> dict[str, ParameterSchema]:
    """What flowpack says of each signature."""
    return {name: schema_in(source) for name, (source, _) in SIGNATURES.items()}


@pytest.fixture(scope="module")
def official(
    ours: dict[str, ParameterSchema], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the stock client says of each signature, and of our schema."""
    signatures = {
        name: {"source": source, "taken": taken, "schema": ours[name].schema}
        for name, (source, taken) in SIGNATURES.items()
    }
    with needed(stock_client()) as place:
        result = subprocess.run(
            [place.python, "-c", COMPARISON],
            input=json.dumps({"stubs": STUBS, "signatures": signatures}),
            env=place.variables(tmp_path_factory.mktemp("client")),
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("name", SIGNATURES)
def test_never_stricter(name, official):
    """What the official schema accepts, and what the flow takes, ours accepts."""
    assert official[name].get("error") is None
    assert official[name]["accepted"] > 0
    assert official[name]["refused"] == []


@pytest.mark.parametrize("name", SIGNATURES.keys() - DIFFERENT.keys())
def test_equal_or_noted(name, ours, official):
    """Where no note says that something is open, ours is the official schema."""
    if not ours[name].notes:
        assert ours[name].schema == in_json(official[name]["schema"])


def in_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return *schema* as a server keeps it: no infinite numbers, nothing empty at the top."""
    kept = {key: value for key, value in schema.items() if value or key == "properties"}
    for each in kept["properties"].values():
        default = each.get("default")
        if isinstance(default, float) and not math.isfinite(default):
            each["default"] = None
    return kept
