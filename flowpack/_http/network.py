"""The way to servers: pools of connections, proxies, certificates."""

from __future__ import annotations

import functools
import os
import ssl
import stat
import threading
from typing import Dict, Mapping, Optional, Union

from flowpack._http.connections import Pool, Way
from flowpack._http.proxies import proxy_for
from flowpack.exceptions import SettingsError, quoted
from flowpack.urls import CA_VARIABLES, ParsedURL, parse_url


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
        self._pools: Dict[str, Pool] = {}
        self._context: Optional[ssl.SSLContext] = None

    def pool_for(self, address: ParsedURL) -> Pool:
        """Return the pool of connections to the server at *address*.

        Raises:
            SettingsError: A proxy or a CA file cannot be used.
        """
        if self._pid != os.getpid():
            # A thread of the parent's may have held the lock during the fork.
            self.close()
        origin = address.origin
        pool = self._pools.get(origin)
        if pool is None:
            with self._lock:
                pool = self._pools.get(origin) or Pool(self._way(address))
                self._pools[origin] = pool
        return pool

    def close(self) -> None:
        """Close the connections. The next use opens new ones."""
        pools = list(self._pools.values())
        self._forget()
        for pool in pools:
            pool.close()

    def _way(self, address: ParsedURL) -> Way:
        environ = os.environ if self._environ is None else self._environ
        proxy_url = proxy_for(address, environ)
        proxy = None if proxy_url is None else parse_url(proxy_url)

        def tls_with(peer: Optional[ParsedURL]) -> Optional[ssl.SSLContext]:
            encrypted = peer is not None and peer.scheme == "https"
            return self._tls(environ) if encrypted else None

        return Way(
            server=address.at(""),
            tls=tls_with(address),
            proxy=proxy,
            proxy_tls=tls_with(proxy),
        )

    def _tls(self, environ: Mapping[str, str]) -> ssl.SSLContext:
        if self._context is None:
            self._context = _tls_context(self._verify, environ)
        return self._context


def _tls_context(
    verify: Union[bool, str, None], environ: Mapping[str, str]
) -> ssl.SSLContext:
    if verify is False:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    trusted = verify if isinstance(verify, str) else ""
    if verify is None:
        trusted = next(filter(None, map(environ.get, CA_VARIABLES)), "")
    trusted = trusted or _own_certificates()
    try:
        status = os.stat(trusted)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise ValueError("it is no file and no folder")  # It may never end.
        return _trusting(trusted, status.st_mtime_ns)
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
    folder = os.path.isdir(trusted)
    context = ssl.create_default_context(
        cafile=None if folder else trusted, capath=trusted if folder else None
    )
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _own_certificates() -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH  # slow to load

    return str(DEFAULT_CA_BUNDLE_PATH)
