"""The transport that speaks HTTP to an API."""

from __future__ import annotations

import re
import time
from typing import Callable, Mapping, Optional, Union

import attrs

from flowpack._http.calls import Call, Caller, Content
from flowpack._http.headers import (
    common_headers,
    credentials_fault,
    headers_fault,
    merged,
    secrets_in,
)
from flowpack._http.network import Network
from flowpack._http.retries import RetryPolicy
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import APIConnectionError, SettingsError, quoted
from flowpack.transport import Answer, Request
from flowpack.urls import URL, mask_url, parse_url

_METHOD = re.compile(r"[A-Z]+\Z")
_SENDABLE = re.compile(r"[!-\"$-~]*\Z")


class HTTPTransport(HidesLocals):
    """Carries requests to an API over HTTP.

    Connections are kept and used again. Threads may share a transport, and a
    process that was forked may go on with it. What a dialect wants in the headers
    of its requests (versions, CSRF tokens) comes with each request.
    """

    def __init__(
        self,
        api_url: URL,
        *,
        api_key: Optional[str] = None,
        auth_string: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        verify: Union[bool, str, None] = None,
        retries: Optional[RetryPolicy] = None,
        environ: Optional[Mapping[str, str]] = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Optional[Callable[[float], object]] = None,
    ) -> None:
        """Make a transport; nothing is sent yet.

        Args:
            api_url: The API's root. Credentials in it are sent as ``Basic``.
            api_key: Sent as ``Bearer``.
            auth_string: ``user:password``, sent as ``Basic``; wins over *api_key*.
            headers: Sent with each request; an ``Authorization`` among them wins.
            timeout: Longest wait for each network step, in seconds.
            deadline: Longest time for a call, its repetitions included, in seconds.
            verify: Whether the server's certificate is checked, or the file or
                folder of CA certificates to trust. None takes that from the
                environment, as :class:`~flowpack._http.network.Network` says.
            retries: What is repeated; None for the usual policy.
            environ: Names proxies and CA files; None for this process's own.
            clock: Says the time in seconds.
            sleep: Waits so many seconds.

        Raises:
            SettingsError: The URL, a credential or a header cannot be sent.
        """
        try:
            root = parse_url(api_url)
            if root.query:
                raise ValueError("has a query, which an API's root cannot have")
        except ValueError as exc:
            shown = quoted(mask_url(api_url))
            raise SettingsError(f"the API URL {shown} {exc}") from None
        fault = credentials_fault(api_key, auth_string or root.credentials)
        fault = fault or headers_fault(headers or {})
        if fault:
            raise SettingsError(fault)
        self._root = root.at(root.path.rstrip("/"))
        self._network = Network(verify, environ)
        common = common_headers(
            headers or {}, api_key=api_key, credentials=auth_string or root.credentials
        )
        self._secrets = secrets_in(common)
        self._caller = Caller(
            self._network,
            headers=common,
            timeout=timeout,
            seconds=deadline,
            policy=retries,
            clock=clock,
            sleep=sleep,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """The API's root for people to read, without credentials."""
        return self._root.shown

    @property
    def embedded(self) -> bool:
        """False: a server is there."""
        return False

    def send(self, request: Request) -> Answer:
        """Send *request* and return the answer, whatever its status.

        Raises:
            APIConnectionError: No usable answer came back, or the request holds
                what cannot be sent.
            SettingsError: A proxy or a CA file cannot be used.
        """
        fault = _request_fault(request)
        if fault:
            raise APIConnectionError(request.method, self.url, fault)
        content = None
        kind: Mapping[str, str] = {}
        if request.body is not None:
            content = Content(request.body, len(request.body))
            kind = {"Content-Type": "application/json"}
        elif request.method not in ("GET", "HEAD"):
            content = Content(b"", 0)
        call = Call(
            method=request.method,
            address=self._root.at(self._root.path + request.path, request.query),
            effect=request.effect,
            headers=merged(kind, request.headers),
            content=content,
        )
        answer = self._caller.call(call)
        # Some servers repeat what they were sent.
        masked = answer.without(self._secrets | secrets_in(request.headers))
        if answer.status < 300 and _is_json(answer.body):
            return attrs.evolve(answer, echoes=masked.body != answer.body)
        return masked  # It will be shown in part.

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._network.close()


def _is_json(body: bytes) -> bool:
    """Return whether *body* looks like JSON, without reading it to its end."""
    return not body or body.lstrip()[:1] in b'{["0123456789-tfn'


def _request_fault(request: Request) -> str:
    """Return why *request* cannot be sent, or an empty text."""
    if not _METHOD.match(request.method):
        return "this is no HTTP method"
    if not request.path.startswith("/"):
        return f"the path {quoted(request.path)} does not begin with a slash"
    if not _SENDABLE.match(request.path) or "?" in request.path:
        return f"the path {quoted(request.path)} is not percent-encoded"
    if not _SENDABLE.match(request.query):
        return "the query is not percent-encoded"
    return headers_fault(request.headers)
