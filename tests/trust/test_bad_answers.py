"""Answers that are no use end a deploy with one clean error and no later request."""

from __future__ import annotations

import json
from typing import Any, List

import pytest

from flowpack import load_flow_from_deployment
from flowpack.exceptions import FlowpackError
from tests.fault_proxy import LASTING, FaultProxy, reply, status
from tests.trust.worlds import PLACES


def json_of(value):
    return status("200 OK", body=json.dumps(value).encode())


def changed(**fields):
    """Answer as the server does, but for some fields."""

    def fault(visit):
        head, _, body = visit.answer().partition(b"\r\n\r\n")
        line = head.decode().split(" ", 1)[1].split("\r")[0]
        content = {**json.loads(body), **fields}
        for name in [name for name, value in content.items() if value is ...]:
            del content[name]
        visit.send(reply(json.dumps(content).encode(), line))

    return fault


FINAL = [
    "400 A",
    "401 B",
    "403 C",
    "405 E",
    "409 F",
    "413 G",
    "422 H",
    "500 I",
    "501 J",
]
REDIRECTS = ["301 A", "302 B", "303 C", "307 D", "308 E"]

#: Answers of a status of success that no request of the API can take.
NO_ANSWERS = {
    "page": status("200 OK", "Content-Type: text/html", body=b"<html>hello</html>"),
    "broken_json": status("200 OK", body=b'{"id": "1'),
    "empty": status("200 OK", body=b""),
    "null": json_of(None),
    "list": json_of([1]),
    "no_fields": json_of({}),
    "number": json_of(1e999),
    "deep": status("200 OK", body=b"[" * 100_000 + b"]" * 100_000),
    "no_text": status("200 OK", body=b"\xff\xfe\x00"),
    **LASTING,
}

API = [place for place in PLACES if not place.in_storage]
STORE = [place for place in PLACES if place.in_storage]
UNUSABLE = [
    pytest.param(place, fault, id=f"{name} at {place}")
    for place in API
    for name, fault in NO_ANSWERS.items()
]
REFUSED = [
    pytest.param(place, status(line), id=f"{line[:3]} at {place.proxy} {place.index}")
    for place in PLACES
    for line in FINAL + REDIRECTS + ["404 D"]
    # What is not there yet is no error.
    if not (line.startswith("404") and place.method in ("GET", "HEAD"))
    # A folder may be missing, which is a matter of its own.
    if not (line[:3] in ("404", "409", "500") and place.method == "PUT")
    # A document may be there already, and is looked up then.
    if not (line.startswith("409") and place.path.endswith("/block_documents/"))
]
HUGE = [
    pytest.param(place, LASTING[name], id=f"{name} at {place.proxy} {place.index}")
    for place in STORE
    if place.method != "HEAD"
    for name in ("huge", "endless_body", "gzip_bomb", "endless_head", "many_headers")
]


def refuses(world, place, fault):
    """Deploy; the error must name the request, which must be the last one."""
    place.break_with(world, fault)
    with pytest.raises(FlowpackError) as caught:
        world.deploy()
    proxy, line = world.requests()[-1]
    method, target = line.split()
    attempts = [each for each in world.requests() if each[1] == line]
    assert proxy is getattr(world, place.proxy)
    assert len(proxy.seen) == place.index + 1
    told = str(caught.value)
    assert (len(told) < 2000, told.isprintable()) == (True, True)
    assert method in told
    assert target.replace("/api", "")[:20] in told
    assert len(attempts) <= [each.method for each in STORE].count(method) + 1
    proxy.plan.clear()
    world.check()
    world.deploy()
    world.check((1, 1, 1, 1))


@pytest.mark.parametrize(("place", "fault"), UNUSABLE[::5] + REFUSED[::7] + HUGE[::3])
def test_bad_answer_is_one_clean_error(world, place, fault):
    """The library's own error names method and path; nothing is sent after it."""
    refuses(world, place, fault)


@pytest.mark.stress
@pytest.mark.parametrize(("place", "fault"), UNUSABLE + REFUSED + HUGE)
def test_every_bad_answer_is_one_clean_error(world, place, fault):
    """The same for every bad answer to every request."""
    refuses(world, place, fault)


