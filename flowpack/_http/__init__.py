"""HTTP, on requests: nothing else imports it.

- :mod:`~flowpack._http.http_transport` carries requests to an API,
  :mod:`~flowpack._http.objects` stores and fetches large objects;
- both make their calls through :mod:`~flowpack._http.session`, which holds the session of
  requests; :mod:`~flowpack._http.adapter` keeps it within the call's time, and
  :mod:`~flowpack._http.receiving` within limits;
- :mod:`~flowpack._http.retries` decides what is repeated, :mod:`~flowpack._http.errors` says
  what went wrong without showing a secret.
"""

from flowpack._http.http_transport import HTTPTransport
from flowpack._http.objects import ObjectClient
from flowpack._http.retries import RetryPolicy
from flowpack._http.session import HTTPOptions, HTTPSession

__all__ = ["HTTPOptions", "HTTPSession", "HTTPTransport", "ObjectClient", "RetryPolicy"]
