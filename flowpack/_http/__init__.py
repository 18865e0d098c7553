"""HTTP, on the standard library's parser: nobody else does it.

- :mod:`~flowpack._http.transport` carries requests to an API,
  :mod:`~flowpack._http.objects` stores and fetches large objects;
- both make their calls through :mod:`~flowpack._http.calls`, where attempts, waits
  and the reading of answers come together;
- :mod:`~flowpack._http.retries` knows what is repeated and when time is up,
  :mod:`~flowpack._http.faults` puts what went wrong into words;
- :mod:`~flowpack._http.network` finds the way (proxies, certificates),
  :mod:`~flowpack._http.connections` goes it, :mod:`~flowpack._http.answers` reads
  what comes back, and :mod:`~flowpack._http.exchanges` keeps both within the time.

requests would be in the way: it follows redirects, reads ``.netrc``, unpacks what it
gets, knows no deadline, and takes longer to load than a deployment does.
"""

from flowpack._http.objects import ObjectClient
from flowpack._http.network import Network
from flowpack._http.retries import RetryPolicy
from flowpack._http.transport import HTTPTransport

__all__ = ["HTTPTransport", "Network", "ObjectClient", "RetryPolicy"]
