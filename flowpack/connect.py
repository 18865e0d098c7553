"""From settings to a client: over HTTP, or of the API that lives in this process."""

from __future__ import annotations

import contextlib
import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional

import attrs

from flowpack._callers import warn
from flowpack._tracebacks import hides_locals
from flowpack.exceptions import EmbeddedAPIWarning, SettingsError, printable
from flowpack.settings import Settings, load_settings
from flowpack.settings.values import parse_seconds
from flowpack.transport import Transport
from flowpack.urls import URL, as_address

if TYPE_CHECKING:
    import requests

    from flowpack._http import HTTPOptions, HTTPSession, ObjectClient
    from flowpack.client import Client

#: Longest time for a call of the API, in seconds; more where one step may take more.
_DEADLINE = 60.0


@hides_locals
def get_client(
    api: Optional[URL] = None,
    *,
    profile: Optional[str] = None,
    api_key: Optional[str] = None,
    session: Optional[requests.Session] = None,
    timeout: Optional[float] = None,
    settings: Optional[Settings] = None,
    environ: Optional[Mapping[str, str]] = None,
    notify: Optional[Callable[[str], object]] = None,
) -> Client:
    """Return a client of the API that the settings name.

    Without an API's address it is the embedded API, which keeps its database in
    ``$FLOWPACK_HOME`` and needs no server. Close the client, or use it as a context manager.

    Args:
        api: The API's root; an empty text means the embedded API.
        profile: Name of the profile of Prefect's to use.
        api_key: Sent as a bearer token.
        session: Used for HTTP in place of a new one, and left open. Its adapters, ``auth``,
            headers, ``params``, cookies, hooks, proxies and certificates hold; ``auth`` wins over
            the API key, and key and flowpack's own headers over its headers. Its ``send`` is
            called, not ``request``. Plain adapters are replaced by such that keep the deadline
            of a call and repeat nothing. With one of another class the deadline holds only
            between attempts and reads, and a copy that repeats nothing sends what creates
            something. ``.netrc`` is not read, redirects are not followed.
        timeout: Longest wait for each network step, in seconds.
        settings: Used in place of those that are found, with *profile* and *environ* ignored.
            *api*, *api_key* and *timeout* still win.
        environ: The environment that settings are taken from; None for this process's own.
        notify: Called once, with one line, when something is written to the embedded API; None
            makes that line an ``EmbeddedAPIWarning``, once a process.

    Raises:
        SettingsError: A setting cannot be used; or no server is named, and one is required or
            a session for one is given.

    Example:
        >>> from flowpack import get_client
        >>> with get_client() as client:  # no server is named here
        ...     client.embedded, len(client.read_deployments())
        (True, 0)
    """
    from flowpack.client import Client

    given: Dict[str, Any] = {}
    if settings is None:
        settings = load_settings(environ=environ, profile=profile, api=api)
    elif api is not None:
        given["api_url"] = as_address(api) or None
    if api_key is not None:
        given["api_key"] = api_key or None
    if timeout is not None:
        try:
            given["request_timeout"] = parse_seconds(timeout)
        except ValueError as exc:
            raise SettingsError(f"the argument timeout {exc}") from None
    sources = {**settings.sources, **dict.fromkeys(given, "argument")}
    settings = attrs.evolve(settings, sources=sources, **given)
    if settings.api_url is None:
        if session is not None:
            raise SettingsError(
                "session= is for a server, and no API is named; give its address or set"
                " PREFECT_API_URL, for the embedded API speaks no HTTP"
            )
        return Client(transport=_embedded(settings, notify))
    from flowpack._http import HTTPTransport

    transport = HTTPTransport(
        settings.api_url,
        api_key=settings.api_key,
        auth_string=settings.api_auth_string,
        headers=settings.custom_headers,
        options=_http_options(settings, verify=settings.verify, session=session),
    )
    kinds = {"api_auth_string": "auth string", "api_key": "API key"}
    sent = (f"the {kinds[name]} from {sources[name]}" for name in kinds if getattr(settings, name))
    credential, renewing = next(sent, ""), settings.csrf_support_enabled
    return Client(transport=transport, credential=credential, renewing=renewing, ui=settings.ui_url)


