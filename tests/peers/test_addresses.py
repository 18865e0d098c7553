"""The user interface's addresses, beside those of the stock client's own settings."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Iterator

import pytest

from flowpack.client import get_client
from flowpack.wire import dialect_for
from tests.peers.environments import Environment, environment
from tests.peers.fixtures import needed

pytestmark = pytest.mark.peer

ID = "00000000-0000-4000-8000-000000000001"

#: What PREFECT_API_URL and PREFECT_UI_URL are.
SETTINGS = (
    ("http://127.0.0.1:4200/api", None),
    ("http://127.0.0.1:4200/api/", None),
    ("http://h.example/x/api/", None),
    ("https://p.example/prefect", None),
    ("https://api.prefect.cloud/api/accounts/A/workspaces/W", None),
    ("http://h.example/api/v1/api", None),
    ("https://p.example/accounts/ws/api", None),
    ("http://h.example/api", "https://ui.example"),
    ("http://h.example/api", "https://ui.example/p/"),
)

PROGRAM = """\
import json, os, sys
from prefect.settings import PREFECT_UI_URL, temporary_settings
import prefect.settings

def address(api, ui):
    given = {prefect.settings.PREFECT_API_URL: api, PREFECT_UI_URL: ui}
    chosen = {setting: value for setting, value in given.items() if value}
    with temporary_settings(updates=chosen):
        return PREFECT_UI_URL.value()

print(json.dumps([address(*each) for each in json.load(sys.stdin)]))
"""


@contextlib.contextmanager
def _environment(version: str) -> Iterator[Environment]:
    yield environment(f"prefect-{version}")


@pytest.mark.parametrize("version", ["2.14.21", "2.20.25", "3.9.1"])
def test_addresses_are_those_of_the_stock_client(version, tmp_path, monkeypatch):
    """For any API's address, and with one of its own."""
    with needed(_environment(version)) as place:
        done = subprocess.run(
            [str(place.python), "-c", PROGRAM],
            input=json.dumps(SETTINGS),
            env=place.variables(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
    runs = "runs" if version.startswith("3") else "flow-runs"
    for (api, ui), root in zip(SETTINGS, json.loads(done.stdout)):
        monkeypatch.setenv("PREFECT_API_URL", api)
        monkeypatch.setenv("PREFECT_UI_URL", ui or "")
        with get_client() as client:
            client._api._dialect = dialect_for(version)
            root = root.rstrip("/")
            found = client.ui_url("deployment", ID), client.ui_url("flow-run", ID)
        assert found == (f"{root}/deployments/deployment/{ID}", f"{root}/{runs}/flow-run/{ID}")
