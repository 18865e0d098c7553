"""The transport that speaks HTTP to an API."""

from __future__ import annotations

from typing import Mapping, Optional

import attrs
import requests

from flowpack._http.session import Headers, HTTPOptions, HTTPSession, common_headers
from flowpack._tracebacks import HidesLocals
from flowpack.exceptions import SettingsError, quoted
from flowpack.transport import Request, Response
from flowpack.urls import URL, mask_url, parse_root


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
        (``user:password``), else those in *api_url*, else *api_key*.

        Raises:
            SettingsError: The URL, a credential or a header cannot be sent.
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
        return self._session.call(
            requests.Request(request.method, headers=headers, data=request.body or b""),
            attrs.evolve(self._root, path=self._root.path + request.path, query=request.query),
            request.effect,
        )

    def close(self) -> None:
        """Close the connections. A second call does nothing."""
        self._session.close()
