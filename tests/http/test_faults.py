"""Every fault on the way ends in success, or in one clean error, in time."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from http.client import BadStatusLine, CannotSendRequest, UnknownProtocol

import pytest

from flowpack._http import RetryPolicy
from flowpack._http.adapter import Attempt
from flowpack._http.errors import explain
from flowpack._http.retries import Deadline
from flowpack.exceptions import APIConnectionError
from flowpack.transport import Effect, Request
from tests.fault_proxy import (
    ENDLESS,
    LASTING,
    PASSING,
    FaultProxy,
    drip,
    raw,
    reply,
    stall,
    status,
)

READ = Request("GET", "/flows/1")
UPSERT = Request("POST", "/flows/", b'{"name": "a"}', Effect.UPSERT)
CREATE = Request("POST", "/runs/", b'{"name": "a"}', Effect.CREATE)

EACH_PASSING = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
EACH_LASTING = pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)


@EACH_PASSING
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("request_", [READ, UPSERT], ids=["read", "upsert"])
def test_passing_fault_is_survived(server, transport, fault, times, request_):
    """Once or twice in a row, the call succeeds, and so does the next one."""
    server.plan.extend([fault] * times)
    assert transport.send(request_).body == b'{"id": "1"}'
    assert len(server.seen) == times + 1
    assert transport.send(READ).body == b'{"id": "1"}'


@EACH_PASSING
def test_creation_is_sent_once(server, transport, fault):
    """Whatever happens to it, a request that creates something is not repeated."""
    server.plan.append(fault)
    with contextlib.suppress(APIConnectionError):
        transport.send(CREATE)
    assert len(server.seen) == 1


def test_lost_answer_reached_the_server(server, connect):
    """What was done already is done again where that is harmless, else never."""
    with FaultProxy(("127.0.0.1", server.port)) as proxy:
        transport = connect(proxy.url)
        proxy.plan.append(PASSING["reset_after"])
        assert transport.send(UPSERT).body == b'{"id": "1"}'
        proxy.plan.append(PASSING["lost_answer"])
        with pytest.raises(APIConnectionError, match="before a response came"):
            transport.send(CREATE)
    assert server.targets == ["POST /flows/", "POST /flows/", "POST /runs/"]


@EACH_LASTING
def test_lasting_fault_is_one_clean_error(server, transport, fault):
    """It is raised at once, names the request, and spoils nothing."""
    server.plan.append(fault)
    with pytest.raises(APIConnectionError) as caught:
        transport.send(UPSERT)
    assert (caught.value.method, caught.value.url) == (
        "POST",
        f"{server.url}/api/flows/",
    )
    assert len(server.seen) == 1
    assert transport.send(READ).body == b'{"id": "1"}'


@EACH_PASSING
def test_fault_that_does_not_pass_is_one_clean_error(server, connect, fault):
    """After the last attempt the error says how many there were; or it is a status."""
    server.plan.extend([fault] * 3)
    transport = connect(retries=RetryPolicy(attempts=3))
    try:
        answer = transport.send(READ)
    except APIConnectionError as error:
        assert "(3 attempts in " in str(error)
        assert error.__context__ is None
    else:
        assert answer.status in RetryPolicy().statuses
    assert len(server.seen) == 3


@pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
def test_deadline_is_real(server, connect, fault):
    """A peer that sends a byte now and then does not hold a call for ever."""
    server.plan.extend([fault] * 5)
    transport = connect(timeout=0.3, deadline=0.6)
    started = time.monotonic()
    with pytest.raises(APIConnectionError, match="within 0.[36] s"):
        transport.send(READ)
    assert time.monotonic() - started < 1.5
    server.plan.clear()
    assert transport.send(READ).status == 200


def test_slow_upload_ends_at_the_deadline(connect):
    """A peer that takes nothing does not hold a call either."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        transport = connect(
            f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=5, deadline=0.5
        )
        large = Request("POST", "/x", bytes(2**24), Effect.UPSERT)
        started = time.monotonic()
        with pytest.raises(APIConnectionError, match="within 0.5 s, all in all"):
            transport.send(large)
        assert time.monotonic() - started < 1.5


