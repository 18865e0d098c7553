"""Objects behind URLs: stored and fetched in constant memory."""

from __future__ import annotations

import time
from typing import BinaryIO, Callable, Mapping, Optional, Union

from flowpack._http.calls import ANSWER_LIMIT, Call, Caller, Content
from flowpack._http.headers import (
    Headers,
    basic,
    common_headers,
    headers_fault,
    merged,
)
from flowpack._http.network import Network
from flowpack._http.retries import RetryPolicy
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import APIConnectionError, SettingsError
from flowpack.transport import Answer, Effect
from flowpack.urls import URL, ParsedURL, mask_url, parse_url


class ObjectClient(HidesLocals):
    """Puts and gets objects by their URL.

    Each method returns the answer, whatever its status: what a status means is for
    the caller to say. Each raises :class:`~flowpack.exceptions.APIConnectionError`
    when no usable answer came back or the URL cannot be sent, and
    :class:`~flowpack.exceptions.SettingsError` when a proxy or a CA file cannot be
    used. Every request may be repeated, so only what may be stored twice is stored.

    A call ends after a minute, and a second later for each MiB that it moved.
    """

    def __init__(
        self,
        *,
        what: str,
        headers: Optional[Mapping[str, str]] = None,
        timeout: float = 30.0,
        deadline: float = 60.0,
        verify: Union[bool, str, None] = None,
        retries: Optional[RetryPolicy] = None,
        environ: Optional[Mapping[str, str]] = None,
        network: Optional[Network] = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Optional[Callable[[float], object]] = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            what: What it is for, as its ``repr`` tells: the storage's name.
            headers: Sent with each request, to every URL that is given; never
                shown.
            timeout: Longest wait for each network step, in seconds.
            deadline: Longest time for a call that moves next to nothing, in seconds.
            verify: As for :class:`~flowpack._http.transport.HTTPTransport`.
            retries: What is repeated; None for the usual policy.
            environ: Names proxies and CA files; None for this process's own.
            network: Whose connections to use, in place of *verify* and *environ*;
                left open.
            clock: Says the time in seconds.
            sleep: Waits so many seconds.

        Raises:
            SettingsError: A header cannot be sent.
        """
        fault = headers_fault(headers or {})
        if fault:
            raise SettingsError(f"{what}: {fault}")
        self._what = what
        self._network = network or Network(verify, environ)
        self._shared = network is not None
        self._caller = Caller(
            self._network,
            headers=common_headers(headers or {}),
            timeout=timeout,
            seconds=deadline,
            seconds_per_mib=1.0,
            policy=retries,
            clock=clock,
            sleep=sleep,
        )
        self._authorized = "authorization" in {name.lower() for name in headers or {}}

    def __enter__(self) -> ObjectClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(what={self._what!r})"

    def head(self, url: URL) -> Answer:
        """Ask about the object at *url* without fetching it."""
        return self._call("HEAD", url, Effect.READ)

    def get(
        self,
        url: URL,
        into: Optional[BinaryIO] = None,
        limit: Optional[int] = None,
    ) -> Answer:
        """Fetch the object at *url*.

        Args:
            url: Where it is.
            into: Takes the body of an answer 200, from where the file stands; it
                must be able to go back there, for another attempt. The answer's
                own body is then empty. None keeps the body in memory.
            limit: Longest body that is taken, in bytes. None for any length where
                *into* is given, else for 8 MiB.
        """
        if into is None and limit is None:
            limit = ANSWER_LIMIT
        return self._call("GET", url, Effect.READ, into=into, limit=limit)

    def put(
        self,
        url: URL,
        body: Union[BinaryIO, bytes],
        size: Optional[int] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Answer:
        """Store *body* at *url*.

        Args:
            url: Where to.
            body: The bytes, or a file from where it stands; it must be able to go
                back there, for another attempt.
            size: How many bytes of the file; not needed for bytes.
            headers: For this request, beside those of the client.

        Raises:
            OSError: The file cannot be read, or has become shorter.
        """
        return self._call(
            "PUT", url, Effect.UPSERT, content=_content(body, size), headers=headers
        )

    def post(
        self, url: URL, body: bytes, headers: Optional[Mapping[str, str]] = None
    ) -> Answer:
        """Send JSON, in UTF-8, to *url*; sent twice it must do the same as once."""
        return self._call(
            "POST",
            url,
            Effect.UPSERT,
            content=_content(body, None),
            headers=merged({"Content-Type": "application/json"}, headers or {}),
        )

    def mkcol(self, url: URL) -> Answer:
        """Make the WebDAV collection *url*; 405 says that it is there."""
        return self._call("MKCOL", url, Effect.UPSERT, content=_content(b"", None))

    def close(self) -> None:
        """Close the connections that are its own. A second call does nothing."""
        if not self._shared:
            self._network.close()

    def _call(
        self,
        method: str,
        url: URL,
        effect: Effect,
        *,
        content: Optional[Content] = None,
        headers: Optional[Mapping[str, str]] = None,
        into: Optional[BinaryIO] = None,
        limit: Optional[int] = ANSWER_LIMIT,
    ) -> Answer:
        address = _address(method, url)
        fault = headers_fault(headers or {})
        if fault:
            raise APIConnectionError(method, address.shown, fault)
        own = Headers()
        if address.credentials and not self._authorized:
            own["Authorization"] = basic(address.credentials)
        return self._caller.call(
            Call(
                method=method,
                address=address,
                effect=effect,
                headers=merged(own, headers or {}),
                content=content,
                into=into,
                limit=limit,
            )
        )


def _content(body: Union[BinaryIO, bytes], size: Optional[int]) -> Content:
    if isinstance(body, bytes):
        if size not in (None, len(body)):
            raise ValueError(f"{len(body)} bytes were given, not {size}")
        return Content(body, len(body))
    if size is None:
        raise TypeError("the size of a file must be given")
    return Content(body, size, body.tell())


def _address(method: str, url: URL) -> ParsedURL:
    fault = ""
    try:
        return parse_url(url)
    except ValueError as exc:
        fault = str(exc)
    raise APIConnectionError(method, mask_url(url), f"this URL {fault}")
