"""The way to servers: pools of connections, proxies, certificates."""

from __future__ import annotations

import functools
import os
import ssl
import threading
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Union

from urllib3.connectionpool import HTTPConnectionPool
from urllib3.poolmanager import PoolManager
from urllib3.util.ssl_ import create_urllib3_context

from flowpack._http.connections import POOLS
from flowpack._http.proxies import proxy_for
from flowpack.exceptions import SettingsError, quoted
from flowpack.urls import CA_VARIABLES, Address

if TYPE_CHECKING:
    from flowpack._http.proxied import ProxyAdapter

#: Connections are kept for so many servers, and so many of them idle for each.
_SERVERS = 256
_KEPT = 64


class Network:
    """Gives out pools of connections; threads may share it.

    A process that was forked gets connections of its own.
    """

    def __init__(
        self,
        verify: Union[bool, str, None] = None,
        environ: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Prepare the way; nothing is opened yet.

        Args:
            verify: Whether certificates are checked, or the file or folder of the
                CA certificates to trust. None takes the file from ``SSL_CERT_FILE``,
                ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``, else the certificates
                that come with requests.
            environ: Names proxies and CA files; None for this process's own.
        """
        self._verify = verify
        self._environ = environ
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._direct: Optional[PoolManager] = None
        self._adapter: Optional[ProxyAdapter] = None
        self._pools: Dict[str, HTTPConnectionPool] = {}
        self._context: Optional[ssl.SSLContext] = None

    def pool_for(self, address: Address) -> HTTPConnectionPool:
        """Return the pool of connections to the server at *address*.

        Raises:
            SettingsError: A proxy or a CA file cannot be used.
        """
        if self._pid != os.getpid():
            # Closing the parent's connections here could wait for a lock that one
            # of its threads held during the fork.
            self._forget()
        pool = self._pools.get(address.origin)
        if pool is None:
            with self._lock:
                pool = self._pools.get(address.origin) or self._open(address)
                self._pools[address.origin] = pool
        return pool

    def close(self) -> None:
        """Close the connections. The next use opens new ones."""
        if self._pid == os.getpid():
            if self._direct is not None:
                self._direct.clear()
            if self._adapter is not None:
                adapter: Any = self._adapter
                adapter.close()
        self._forget()

    def _open(self, address: Address) -> HTTPConnectionPool:
        environ = os.environ if self._environ is None else self._environ
        proxy = proxy_for(address, environ)
        manager = self._manager() if proxy is None else self._through(proxy, environ)
        options = {}
        if address.scheme == "https":
            context = self._tls(environ)
            options = {"ssl_context": context, "cert_reqs": context.verify_mode}
        pool: HTTPConnectionPool = manager.connection_from_host(
            address.host, address.port, address.scheme, pool_kwargs=options
        )
        return pool

    def _manager(self) -> Any:
        """Return the pools for direct connections."""
        if self._direct is None:
            self._direct = PoolManager(num_pools=_SERVERS, maxsize=_KEPT)
            self._direct.pool_classes_by_scheme = POOLS
        return self._direct

    def _through(self, proxy: str, environ: Mapping[str, str]) -> Any:
        """Return the pools for connections through *proxy*."""
        from flowpack._http.proxied import ProxyAdapter  # loads requests

        if self._adapter is None:
            adapter = ProxyAdapter(pool_connections=_SERVERS, pool_maxsize=_KEPT)
            self._adapter = adapter
        context = self._tls(environ) if proxy.startswith("https:") else None
        return self._adapter.proxy_manager_for(proxy, proxy_ssl_context=context)

    def _tls(self, environ: Mapping[str, str]) -> ssl.SSLContext:
        if self._context is None:
            self._context = _tls_context(self._verify, environ)
        return self._context


def _tls_context(
    verify: Union[bool, str, None], environ: Mapping[str, str]
) -> ssl.SSLContext:
    if verify is False:
        context = create_urllib3_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    trusted = verify if isinstance(verify, str) else ""
    if verify is None:
        trusted = next(filter(None, map(environ.get, CA_VARIABLES)), "")
    trusted = trusted or _own_certificates()
    try:
        return _trusting(trusted, os.stat(trusted).st_mtime_ns)
    except (OSError, ValueError) as exc:
        raise SettingsError(
            f"the CA certificates in {quoted(trusted)} cannot be read"
            f" ({type(exc).__name__}: {exc}); set PREFECT_API_SSL_CERT_FILE or"
            f" SSL_CERT_FILE to a file of PEM certificates"
        ) from exc


@functools.lru_cache(maxsize=8)
def _trusting(trusted: str, changed: int) -> ssl.SSLContext:
    """Return a context that trusts the file or folder *trusted*.

    It takes some 30 ms to read the usual certificates, and each operation on a
    storage has a network of its own.

    Args:
        trusted: Holds CA certificates.
        changed: When it changed last.
    """
    context = create_urllib3_context()
    # Whether OpenSSL or urllib3 compares the host's name depends on its release.
    context.verify_mode = ssl.CERT_REQUIRED
    folder = os.path.isdir(trusted)
    context.load_verify_locations(
        cafile=None if folder else trusted, capath=trusted if folder else None
    )
    return context


def _own_certificates() -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # slow to load

    return str(DEFAULT_CA_BUNDLE_PATH)