def test_stall_is_survived(server, connect):
    """A server that says nothing for too long is asked again."""
    server.plan.append(stall(1))
    assert connect(timeout=0.2).send(UPSERT).status == 200
    assert len(server.seen) == 2


def test_slow_answer_is_an_answer(server, transport):
    """Forty bytes each ten milliseconds are no fault."""
    server.plan.append(drip(40, 0.01))
    assert transport.send(READ).status == 200
    assert len(server.seen) == 1


def test_refused_connection_is_survived(connect):
    """A server that is not there yet is waited for; nothing was sent, so all wait."""
    server = FaultProxy()
    port = server.port
    server.close()
    waits: list[float] = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            revived = FaultProxy(port=port)
            stack.enter_context(revived)

    with contextlib.ExitStack() as stack:
        transport = connect(f"http://127.0.0.1:{port}/api", sleep=wait)
        assert transport.send(CREATE).status == 200
    assert len(waits) == 2


def test_dead_server(connect):
    """The error says that nobody listens, and what to look at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(APIConnectionError, match="refused; is the server running"):
        connect(f"http://127.0.0.1:{port}").send(READ)


def test_idle_connection_that_was_closed(server, transport):
    """A server may close what is idle, and at the next request at the latest."""
    transport.send(READ)
    server.plan.append(raw(b""))
    assert transport.send(UPSERT).status == 200
    assert len(server.seen) == 3


def test_idle_connection_that_was_closed_costs_nothing(server, connect):
    """A server may close what is idle, and at the next request at the latest."""
    waits: list[float] = []
    transport = connect(sleep=waits.append)
    transport.send(READ)
    server.plan.append(raw(b""))
    assert transport.send(UPSERT).status == 200
    assert waits == []
    assert len(server.seen) == 3


def test_creation_is_not_sent_where_it_may_be_lost(server, transport):
    """A kept connection may close just then, and a creation cannot be repeated."""

    def leave_idle(visit):
        if visit.seen.connection == 1:
            visit.close()
        visit.send(visit.answer())

    transport.send(READ)
    server.plan.append(leave_idle)
    assert transport.send(CREATE).status == 200
    assert [seen.connection for seen in server.seen] == [1, 2]
    transport.send(READ)
    assert server.connections == 2


def test_unsent_surplus_does_not_poison(server, transport):
    """Bytes that come after an answer never become the answer to the next request."""

    def late_surplus(visit):
        visit.send(reply(b'{"id": "1"}'))
        visit.pause(0.05)
        visit.send(reply(b'{"id": "poison"}'))

    server.plan.append(late_surplus)
    transport.send(READ)
    time.sleep(0.15)
    assert transport.send(READ).body == b'{"id": "1"}'


@pytest.mark.parametrize("line", ["301 A", "302 B", "303 C", "307 D", "308 E"])
def test_redirect_is_not_followed(server, transport, line):
    """The answer says where it pointed; nobody goes there."""
    with FaultProxy() as other:
        server.plan.append(status(line, f"Location: {other.url}/elsewhere"))
        answer = transport.send(UPSERT)
        assert (answer.status, answer.headers["location"]) == (
            int(line[:3]),
            f"{other.url}/elsewhere",
        )
        assert other.seen == []


def test_endless_redirect_body_is_refused(server, transport):
    """What comes with a redirect is read within the limits, too."""
    server.plan.append(
        raw(reply(b" " * (9 * 2**20), "302 Found", "Location: http://127.0.0.1/"))
    )
    with pytest.raises(APIConnectionError, match="more than 8388608"):
        transport.send(READ)


def test_packed_refusal_keeps_its_status(server, transport):
    """An error page that a proxy packed still says which error it is."""
    server.plan.append(status("404 Not Found", "Content-Encoding: gzip", body=b"x"))
    answer = transport.send(READ)
    assert (answer.status, answer.body) == (404, b"")
    assert transport.send(READ).status == 200


def test_answer_of_the_largest_size_is_taken(server, transport):
    """The limit itself is no fault."""
    body = b" " * (8 * 2**20)
    server.plan.append(status("200 OK", body=body))
    assert transport.send(READ).body == body


def test_chunked_answer(server, transport):
    """An answer in chunks, with marks and a trailer, is put together."""
    server.plan.append(
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'6;mark=1\r\n{"id":\r\n4\r\n "1"\r\n1\r\n}\r\n0\r\nTrailer: x\r\n\r\n'
        )
    )
    assert transport.send(READ).body == b'{"id": "1"}'


def test_answer_without_length(server, transport):
    """An old server ends its answer by closing the connection."""
    server.plan.append(raw(b"HTTP/1.0 200 OK\r\n\r\n" + b'{"id": "1"}'))
    assert transport.send(READ).body == b'{"id": "1"}'


def test_answer_without_body(server, transport):
    """204 has none, and the connection goes on."""
    server.plan.append(lambda visit: visit.send(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert transport.send(READ).body == b""
    transport.send(READ)
    assert server.connections == 1


def test_repeated_header_is_joined(server, transport):
    """Headers of one name come as one, under their name in lower case."""
    server.plan.append(status("200 OK", "X-A: 1", "x-a: 2"))
    assert transport.send(READ).headers["x-a"] == "1, 2"


def test_budget_for_a_server_that_is_down(server, connect):
    """A hundred calls send a hundred requests and a hundred retries."""
    server.plan.extend([status("503 Service Unavailable")] * 1000)
    # By another name than in other tests, whose server may get this port later on.
    transport = connect(f"http://localhost:{server.port}")
    for _ in range(100):
        transport.send(READ)
    assert len(server.seen) <= 200


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (socket.gaierror(socket.EAI_NONAME, "no"), "resolved (no)", False),
        (socket.gaierror(socket.EAI_AGAIN, "busy"), "resolved (busy)", True),
        (OSError(113, "No route to host"), "while connecting (No route to host)", True),
        (socket.timeout("timed out"), "nothing came within 30 s, while connecting", True),
        (ConnectionResetError(), "closed while connecting", True),
        (ssl.SSLEOFError(8, "EOF"), "closed while connecting", True),
        (ssl.SSLError(1, "odd"), "TLS failed (odd)", False),
        (UnknownProtocol("HTTP/9.9"), "no HTTP response", True),
        (CannotSendRequest("busy"), "cannot be sent (CannotSendRequest)", False),
        (ValueError("canary"), "cannot be sent (ValueError)", False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_words_for_an_error(error, words, passing):
    """Each says what happened; what may pass does; nothing secret is in it."""
    failure = explain(error, Attempt(Deadline(60.0), 30.0))
    assert words in failure.reason
    assert "canary" not in f"{failure.reason} {failure.cause}"
    assert (failure.passing, failure.sent) == (passing, False)


def test_words_of_a_server_are_no_cause():
    """What a server says may hold control characters; a traceback would print it."""
    attempt = Attempt(Deadline(60.0), 30.0)
    assert explain(BadStatusLine("\x1b[31m"), attempt).cause is None


def test_context_of_the_caller_is_not_the_cause():
    """An error that the caller is handling has nothing to do with ours."""
    try:
        try:
            raise KeyError("the caller's own")
        except KeyError:
            raise ConnectionResetError()
    except ConnectionResetError as caught:
        failure = explain(caught, Attempt(Deadline(60.0), 30.0))
    assert isinstance(failure.cause, ConnectionResetError)
    assert failure.cause.__context__ is None
