"""The session: makes calls through requests, each with attempts, waits and limits."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import math
import os
import re
import ssl
import sys
import time
from collections import OrderedDict
from http.client import HTTPMessage
from http.cookiejar import DefaultCookiePolicy
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, Optional, Set, Type, Union

import attrs
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy

from flowpack import __version__
from flowpack._http.adapter import Attempt, DeadlineAdapter
from flowpack._http.errors import FOREIGN, bare, explain
from flowpack._http.retries import BUDGETS, Deadline, Failure, Result, RetryPolicy, run_with_retries
from flowpack._logs import DEBUG, log
from flowpack.exceptions import APIConnectionError, SettingsError, quoted
from flowpack.transport import Effect, Response
from flowpack.urls import CA_VARIABLES, ParsedURL, mask_url, parse_url

#: Longest response that is kept in memory unless the caller asks for another limit, in bytes.
_BODY_LIMIT = 8 * 1024 * 1024

#: So much of a body is read and sent in one go, in bytes. While the next block is read, and
#: hashed, the server has this one to take.
BLOCK = 256 * 1024

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_VALUE = r"[\t\x20-\x7e\x80-\xff]*\Z"

#: Set by flowpack or requests, whatever a user gives.
_OWN = "accept-encoding connection content-length host te trailer transfer-encoding upgrade".split()

#: Shown in errors where a server repeats them.
_PUBLIC = [*_OWN, "accept", "content-type", "user-agent", "x-prefect-api-version"]


@attrs.frozen(kw_only=True)
class HTTPOptions:
    """How calls are made.

    Attributes:
        timeout: Longest wait for each network step, in seconds.
        deadline: Longest time for a call, its repetitions included, in seconds.
        verify: Whether certificates are checked, or the file or folder of CA certificates to
            trust. None takes that from the environment, else those that come with requests.
        session: Used in place of a new one, and left open.
    """

    timeout: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    deadline: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    verify: Union[bool, str, None] = None
    session: Optional[requests.Session] = attrs.field(default=None, repr=False)
    retries: RetryPolicy = RetryPolicy()
    # Not the function itself, which gevent may replace later on.
    sleep: Callable[[float], object] = lambda seconds: time.sleep(seconds)


class Sink:
    """Takes the body of a response 200, into *file* or memory; see :meth:`ObjectClient.get`."""

    def __init__(self, file: Optional[BinaryIO] = None, limit: Optional[int] = None) -> None:
        usual = _BODY_LIMIT if file is None else math.inf
        self.limit: float = usual if limit is None else limit
        self.memory: io.BytesIO = io.BytesIO()
        self._file: BinaryIO = self.memory if file is None else file
        self._start = self._file.tell()

    def clear(self) -> None:
        """Forget what an earlier attempt left."""
        with own_file():
            if self._file.tell() != self._start:
                self._file.seek(self._start)
                self._file.truncate()

    def write(self, block: bytes) -> None:
        """Take some of the body."""
        with own_file():
            self._file.write(block)


class HTTPSession:
    """Makes calls under one set of options; threads may share it, and forked processes."""

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._session = options.session or requests.Session()
        if options.session is None:
            self._session.headers.clear()
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._ssl_context = functools.lru_cache(maxsize=None)(_ssl_context)
        self._mount(HTTPAdapter)

    def _mount(self, replaced: Type[HTTPAdapter]) -> None:
        """Replace adapters of the type *replaced* by new ones that keep deadlines."""
        self._pid = os.getpid()
        self._session.adapters = OrderedDict(
            (prefix, DeadlineAdapter(pool_maxsize=64) if type(adapter) is replaced else adapter)
            for prefix, adapter in self._session.adapters.items()
        )

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        if self._options.session is None:
            self._session.close()

    def call(
        self,
        request: requests.Request,
        address: ParsedURL,
        effect: Effect,
        *,
        sink: Optional[Sink] = None,
        seconds_per_mib: float = 0.0,
    ) -> Response:
        """Send *request* to *address* and return the response, whatever its status.

        The body of a 200 goes into *sink*. Each MiB moved gives the call *seconds_per_mib* more.
        Raises APIConnectionError, SettingsError for proxy or CA certificates, and what the
        caller's own file raises.
        """
        request.url = address.url
        options, sink = self._options, sink or Sink()
        deadline = Deadline(options.deadline, seconds_per_mib)
        label = f"{request.method} {address.shown}"
        result, attempts = run_with_retries(
            lambda: self._attempt(request, effect, sink, Attempt(deadline, options.timeout)),
            effect=effect,
            policy=options.retries,
            deadline=deadline,
            budget=BUDGETS[address.origin],
            sleep=options.sleep,
            label=label,
        )
        took = deadline.elapsed()
        came = result.status if isinstance(result, Response) else result.reason
        log(__name__, DEBUG, "%s: %s in %.0f ms, attempts: %d", label, came, 1000 * took, attempts)
        if isinstance(result, Response):
            return result
        reason = result.reason + (f" ({attempts} attempts in {took:.1f} s)" if attempts > 1 else "")
        raise APIConnectionError(str(request.method), address.shown, reason) from result.cause

    def _attempt(
        self, request: requests.Request, effect: Effect, sink: Sink, attempt: Attempt
    ) -> Result:
        """Send the request once; foreign errors end here."""
        handled = sys.exc_info()[1]
        token = Attempt.current.set(attempt)
        try:
            return self._exchange(request, effect, sink, attempt)
        except Failure as exc:
            bare(exc)
            return exc
        except SettingsError as exc:
            own: BaseException = exc
        except LocalError as exc:
            own = exc.__cause__ or exc
        except FOREIGN as exc:
            return explain(exc, attempt, handled)
        finally:
            Attempt.current.reset(token)
        raise bare(own)

    def _exchange(
        self, request: requests.Request, effect: Effect, sink: Sink, attempt: Attempt
    ) -> Response:
        if self._pid != os.getpid():
            self._mount(DeadlineAdapter)  # What the parent opened is the parent's.
        session, url = self._session, str(request.url)
        prepared = _prepare(session, request)
        options = session.merge_environment_settings(url, {}, True, None, None)
        options["verify"] = trusted = self._trusted()
        proxy = _proxy(url, options["proxies"])
        if url.startswith("https:") or (proxy and proxy.scheme == "https"):
            attempt.ssl_context = self._ssl_context(trusted)
        if not isinstance(session.get_adapter(url), DeadlineAdapter):
            attempt.sent = True  # For the user's own that is unknown.
        timeout = (attempt.remaining(),) * 2
        create = effect is Effect.CREATE
        with _for_creation(session, url) if create else contextlib.nullcontext(session) as sender:
            sending = sender.send(prepared, timeout=timeout, allow_redirects=False, **options)
            with sending as incoming:
                response = receive(incoming, attempt, sink)
        secrets = secrets_in(prepared.headers)
        if proxy and proxy.credentials:
            secrets |= secrets_in({"Proxy-Authorization": basic(proxy.credentials)})
        masked = response.without(secrets)
        if response.status < 300:
            return attrs.evolve(response, echoes=masked.body != response.body)
        return masked  # It will be shown in part, and some servers repeat what they were sent.

    def _trusted(self) -> Union[bool, str]:
        """Return the file or folder of CA certificates; False for trusting anyone."""
        verify = self._options.verify
        if self._options.session is not None and self._session.verify is not True:
            verify = self._session.verify
        if verify is None and self._session.trust_env:
            verify = next(filter(None, map(os.environ.get, CA_VARIABLES)), None)
        return verify if verify is False or isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH


def _prepare(session: requests.Session, request: requests.Request) -> requests.PreparedRequest:
    request.auth = session.auth or (lambda prepared: prepared)  # Else a ``.netrc`` is read.
    prepared = session.prepare_request(request)
    # It was tidied, and a flow may be called ".."; what the session adds is in the query.
    path, mark, query = str(request.url).partition("?")
    if session.params or session.auth:
        _, mark, query = str(prepared.url).partition("?")
    prepared.url = path + mark + query
    prepared.register_hook("response", _hide_redirect)
    return prepared


def _hide_redirect(response: requests.Response, **_: Any) -> None:
    """Hide where it points: requests would read its body without a limit."""
    if response.is_redirect:
        del response.headers["location"]


def _proxy(url: str, proxies: Mapping[str, str]) -> Optional[ParsedURL]:
    """Return the proxy that requests takes for *url*, unless it is of SOCKS."""
    proxy = select_proxy(url, proxies)
    if not proxy or proxy.lower().startswith("socks"):
        return None
    try:
        return parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError as exc:
        problem = f"the proxy {quoted(mask_url(proxy))} {exc}; correct HTTP_PROXY or HTTPS_PROXY"
        raise SettingsError(f"{problem}, or name the host in NO_PROXY") from None


@contextlib.contextmanager
def _for_creation(session: requests.Session, url: str) -> Iterator[requests.Session]:
    """Give a copy of *session* whose adapter repeats nothing and has connections of its own.

    One that was kept may be closed just now, and then nobody knows whether the request was taken.
    """
    adapter = session.get_adapter(url)
    if not isinstance(adapter, HTTPAdapter):
        yield session
        return
    once, copied = object.__new__(type(adapter)), object.__new__(type(session))
    vars(once).update(vars(adapter), max_retries=urllib3.Retry(0, read=False), proxy_manager={})
    once.init_poolmanager(1, 1, block=False)
    vars(copied).update(vars(session), adapters=OrderedDict({"": once}))
    try:
        yield copied
    finally:
        HTTPAdapter.close(once)  # Its own method may close what it shares with the adapter.


def _ssl_context(trusted: Union[bool, str]) -> ssl.SSLContext:
    """Return a context for all connections; to read the usual certificates takes 15 ms."""
    if isinstance(trusted, bool):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context
    try:
        is_folder = os.path.isdir(trusted)
        if not (is_folder or os.path.isfile(trusted)):  # What is none may never end.
            raise ValueError("there is no such file or folder")
        where = (None, trusted) if is_folder else (trusted, None)
        context = ssl.create_default_context(cafile=where[0], capath=where[1])
    except (OSError, ValueError) as exc:
        raise SettingsError(
            f"the CA certificates in {quoted(trusted)} cannot be read"
            f" ({type(exc).__name__}: {exc}); set PREFECT_API_SSL_CERT_FILE or SSL_CERT_FILE to"
            " a file of PEM certificates"
        ) from exc
    context.check_hostname = False  # urllib3 does that; 1.26 names no IP address to a context.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Headers(Dict[str, str]):
    """Headers whose values ``repr`` does not show; of names that differ in case the last counts."""

    def __repr__(self) -> str:
        return f"<headers: {', '.join(self)}>"


def common_headers(
    given: Mapping[str, Any], api_key: Optional[str] = None, credentials: Optional[str] = None
) -> Headers:
    """Return the headers that each request has; an ``Authorization`` that is given wins.

    Raises a SettingsError, which does not show the value, for one that cannot be sent.
    """
    for name, value in given.items():
        fits = re.match(_NAME, name) and isinstance(value, str) and re.match(_VALUE, value)
        if not fits or name.lower() in _OWN:
            raise SettingsError(
                f"the header {quoted(name)} cannot be sent: flowpack sets it itself, or name or"
                " value hold what HTTP does not allow, such as a line break"
            )
    if not re.match(_VALUE, api_key or "") or not (api_key or "").isascii():
        problem = "the API key holds a line break or another character that cannot be sent"
        raise SettingsError(f"{problem}; is there more than the key in PREFECT_API_KEY?")
    if any(ord(character) < 32 for character in credentials or ""):
        raise SettingsError("the user name or the password holds a control character")
    headers = Headers({"User-Agent": f"flowpack/{__version__}"})
    if credentials:
        headers["Authorization"] = basic(credentials)
    elif api_key:
        headers["Authorization"] = "Bearer " + api_key  # Formatted, a secret prints as asterisks.
    # Stripped, for requests refuses blanks; and plain texts, for 2.28 refuses subclasses.
    headers.update((name, value.strip(" \t")) for name, value in given.items())
    # Responses are wanted as they are: what is unpacked has no known size.
    headers["Accept-Encoding"] = "identity"
    return headers


def basic(credentials: str) -> str:
    """Return the ``Authorization`` for ``user:password``."""
    complete = credentials if ":" in credentials else f"{credentials}:"
    encoded = base64.b64encode(complete.encode("utf-8", "surrogatepass"))
    return f"Basic {encoded.decode('ascii')}"


def secrets_in(headers: Mapping[str, Union[str, bytes]]) -> Set[str]:
    """Return what must not be shown of *headers* that a request has."""
    found: Set[str] = set()
    for name, value in headers.items():
        if name.lower() in _PUBLIC:
            continue
        text = value if isinstance(value, str) else value.decode("latin-1")
        found.add(text)
        if name.lower() in ("authorization", "proxy-authorization"):
            token = text.partition(" ")[2]
            found.add(token)
            with contextlib.suppress(ValueError):
                decoded = base64.b64decode(token, validate=True).decode()
                found |= {decoded, decoded.partition(":")[2]}
    return found


class LocalError(Exception):
    """The caller's own file failed, as the cause says."""


