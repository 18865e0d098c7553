"""Servers that answer before they have the whole of a large body."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest

from flowpack._http import RetryPolicy
from flowpack.exceptions import APIConnectionError
from tests.fault_proxy import reply
from tests.http.conftest import CERTIFICATES, object_client

#: More than any system keeps for a connection.
SIZE = 32 * 1024 * 1024
BODY = bytes(SIZE)
VERSIONS = [None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Peer:
    """A server's end of one connection."""

    def __init__(self, sock, done):
        self.sock = sock
        self.done = done
        self.read = threading.Event()

    def read_head(self):
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.sock.recv(1)
        return data

    def read_body(self):
        left = SIZE
        while left:
            size = len(self.sock.recv(2**20))
            left -= size
            if not size:
                return
        self.read.set()

    def wait(self):
        self.done.wait(10)


@pytest.fixture(params=VERSIONS, ids=["plain", "tls12", "tls13"])
def put(request):
    """Put the body to a server that does as the test asks, and return what came."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    if request.param is not None:
        context.minimum_version = context.maximum_version = request.param
    scheme = "http" if request.param is None else "https"
    done = threading.Event()
    stack = contextlib.ExitStack()
    stack.callback(done.set)

    def make(behaviour, timeout=4.0):
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        peers = []

        def serve():
            sock, _ = listener.accept()
            # Else a system may hold the answer back, and lose it when it hangs up.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(OSError):
                if request.param is not None:
                    sock = context.wrap_socket(sock, server_side=True)
                peers.append(Peer(sock, done))
                peers[0].read_head()
                behaviour(peers[0])
            sock.close()

        thread = threading.Thread(target=serve)
        thread.start()
        stack.callback(thread.join)
        stack.callback(done.set)
        client = object_client(
            timeout=timeout,
            retries=RetryPolicy(attempts=1),
            verify=str(CERTIFICATES / "ca.pem"),
        )
        stack.enter_context(client)
        url = f"{scheme}://localhost:{listener.getsockname()[1]}/a"
        answer = client.put(url, BODY)
        return answer, peers[0]

    with stack:
        yield make


def test_refused_and_closed(put):
    """What it wrote before it hung up is not lost."""

    def refuse(peer):
        peer.sock.sendall(reply(b"no", "413 Too Large", "Connection: close"))

    assert put(refuse)[0].status == 413


CREATED = reply(b"", "201 Created")

#: What a server says before it reads the body, and after it. TLS has something to
#: say by itself, too, which is no answer.
TAKING = {
    "early": (CREATED, b""),
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n", CREATED),
    "silent": (b"", CREATED),
}


@pytest.mark.parametrize(("before", "after"), TAKING.values(), ids=TAKING)
def test_server_that_takes_it_gets_everything(put, before, after):
    """Whatever it says, as long as it is no refusal, and though it is slow."""

    def accept(peer):
        peer.sock.sendall(before)
        time.sleep(0.3)  # So that the system takes no more of the body.
        peer.read_body()
        peer.sock.sendall(after)

    answer, peer = put(accept)
    assert answer.status == 201
    assert peer.read.wait(5)


def test_nothing_read_and_nothing_said(put):
    """That ends when the time for one step is over."""
    started = time.monotonic()
    with pytest.raises(APIConnectionError, match="nothing came within 0.5 s, before a response"):
        put(Peer.wait, timeout=0.5)
    assert time.monotonic() - started < 2
