"""What speaks HTTP: to an API, and to objects behind URLs, in constant memory."""

from __future__ import annotations

from typing import BinaryIO, Iterator, Mapping, Optional, Union

import attrs
import requests

from flowpack._http.session import BLOCK, Headers, HTTPOptions, HTTPSession, Sink, basic
from flowpack._http.session import common_headers, own_file
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import APIConnectionError, SettingsError, quoted
from flowpack.transport import Effect, Request, Response
from flowpack.urls import URL, mask_url, parse_root, parse_url


class HTTPTransport(HidesLocals):
    """Carries requests to an API over HTTP; threads may share it, and forked processes."""

    embedded = False

    def __init__(
        self,
        api_url: URL,
        *,
        api_key: Optional[str] = None,
        auth_string: Optional[str] = None,
        headers: Optional[Mapping[str, str]] = None,
        options: HTTPOptions = HTTPOptions(),
    ) -> None:
        """Make a transport; nothing is sent yet.

        Credentials are an ``Authorization`` among *headers*, else *auth_string*
        (``user:password``), else those in *api_url*, else *api_key*. Raises a SettingsError where
        one of them, the URL or a header cannot be sent.
        """
        try:
            self._root = parse_root(api_url)
        except ValueError as exc:
            raise SettingsError(f"the API URL {quoted(mask_url(api_url))} {exc}") from None
        credentials = auth_string or self._root.credentials
        self._headers = common_headers(headers or {}, api_key, credentials)
        self._session = HTTPSession(options)

    @property
    def url(self) -> str:
        """The API's root for people to read, without credentials."""
        return self._root.shown

    def send(self, request: Request) -> Response:
        """Send *request* and return the response; see :meth:`HTTPSession.call`."""
        kind = {} if request.body is None else {"Content-Type": "application/json"}
        headers = Headers({**self._headers, **kind, **request.headers})
        sent = requests.Request(request.method, headers=headers, data=request.body or b"")
        path = self._root.path + request.path
        address = attrs.evolve(self._root, path=path, query=request.query)
        return self._session.call(sent, address, request.effect)

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._session.close()


class ObjectClient(HidesLocals):
    """Puts and gets objects by their URL.

    Each method returns the response, whatever its status, and raises
    :class:`~flowpack.exceptions.APIConnectionError` when no usable one came back or the URL cannot
    be sent. Every request may be repeated. A call may take a second more for each MiB it moved.
    """

    def __init__(
        self,
        *,
        headers: Optional[Mapping[str, str]] = None,
        options: HTTPOptions = HTTPOptions(),
        session: Optional[HTTPSession] = None,
    ) -> None:
        """Make a client, which sends *headers* with each request, to every URL that is given.

        A *session* is used in place of one with *options*, and left open. Raises a SettingsError
        where a header cannot be sent.
        """
        self._headers = common_headers(headers or {})
        self._session = session or HTTPSession(options)
        self._shared = session is not None

    def __enter__(self) -> ObjectClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are its own. A second call does nothing."""
        if not self._shared:
            self._session.close()

    def head(self, url: URL) -> Response:
        """Ask about the object at *url* without fetching it."""
        return self._call("HEAD", url, Effect.READ)

    def get(
        self, url: URL, into: Optional[BinaryIO] = None, limit: Optional[int] = None
    ) -> Response:
        """Fetch the object at *url*, into a file from where it stands, or into memory.

        No more than *limit* bytes are taken; None means any number into a file, 8 MiB into memory.
        """
        return self._call("GET", url, Effect.READ, sink=Sink(into, limit))

    def put(
        self,
        url: URL,
        body: Union[BinaryIO, bytes],
        size: int = 0,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Response:
        """Store *body*: bytes, or *size* bytes of a file from where it stands, which may fail."""
        content = body if isinstance(body, bytes) else FileBody(body, size)
        return self._call("PUT", url, headers=headers, body=content)

    def post(self, url: URL, body: bytes) -> Response:
        """Send JSON, in UTF-8, to *url*; sent twice it must do the same as once."""
        return self._call("POST", url, headers={"Content-Type": "application/json"}, body=body)

    def mkcol(self, url: URL) -> Response:
        """Make the WebDAV collection *url*; 405 means that it is there."""
        return self._call("MKCOL", url)

    def _call(
        self,
        method: str,
        url: URL,
        effect: Effect = Effect.UPSERT,
        *,
        headers: Optional[Mapping[str, str]] = None,
        body: Union[bytes, FileBody] = b"",
        sink: Optional[Sink] = None,
    ) -> Response:
        problem = ""
        try:
            address = parse_url(url)
        except ValueError as exc:
            problem = f"this URL {exc}"
        if problem:
            raise APIConnectionError(method, mask_url(url), problem)
        own = {"Authorization": basic(address.credentials)} if address.credentials else {}
        given = Headers({**own, **self._headers, **(headers or {})})
        # For an empty file requests would announce chunks.
        request = requests.Request(method, headers=given, data=body or b"")
        return self._session.call(request, address, effect, sink=sink, seconds_per_mib=1.0)


class FileBody:
    """What a request sends of an open file: *size* bytes from where it stands, repeatedly."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._start = file, size, file.tell()

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        with own_file():
            self._file.seek(self._start)
        left = self._size
        while left:
            with own_file():
                block = self._file.read(min(left, BLOCK))
                if not block:
                    raise OSError("the file that was to be sent has become shorter")
            left -= len(block)
            yield block
