"""HTTP, on requests: nothing else imports it.

:class:`HTTPTransport` carries requests to an API, :class:`ObjectClient` stores and fetches large
objects; both make their calls through an :class:`HTTPSession`.
"""

from flowpack._http.clients import HTTPTransport, ObjectClient
from flowpack._http.retries import RetryPolicy
from flowpack._http.session import HTTPOptions, HTTPSession

__all__ = ["HTTPOptions", "HTTPSession", "HTTPTransport", "ObjectClient", "RetryPolicy"]