def redirected(numbers, marks=()):
    """Return each place with the redirects of these numbers, one for each."""
    return [
        pytest.param(place, REDIRECTS[(index + number) % 5], marks=marks)
        for index, place in enumerate(PLACES)
        for number in numbers
    ]


@pytest.mark.parametrize(
    ("place", "line"),
    redirected([0]) + redirected([1, 2, 3, 4], marks=pytest.mark.stress),
)
def test_redirect_is_told_and_not_followed(world, place, line):
    """Nobody is sent the request, the key or the body; the error says where it led."""
    with FaultProxy() as other:
        redirect = status(line, f"Location: {other.url}/elsewhere?token=secret")
        place.break_with(world, redirect)
        with pytest.raises(FlowpackError, match=f"{other.url}/elsewhere") as caught:
            world.deploy()
        assert "secret" not in str(caught.value)
        assert other.seen == []
    world.check()


OTHERS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("index", "fields"),
    [
        (2, {"name": "other"}),
        (2, {"name": "hello\u200b"}),
        (2, {"id": ...}),
        (2, {"id": "1"}),
        (3, {"checksum": "sha256:00"}),
        (4, {"block_schema_id": OTHERS}),
        (4, {"data": {"base_path": "/elsewhere", "key_type": "hash", "options": {}}}),
        (4, {"data": {}}),
        (5, {"name": "second"}),
        (5, {"flow_id": OTHERS}),
        (5, {"flow_data": {"encoding": "blockstorage", "blob": "{}"}}),
        (5, {"flow_data": None}),
        (5, {"tags": ["other"]}),
        (5, {"parameters": {"name": "Eve"}}),
        (5, {"id": None}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_answer_that_names_something_else(world, index, fields):
    """An answer must name what was sent: names, ids, data and the token."""
    world.api.plan.extend([None] * index + [changed(**fields)])
    with pytest.raises(FlowpackError) as caught:
        world.deploy()
    assert len(world.api.seen) == index + 1
    asked = world.api.seen[-1]
    assert f"{asked.method} {world.api.url}{asked.target}" in str(caught.value)
    world.check()


@pytest.mark.parametrize("missing", ["updated", "created", "tags"])
def test_unknown_and_optional_fields_are_no_error(world, missing):
    """A server of a later release may leave out and add what nobody needs."""
    world.api.plan.extend([None] * 5 + [changed(**{missing: ..., "new": [1]})])
    assert world.deploy().action == "created"


@pytest.mark.parametrize("number", [400, 403, 404, 409, 413, 422, 500, 501, 507])
def test_storage_that_refuses_registers_nothing(world, number):
    """A write that the storage did not take is sent once, and nothing is made."""
    world.files.behaviour.statuses["MKCOL"] = 501
    world.files.behaviour.statuses["PUT"] = number
    with pytest.raises(FlowpackError, match=f"PUT .* answered {number}"):
        world.deploy()
    assert world.files.methods().count("PUT") == 1
    assert world.state().counts == (0, 0, 0, 0)


def test_lost_write_is_told_on_confirm(world):
    """An API that says yes and keeps nothing is found out by reading back."""
    world.deploy()
    known = world.script.read_bytes()
    world.script.write_bytes(known + b"# more")

    kept: List[Any] = []

    def forget(visit):
        sent = json.loads(visit.seen.body)
        head, _, body = kept[0].answer().partition(b"\r\n\r\n")
        visit.send(reply(json.dumps({**json.loads(body), **sent}).encode()))

    def remember(visit):
        kept.append(visit)
        visit.send(visit.answer())

    world.api.plan.extend([None, remember, None, None, None, forget])
    with pytest.raises(FlowpackError, match="the server has something else now"):
        world.deploy(confirm=True)
    world.deployed.pop()
    world.check()


def test_error_page_with_a_script_is_never_run(world):
    """What a load gets from a storage is run only if it is what was deployed."""
    world.deploy()
    world.store.plan.append(status("200 OK", body=b"raise SystemExit('run')"))
    with world.client() as client, pytest.raises(FlowpackError, match="digest"):
        load_flow_from_deployment("hello/first", client)
