"""Threads, forks, greenlets and interrupts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flowpack._http import RetryPolicy
from flowpack.exceptions import APIConnectionError
from flowpack.transport import Effect, Request
from tests.fault_proxy import PASSING, reply

READ = Request("GET", "/flows/1")


def echo(seen):
    """Answer with what was sent, so that a mixed-up answer is seen."""
    return reply(seen.body + seen.target.encode())


def test_threads_share_a_transport(server, transport):
    """Thirty-two threads get their own answers, over as many connections at most."""
    server.make_answer = echo

    def call(number):
        request = Request("POST", f"/{number}", b"%d" % number, Effect.UPSERT)
        return transport.send(request).body

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(call, range(640)))
    assert answers == [b"%d/api/%d" % (number, number) for number in range(640)]
    assert server.connections <= 32


def test_threads_survive_faults(server, connect):
    """Answers are not mixed up when connections break."""
    server.make_answer = echo
    server.plan.extend([None, *PASSING.values()] * 3)
    transport = connect(retries=RetryPolicy(attempts=50))

    def call(number):
        return transport.send(Request("GET", f"/{number}")).body

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(call, range(200)))
    assert answers == [b"/api/%d" % number for number in range(200)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_process_has_its_own_connections(server, connect):
    """Parent and child go on with the same transport and share no connection."""
    transport = connect()
    transport.send(READ)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = transport.send(Request("GET", "/child")).status != 200
            transport.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    transport.send(Request("GET", "/parent"))
    first, forked, last = server.seen
    assert first.connection == last.connection != forked.connection


@pytest.mark.parametrize("begun", [b"", reply(b"a", length=8)])
def test_interrupt(server, connect, begun):
    """Ctrl-C ends a call at once; its connection is not used again."""

    def interrupt(visit):
        visit.send(begun)
        visit.pause(0.1)
        os.kill(os.getpid(), signal.SIGINT)
        visit.pause(0.3)
        visit.send(b"the rest")

    server.plan.append(interrupt)
    transport = connect()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        transport.send(READ)
    assert time.monotonic() - started < 0.4
    assert transport.send(READ).body == b'{"id": "1"}'


@pytest.mark.gevent
def test_greenlets_share_a_transport(server):
    """Under gevent's monkey-patching calls run side by side and end in time."""
    pytest.importorskip("gevent")
    program = """
        from gevent import monkey
        monkey.patch_all()
        import gevent, sys, time
        from flowpack._http import HTTPOptions, HTTPTransport
        from flowpack.exceptions import APIConnectionError
        from flowpack.transport import Request

        transport = HTTPTransport(sys.argv[1], options=HTTPOptions(deadline=1.0))

        def call(number):
            return transport.send(Request("GET", f"/{number}")).body.decode()

        started = time.monotonic()
        jobs = [gevent.spawn(call, number) for number in range(20)]
        gevent.joinall(jobs, raise_error=True)
        assert [job.value for job in jobs] == [f"/{n}" for n in range(20)]
        assert time.monotonic() - started < 2, "one after the other"
        started = time.monotonic()
        try:
            transport.send(Request("GET", "/drip"))
        except APIConnectionError as error:
            assert "within 1 s, all in all" in str(error), error
        else:
            raise AssertionError("no deadline")
        assert time.monotonic() - started < 2
        transport.close()
    """

    def answer(seen):
        time.sleep(0.2)
        return reply(seen.target.encode())

    def endless(visit):
        while visit.seen.target == "/drip":
            visit.drip(b"HTTP/1.1 100 Continue\r\n\r\n", 1, 0.02)

    server.make_answer = answer
    server.plan.extend([None] * 20 + [endless])
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)]
    done = subprocess.run([*command, server.url], timeout=30)
    assert done.returncode == 0


def test_late_answer_is_for_nobody(server, connect):
    """What comes after a call gave up does not reach the next one."""

    def late(visit):
        visit.pause(0.3)
        visit.send(reply(b"late"))

    server.plan.extend([late] * 2)
    transport = connect(timeout=0.1, deadline=0.2)
    with pytest.raises(APIConnectionError):
        transport.send(READ)
    server.plan.clear()
    time.sleep(0.3)
    assert connect().send(READ).body == transport.send(READ).body == b'{"id": "1"}'
