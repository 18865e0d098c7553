"""What a response may be: its head, and how its body is marked."""

from __future__ import annotations

import io

import pytest

from flowpack.exceptions import APIConnectionError
from flowpack.transport import Effect, Request
from tests.fault_proxy import raw, reply
from tests.http.conftest import object_client

READ = Request("GET", "/flows/1")
UPSERT = Request("POST", "/flows/", b'{"name": "a"}', Effect.UPSERT)
CHUNKS = b'6\r\n{"id":\r\n5\r\n "1"}\r\n0\r\n\r\n'


def head(*lines):
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode()


def sending(*parts):
    """Return a fault that sends the parts with pauses between them, and goes on."""

    def fault(visit):
        for number, part in enumerate(parts):
            visit.pause(0.1 if number else 0)
            visit.send(part)

    return fault


def test_interim_response_is_passed_over(server, transport):
    """The response is the one behind it, and the next request gets its own."""
    server.plan.append(sending(b"HTTP/1.1 100 Continue\r\n\r\n" + reply(b"1")))
    server.plan.append(sending(reply(b"2")))
    responses = [transport.send(UPSERT) for _ in range(2)]
    assert [(each.status, each.body) for each in responses] == [(200, b"1"), (200, b"2")]
    assert (len(server.seen), server.connections) == (2, 1)


@pytest.mark.parametrize("blank", ["", " ", "\t", " \t "], ids=ascii)
def test_blanks_behind_a_length(server, connect, blank):
    """HTTP allows them, and they mean nothing."""
    server.plan.append(sending(head("Content-Length: 11" + blank) + b'{"id": "1"}'))
    transport = connect(timeout=1.0, deadline=1.0)
    assert transport.send(READ).body == b'{"id": "1"}'
    assert len(server.seen) == 1


def test_chunks_win_over_a_length(server, transport):
    """A length beside them means nothing."""
    server.plan.append(sending(head("Content-Length: 4", "Transfer-Encoding: Chunked") + CHUNKS))
    assert transport.send(READ).body == b'{"id": "1"}'
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: gzip"],
        ["Transfer-Encoding: chunked ", "Content-Length: 4"],
    ],
    ids="; ".join,
)
def test_transfer_coding_that_is_not_known(server, transport, lines):
    """What is between its marks would be taken for the body."""
    server.plan.append(raw(head(*lines) + CHUNKS))
    with pytest.raises(APIConnectionError, match="packed body"):
        transport.send(READ)
    assert len(server.seen) == 1
    assert transport.send(READ).body == b'{"id": "1"}'


def test_refusal_in_a_transfer_coding_that_is_not_known(server, transport):
    """It still says which it is."""
    answer = head("Transfer-Encoding: gzip, chunked").replace(b"200 OK", b"404 No")
    server.plan.append(raw(answer + CHUNKS))
    answer = transport.send(READ)
    assert (answer.status, answer.body) == (404, b"")
    assert transport.send(READ).status == 200


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_chunks_of_no_body(server, connect, status):
    """An answer that cannot have a body ends with its head, whatever that says."""
    line = f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.plan.append(sending(line.encode()))
    transport = connect(timeout=1.0, deadline=1.0)
    assert transport.send(READ).body == b""
    assert transport.send(READ).body == b'{"id": "1"}'
    assert len(server.seen) == 2


@pytest.mark.parametrize("pause", [False, True], ids=["at_once", "later"])
def test_last_chunk_of_no_body(server, transport, pause):
    """Some servers send it even so, and nobody takes it for the next answer."""
    parts = [b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"]
    parts.append(b"0\r\n\r\n")
    server.plan.append(sending(*parts if pause else [b"".join(parts)]))
    assert transport.send(READ).status == 204
    assert transport.send(READ).body == b'{"id": "1"}'
    assert len(server.seen) == 2


@pytest.mark.parametrize("limit", [1000, None])
@pytest.mark.parametrize("size", [b"-1", b"-9"])
def test_negative_chunk(server, limit, size):
    """To read it would take all that comes into memory."""
    server.plan.extend([raw(head("Transfer-Encoding: chunked") + size + b"\r\n" + b"x" * 99)] * 9)
    with object_client() as client, pytest.raises(APIConnectionError) as caught:
        client.get(server.url, into=io.BytesIO(), limit=limit)
    assert "99 bytes" not in repr(caught.value.__cause__)


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"", b"1;" + b"a" * 60000 + b"\r\nx\r\n"), (b"0\r\n", b"a: " + b"a" * 60000 + b"\r\n")],
    ids=["extensions", "trailers"],
)
def test_endless_marks_of_chunks(server, transport, start, more):
    """They count, too, where a size is limited: each MiB gives a call more time."""
    server.plan.append(raw(head("Transfer-Encoding: chunked") + start + more * 400))
    with pytest.raises(APIConnectionError, match="does not end within its size limit"):
        transport.send(READ)


def test_head_of_chunks(server):
    """HEAD is answered as GET would be, without the body, on the same connection."""
    with object_client(timeout=1.0) as client:
        server.plan.append(sending(head("Transfer-Encoding: chunked")))
        assert client.head(f"{server.url}/a").status == 200
        assert client.get(f"{server.url}/a").body == b'{"id": "1"}'
    assert server.connections == 1
