"""HTTP, on urllib3 and, where a proxy or TLS wants it, requests: nobody else does it.

- :mod:`~flowpack._http.transport` carries requests to an API,
  :mod:`~flowpack._http.objects` stores and fetches large objects;
- both make their calls through :mod:`~flowpack._http.calls`, where attempts, waits
  and the reading of answers come together;
- :mod:`~flowpack._http.retries` knows what is repeated and when time is up,
  :mod:`~flowpack._http.faults` puts what went wrong into words;
- :mod:`~flowpack._http.network` opens the way (proxies, certificates),
  :mod:`~flowpack._http.connections` keeps it within the deadline.
"""

from flowpack._http.objects import ObjectClient
from flowpack._http.retries import RetryPolicy
from flowpack._http.transport import HTTPTransport

__all__ = ["HTTPTransport", "ObjectClient", "RetryPolicy"]
