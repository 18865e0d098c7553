"""Which proxy the environment names for a server.

``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, in lower case first, as other
programs read them. Nothing is asked of the operating system.
"""

from __future__ import annotations

from typing import Mapping, Optional

from flowpack.exceptions import SettingsError, quoted
from flowpack.urls import ParsedURL, mask_url, parse_url


def proxy_for(address: ParsedURL, environ: Mapping[str, str]) -> Optional[str]:
    """Return the URL of the proxy to reach *address* through; None for none.

    Raises:
        SettingsError: The environment names one that cannot be used.
    """
    variable = f"{address.scheme}_proxy"
    proxy = _lookup(variable, environ)
    if not proxy or _excluded(address, _lookup("no_proxy", environ)):
        return None
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    reason = _fault(proxy)
    if reason:
        raise SettingsError(
            f"environment variable {variable.upper()}: the proxy"
            f" {quoted(mask_url(proxy))} {reason}; flowpack knows http:// and https://"
            f" proxies. Mend it, or name {quoted(address.host)} in NO_PROXY"
        )
    return proxy


def _lookup(variable: str, environ: Mapping[str, str]) -> str:
    upper = variable.upper()
    if upper == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
        upper = ""  # A CGI server puts the request's own header "Proxy" there.
    return environ.get(variable, environ.get(upper, "")).strip()


def _fault(proxy: str) -> str:
    try:
        parse_url(proxy)
    except ValueError as exc:
        return str(exc)
    return ""


def _excluded(address: ParsedURL, no_proxy: str) -> bool:
    return any(
        _matches(address, entry.strip().lower())
        for entry in no_proxy.split(",")
        if entry.strip()
    )


def _matches(address: ParsedURL, entry: str) -> bool:
    """Say whether an entry (host, domain, host:port, network or ``*``) fits."""
    if entry == "*":
        return True
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and ("]" in name or ":" not in name):
        if int(port) != address.port:
            return False
        entry = name
    entry = entry.strip("[]")
    domain = entry[1:] if entry.startswith("*.") else entry
    domain = domain.lstrip(".")
    if address.host == domain or address.host.endswith(f".{domain}"):
        return True
    return _in_network(address.host, entry)


def _in_network(host: str, entry: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False