def _http_options(settings: Settings, **options: Any) -> HTTPOptions:
    """Return how calls are made."""
    from flowpack._http import HTTPOptions, RetryPolicy

    usual, retries = RetryPolicy(), settings.max_retries
    policy = RetryPolicy(
        attempts=usual.attempts if retries is None else 1 + retries,
        statuses=usual.statuses | settings.retry_extra_codes,
    )
    timeout = settings.request_timeout
    deadline = max(_DEADLINE, timeout)
    return HTTPOptions(timeout=timeout, deadline=deadline, retries=policy, **options)


_has_warned = False
#: Held while a write is announced; what is called then may write, too.
_announcing = threading.RLock()


def _embedded(settings: Settings, notify: Optional[Callable[[str], object]]) -> Transport:
    if settings.require_server:
        raise SettingsError(
            "a server is required (FLOWPACK_REQUIRE_SERVER, from"
            f" {settings.sources['require_server']}), and no API is named; set"
            " PREFECT_API_URL to its address, as in http://127.0.0.1:4200/api"
        )
    from flowpack.embedded import EmbeddedTransport

    database = os.path.join(settings.known_home(), "flowpack.db")
    line = f"no PREFECT_API_URL is set: writing to the embedded API, in {printable(database, 1000)}"
    is_announced = False

    def announce() -> None:
        global _has_warned
        nonlocal is_announced
        with _announcing:
            if notify is not None and not is_announced:
                notify(line)
            elif notify is None and not _has_warned:
                warn(line, EmbeddedAPIWarning)
                _has_warned = True  # Not before: a warning that is an error stays one.
            is_announced = True

    return EmbeddedTransport(database, before_write=announce)


#: The client of the deploy that a user's packager is called from: one that is written without a
#: client must not write to another API.
_current: ContextVar[Optional[Client]] = ContextVar("flowpack_client", default=None)


@contextlib.contextmanager
def current_client(client: Client) -> Iterator[None]:
    """Have calls that are given no client use *client* inside the block."""
    token = _current.set(client)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def using(client: Optional[Client]) -> Iterator[Client]:
    """Give *client*, or the current one, or one of the settings, closed afterwards."""
    client = client or _current.get()
    with contextlib.nullcontext(client) if client else get_client() as used:
        yield used


#: The session that object clients share; empty until it is first asked for.
_shared: ContextVar[Optional[List[HTTPSession]]] = ContextVar("flowpack_shared", default=None)
_making = threading.Lock()


@contextlib.contextmanager
def shared_connections() -> Iterator[None]:
    """Have the object clients made inside the block share settings and connections.

    A storage makes a client for each of its operations. Threads share them where they run in a
    copy of the context.
    """
    outer = _shared.get()
    sessions: List[HTTPSession] = []  # It stays empty inside another such block.
    token = _shared.set(sessions if outer is None else outer)
    try:
        yield
    finally:
        _shared.reset(token)
        for session in sessions:
            session.close()


@hides_locals
def object_client(headers: Optional[Mapping[str, str]] = None) -> ObjectClient:
    """Return a client for objects on HTTP servers, which sends *headers*; close it.

    It has the time-out, the retries and the trusted CA certificates of the API's settings, always
    checks certificates, and sends none of the API's headers and credentials. Within
    :func:`shared_connections` it uses what is open already.

    Raises:
        SettingsError: A setting cannot be used, or a header cannot be sent.
    """
    from flowpack._http import HTTPSession, ObjectClient

    sessions = _shared.get()
    if sessions is None:
        return ObjectClient(headers=headers, options=_object_options())
    with _making:
        if not sessions:
            sessions.append(HTTPSession(_object_options()))
    return ObjectClient(headers=headers, session=sessions[0])


def _object_options() -> HTTPOptions:
    settings = load_settings()
    return _http_options(settings, verify=settings.ssl_cert_file or True)
