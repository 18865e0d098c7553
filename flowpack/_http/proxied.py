"""The adapter of requests, which knows how to get through a proxy.

It has a module of its own for what requests costs to load: a direct connection
without TLS does without it.
"""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter

from flowpack._http.connections import POOLS


class ProxyAdapter(HTTPAdapter):
    """An adapter of requests whose connections keep to deadlines.

    Used without a session: what a session adds to its adapter (``.netrc``, cookies,
    redirects, settings from the environment) is what must not happen here.
    """

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools for connections through *proxy*."""
        # Old stubs of requests leave it untyped.
        make: Any = super().proxy_manager_for
        manager = make(proxy, **kwargs)
        manager.pool_classes_by_scheme = POOLS
        return manager