@contextlib.contextmanager
def own_file() -> Iterator[None]:
    """Carry errors of the caller's own file past those of the network."""
    try:
        yield
    except (OSError, ValueError) as exc:
        raise LocalError from exc


def receive(incoming: requests.Response, attempt: Attempt, sink: Sink) -> Response:
    """Read a response whose head has been read; raise a Failure if it is too long or broken."""
    # The parser does not notice that a head is not whole; what stands in for a server has none.
    if attempt.ended:
        raise Failure("the response broke off in its head")
    head = getattr(getattr(incoming.raw, "_original_response", None), "msg", None)
    if isinstance(head, HTTPMessage) and head.defects:
        raise Failure("a line in the head of the response is no header")
    sink.clear()
    # In the first alone is a location that was hidden from requests.
    shown = {**getattr(incoming.raw, "headers", {}), **incoming.headers}
    headers = {name.lower(): value.strip() for name, value in shown.items()}
    # As it came: with a blank behind it the parser takes the marks of chunks for the body.
    coding = incoming.headers.get("transfer-encoding", "").lower()
    status = incoming.status_code
    if incoming.request.method == "HEAD":
        return Response(status, incoming.content, headers)
    if status in (204, 304):  # Some servers announce chunks there, and send none.
        return Response(status, b"" if coding else incoming.content, headers)
    packing = headers.get("content-encoding", "").lower()
    if packing not in ("", "identity") or coding not in ("", "chunked"):
        if status >= 300:
            return Response(status, headers=headers)
        raise Failure(
            f"the server answered {status} with a packed body, though only plain ones were"
            " asked for; is there a proxy that packs?",
            passing=False,
        )
    sink = sink if status == 200 else Sink()
    _read_body(incoming, attempt, sink, "" if coding else headers.get("content-length", ""))
    return Response(status, sink.memory.getvalue(), headers)


