"""Objects are stored and fetched whole, in constant memory."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import textwrap

import pytest

from flowpack._http import ObjectClient
from flowpack.exceptions import APIConnectionError, SettingsError
from tests.fault_proxy import LASTING, PASSING, drip, raw, reply, stall, status
from tests.http.conftest import object_client

CONTENT = bytes(range(256)) * 2000

EACH_PASSING = pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)


@pytest.fixture
def client():
    """A client that does not really wait between attempts."""
    with object_client() as client:
        yield client


@pytest.fixture
def url(server):
    """The address of an object; asked for, it is CONTENT."""

    def answer(seen):
        if seen.method == "HEAD":
            return reply(b"", length=len(CONTENT))
        return reply(CONTENT if seen.method == "GET" else b"stored")

    server.make_answer = answer
    return f"{server.url}/store/key"


@EACH_PASSING
@pytest.mark.parametrize("times", [1, 2])
def test_put_survives(server, client, url, fault, times):
    """The whole object is sent again, from where the file stood."""
    server.plan.extend([fault] * times)
    file = io.BytesIO(b"before" + CONTENT + b"after")
    file.seek(6)
    assert client.put(url, file, len(CONTENT)).status == 200
    assert len(server.seen) == times + 1
    assert {seen.body for seen in server.seen} == {CONTENT}


@pytest.mark.parametrize("name", PASSING)
@pytest.mark.parametrize("times", [1, 2])
def test_get_survives(server, client, url, name, times):
    """What a broken attempt left in the file is gone; what stood before stays."""
    server.plan.extend([PASSING[name]] * times)
    file = io.BytesIO(b"before")
    file.seek(6)
    answer = client.get(url, into=file)
    assert (answer.status, answer.body) == (200, b"")
    assert file.getvalue() == b"before" + CONTENT


@pytest.mark.parametrize("name", ["endless_head", "gzip_bomb", "many_headers"])
def test_lasting_fault_is_one_clean_error(server, client, url, name):
    """It is raised at once and names the request."""
    server.plan.append(LASTING[name])
    with pytest.raises(APIConnectionError) as caught:
        client.get(url, into=io.BytesIO())
    assert (caught.value.method, caught.value.url) == ("GET", url)
    assert len(server.seen) == 1


def test_put_of_bytes(server, client, url):
    """Bytes need no size; further headers go along."""
    client.put(url, b"content", headers={"If-None-Match": "*"})
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("PUT", "/store/key")
    assert (seen.body, seen.headers["if-none-match"]) == (b"content", "*")
    assert seen.headers["content-length"] == "7"


def test_other_methods(server, client, url):
    """HEAD, POST of JSON, MKCOL."""
    client.head(url)
    client.post(url, b"{}")
    client.mkcol(f"{server.url}/store/")
    head, post, mkcol = server.seen
    assert server.targets == ["HEAD /store/key", "POST /store/key", "MKCOL /store/"]
    assert (post.body, post.headers["content-type"]) == (b"{}", "application/json")
    assert "content-type" not in mkcol.headers


def test_head_tells_a_size_beyond_the_limit(server, client, url):
    """An answer to HEAD announces what it does not have."""
    server.plan.append(lambda visit: visit.send(reply(b"", length=999999999)))
    assert client.head(url).headers["content-length"] == "999999999"
    assert client.head(url).status == 200
    assert server.connections == 1


@pytest.mark.parametrize("line", ["204 A", "301 B", "404 C", "412 D", "507 E"])
def test_every_status_is_returned(server, client, url, line):
    """What a status means is for the caller to say; the file stays as it was."""
    server.plan.append(status(line, body=b"" if line[:3] == "204" else b"words"))
    file = io.BytesIO(b"before")
    answer = client.get(url, into=file)
    assert answer.status == int(line[:3])
    assert file.getvalue() == b"before"


def test_error_after_a_broken_attempt_leaves_no_rest(server, client, url):
    """Half an object from an attempt before is not left in the file."""
    server.plan.extend([PASSING["truncate"], status("404 Not Found")])
    file = io.BytesIO()
    assert client.get(url, into=file).status == 404
    assert file.getvalue() == b""


@pytest.mark.parametrize("into", [False, True], ids=["memory", "file"])
@pytest.mark.parametrize("announced", [False, True], ids=["chunked", "length"])
def test_limit(server, client, url, into, announced):
    """An object above the limit is refused, one of that size is taken."""
    limit = len(CONTENT)
    for extra in (0, 1):
        body = CONTENT + b"x" * extra
        if announced:
            server.plan.append(status("200 OK", body=body))
        else:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            server.plan.append(raw(head + chunks))
    file = io.BytesIO() if into else None
    answer = client.get(url, into=file, limit=limit)
    assert (file.getvalue() if file else answer.body) == CONTENT
    with pytest.raises(APIConnectionError, match=f"more than {limit}"):
        client.get(url, into=io.BytesIO() if into else None, limit=limit)


def test_deadline_grows_with_the_object(server, url):
    """A second for each MiB that came, and not a second for bytes that drip."""
    body = bytes(2**20)
    with object_client(deadline=0.3) as client:
        server.plan.append(lambda visit: visit.drip(reply(body), 2**18, 0.1))
        assert client.get(url).body == body
        server.plan.append(drip(1, 0.01))
        with pytest.raises(APIConnectionError, match="all in all"):
            client.get(url)


def test_stalled_put(server, url):
    """A server that takes the object and says nothing is asked again."""
    with object_client(timeout=0.2) as client:
        server.plan.append(stall(1))
        assert client.put(url, CONTENT).status == 200


def test_refusal_in_the_middle_of_a_put(server, client, url):
    """A server that refuses early and hangs up is understood, or a clean error."""

    def refuse(visit):
        visit.send(reply(b"", "413 Too Large", "Connection: close"))
        visit.close()

    server.refused = 2**20
    server.plan.extend([refuse] * 5)
    try:
        answer = client.put(url, bytes(2**25))
    except APIConnectionError as error:
        assert "connection" in str(error)
    else:
        assert answer.status == 413


class Failing(io.BytesIO):
    """A file on a disk that fails."""

    def read(self, size=-1):
        raise OSError(5, "Input/output error")

    def write(self, data):
        raise OSError(28, "No space left on device")


def test_own_file_that_fails_is_no_network_error(server, client, url):
    """A full disk raises its own error, and nothing is sent again."""
    with pytest.raises(OSError, match="No space left"):
        client.get(url, into=Failing())
    with pytest.raises(OSError, match="Input/output error"):
        client.put(url, Failing(), 10)
    assert client.get(url).body == CONTENT
    assert len([seen for seen in server.seen if seen.method == "GET"]) == 2


def test_file_that_has_become_shorter(client, url):
    """Fewer bytes than announced are not stored."""
    with pytest.raises(OSError, match="become shorter"):
        client.put(url, io.BytesIO(b"abc"), 4)


def test_headers_are_sent_and_not_shown(server, url):
    """They go along with each request; no repr shows them."""
    headers = {"Authorization": "Bearer canary"}
    with object_client(headers=headers) as client:
        client.get(url)
        assert "canary" not in repr(client) + repr(vars(client))
    assert server.seen[0].headers["authorization"] == "Bearer canary"


def test_credentials_in_the_url(server, client, url):
    """They are sent as Basic; the query is sent, too, and neither is shown."""
    server.plan.append(raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n"))
    secret = url.replace("http://", "http://ann:canary@") + "?token=canary"
    with pytest.raises(APIConnectionError) as caught:
        client.get(secret)
    assert "canary" not in str(caught.value)
    seen = server.seen[0]
    assert seen.target == "/store/key?token=canary"
    expected = base64.b64encode(b"ann:canary").decode()
    assert seen.headers["authorization"] == f"Basic {expected}"


def test_own_authorization_wins_over_the_url(server, url):
    """A header that the user gives is meant."""
    headers = {"Authorization": "Own"}
    with object_client(headers=headers) as client:
        client.get(url.replace("http://", "http://ann:b@"))
    assert server.seen[0].headers["authorization"] == "Own"


@pytest.mark.parametrize("bad", ["file:///etc/passwd", "http://ann:canary@", "x"])
def test_url_that_cannot_be_sent(client, bad):
    """The error says why and shows no credentials."""
    with pytest.raises(APIConnectionError, match="this URL") as caught:
        client.get(bad)
    assert "canary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_header_that_cannot_be_sent(server, client, url):
    """It is refused before a byte is sent; the value is not shown."""
    with pytest.raises(APIConnectionError, match="cannot be sent") as caught:
        client.put(url, b"", headers={"X-A": "canary\n"})
    assert "canary" not in str(caught.value)
    with pytest.raises(SettingsError, match="'X-B'"):
        ObjectClient(headers={"X-B": "canary\n"})
    assert "canary" not in str(caught.value)
    assert server.connections == 0


def test_memory_is_constant(server, tmp_path):
    """A hundred MiB go up and come down in a fraction of that."""
    program = """
        import resource, sys
        from flowpack._http import ObjectClient
        size, url = 100 * 2**20, sys.argv[1]
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with open(sys.argv[2], "w+b") as file, ObjectClient() as client:
            file.truncate(size)
            client.head(url)
            before = peak()
            assert client.put(url, file, size).status == 200
            file.seek(0)
            assert client.get(url, into=file).status == 200
            assert file.tell() == size
        growth = peak() - before
        print(growth if sys.platform != "darwin" else growth // 1024)
    """

    def large(visit):
        visit.send(reply(b"", length=100 * 2**20))
        for _ in range(100):
            visit.send(bytes(2**20))

    server.kept = 0
    server.make_answer = lambda seen: reply(b"")
    server.plan.extend([None, None, large])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), server.url, tmp_path / "file"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert int(done.stdout) < 16 * 1024
