"""The transport that speaks HTTP to an API."""

from __future__ import annotations

from typing import Mapping, Optional

import requests

from flowpack._http.messages import Headers, common_headers
from flowpack._http.session import HTTPOptions, HTTPSession
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import SettingsError, quoted
from flowpack.transport import Request, Response
from flowpack.urls import URL, mask_url, parse_url


class HTTPTransport(HidesLocals):
    """Carries requests to an API over HTTP; threads may share it, and forked processes."""

    #: A server is there.
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
        (``user:password``), else those in *api_url*, else *api_key*.

        Raises:
            SettingsError: The URL, a credential or a header cannot be sent.
        """
        try:
            root = parse_url(api_url)
            problem = "has a query, which an API's root cannot have" if root.query else ""
        except ValueError as exc:
            problem = str(exc)
        if problem:
            raise SettingsError(f"the API URL {quoted(mask_url(api_url))} {problem}")
        self._root = root.at(root.path.rstrip("/"))
        self._headers = common_headers(headers or {}, api_key, auth_string or root.credentials)
        self._session = HTTPSession(options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def url(self) -> str:
        """The API's root for people to read, without credentials."""
        return self._root.shown

    def send(self, request: Request) -> Response:
        """Send *request* and return the response; see :meth:`HTTPSession.call`."""
        kind = {} if request.body is None else {"Content-Type": "application/json"}
        headers = Headers({**self._headers, **kind, **request.headers})
        return self._session.call(
            requests.Request(request.method, headers=headers, data=request.body or b""),
            self._root.at(self._root.path + request.path, request.query),
            request.effect,
        )

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._session.close()