def _read_body(incoming: requests.Response, attempt: Attempt, sink: Sink, length: str) -> None:
    """Read the body, which has *length* bytes where that is known."""
    if not re.match(r"[0-9]{0,18}\Z", length):
        raise Failure("the response's Content-Length is no number")
    expected, size = int(length or 0), 0
    too_long = Failure(f"the response has more than {sink.limit} bytes", passing=False)
    if expected > sink.limit:
        raise too_long
    attempt.receivable = 2 * sink.limit + BLOCK  # The marks of chunks count, too.
    for block in _blocks(incoming):
        attempt.remaining()  # An adapter of the user's own may know no deadline.
        size += len(block)
        if size > sink.limit:
            raise too_long
        sink.write(block)
    if size < expected:
        raise Failure(f"the response broke off {expected - size} bytes before its end")


def _blocks(incoming: requests.Response) -> Iterator[bytes]:
    raw = incoming.raw
    read = getattr(incoming, "_content_consumed", False)  # By a hook of the user's session.
    if isinstance(raw, urllib3.HTTPResponse) and not read:
        # Not through requests: urllib3's own reader of chunks takes lines without end.
        return iter(lambda: raw.read(BLOCK, decode_content=False), b"")
    # What stands in for a server in tests may have less.
    return iter([incoming.content] if raw is None else incoming.iter_content(BLOCK))
