"""Random damage with fixed seeds: to recorded answers, and to tokens."""

from __future__ import annotations

import json
import random
import re
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    LocalStorageBlock,
    deploy,
)
from flowpack.deployments.load import fetch_script
from flowpack.deployments.verification import verify_all
from flowpack.exceptions import FlowpackError
from flowpack.transport import Response
from tests.clients import SCRIPT
from tests.trust.test_bad_input import TOKENS, Mutating, clean

DATA = Path(__file__).parent.parent / "wire" / "data"


def of_orion():
    """Yield path and JSON of each recorded answer of 2.0b7."""
    for file in sorted((DATA / "orion").glob("*.json")):
        for exchange in json.loads(file.read_text())["exchanges"]:
            content = (exchange["response"].get("body") or {}).get("json")
            if exchange["response"]["status"] < 300 and content is not None:
                yield exchange["path"].partition("?")[0][len("/api") :], content


def of_prefect3():
    """Yield the same of 3.8.8, with ids and times where the recording has marks."""
    for file in sorted((DATA / "prefect3" / "3.8.8").glob("*.json")):
        text = file.read_text().replace("<timestamp>", "2026-01-02T03:04:05+00:00")
        text = re.sub(r"<uuid-(\d+)>", lambda mark: str(UUID(int=int(mark[1]))), text)
        for exchange in json.loads(text)["exchanges"]:
            content = exchange["response"]["json"]
            if exchange["response"]["status"] < 300 and content is not None:
                yield exchange["request"]["path"], content


class Damaging(Mutating):
    """Answers every request with one recorded answer, damaged."""

    def __init__(self, version, chance, recorded):
        super().__init__(None, chance)
        self.version, self.recorded = version, recorded
        self.content = None

    def content_for(self, path):
        """Return a recorded answer about the same kind of thing, if there is one."""
        if self.content is not None:
            return self.content
        kind = path.split("/")[1]
        return self.chance.choice(
            [each for where, each in self.recorded if where.split("/")[1] == kind]
            or [self.recorded[0][1]]
        )

    def send(self, request):
        if request.path == "/admin/version":
            return Response(200, json.dumps(self.version).encode())
        content = self.content_for(request.path)
        if "filter" in request.path or "get_runs" in request.path:
            content = content if isinstance(content, list) else [content]
        for _ in range(self.chance.randrange(3)):
            content = self._changed(content)
        body = bytearray(json.dumps(content).encode())
        if self.chance.random() < 0.2:
            at = self.chance.randrange(len(body))
            body[at : at + self.chance.randrange(3)] = self.chance.randbytes(2)
        return Response(self.chance.choice([200] * 9 + [204, 422, 500]), bytes(body))


def calls(client, content):
    """Return what may be asked of an API that answers with *content*."""
    first = content[0] if isinstance(content, list) and content else content
    known = first if isinstance(first, dict) else {}
    wanted = known.get("id", str(UUID(int=1)))
    name = str(known.get("name", "x")).replace("/", "") or "x"
    return [
        lambda: client.read_flow(wanted),
        lambda: client.read_flow_by_name(name),
        lambda: client.read_deployment(wanted),
        lambda: client.read_deployment_by_name(f"x/{name}"),
        lambda: client.read_deployments(),
        lambda: client.read_block_document(wanted),
        lambda: client.read_block_documents(anonymous=True),
        lambda: client.read_work_pool(name),
        lambda: client.get_default_storage_block_document(),
        lambda: client.create_flow_run_from_deployment(wanted),
        lambda: fetch_script(UUID(wanted), client),
        lambda: verify_all(client),
    ]


def specs_of(folder, recorded):
    """Return specs of the deployments that were recorded."""
    flows = {each["id"]: each["name"] for where, each in recorded if where == "/flows/"}
    deployments = [each for where, each in recorded if where == "/deployments/"]
    found = []
    for number, each in enumerate(deployments):
        script = folder / f"script{number}.py"
        name = flows.get(each["flow_id"], "x")
        script.write_text(
            SCRIPT.replace("@flow", f"@flow(name={name!r})"), encoding="utf-8"
        )
        found.append(
            DeploymentSpec(
                name=each["name"],
                flow_location=script,
                flow_storage=FileStorageBlock(str(folder / "store")),
                work_pool=each.get("work_pool_name"),
            )
        )
    return found


@pytest.mark.parametrize(
    "count", [150, pytest.param(10_000, marks=pytest.mark.stress)], ids=str
)
@pytest.mark.parametrize(
    ("version", "recorded"),
    [("2.0b7", list(of_orion())), ("3.8.8", list(of_prefect3()))],
    ids=["2.0b7", "3.8.8"],
)
def test_damaged_answers(tmp_path, version, recorded, count):
    """Whatever an answer says is taken, or is one clean error."""
    chance = random.Random(f"{version} {count}")
    transport = Damaging(version, chance, recorded)
    came = {"taken": 0, "refused": 0}
    specs = specs_of(tmp_path, recorded)
    for _ in range(count):
        _, transport.content = chance.choice(recorded)
        client = Client(transport=transport)
        asked = chance.sample(calls(client, transport.content), 3)
        if chance.random() < 0.5:
            transport.content = None
            asked = [partial(deploy, chance.choice(specs), client)]
        for ask in asked:
            try:
                ask()
                came["taken"] += 1
            except FlowpackError as exc:
                clean(exc)
                came["refused"] += 1
    assert min(came.values()) > count / 20


PIECES = [*TOKENS, "..", "/", "\\", "%2e", "%2f", ".", "outside", "link", "store", "\0"]


@pytest.mark.parametrize(
    "count", [500, pytest.param(5000, marks=pytest.mark.stress)], ids=str
)
@pytest.mark.parametrize("kind", [LocalStorageBlock, FileStorageBlock])
def test_random_tokens(tmp_path, kind, count):
    """No token gives bytes from outside of the storage."""
    store = tmp_path / "store"
    storage = kind(str(store))
    own = storage.write(b"inside")
    (tmp_path / "outside").write_bytes(b"outside")
    (store / "link").symlink_to(tmp_path / "outside")
    (store / "folder").symlink_to(tmp_path)
    chance = random.Random(count)
    for _ in range(count):
        pieces = chance.choices([*PIECES, own, str(store)], k=chance.randrange(1, 5))
        token = chance.choice(["", "/"]).join(pieces)
        at = chance.randrange(len(token) + 1)
        token = token[:at] + chr(chance.randrange(0x11000)) * (at % 2) + token[at:]
        try:
            assert storage.read(token) == b"inside"
        except FlowpackError as exc:
            clean(exc)
