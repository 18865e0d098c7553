"""URLs: read with care, shown without secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Optional, Tuple, TypeVar, Union

import attrs

from flowpack._tracebacks import HidesLocals

if TYPE_CHECKING:
    from urllib.parse import SplitResult

Value = TypeVar("Value")

#: Name a file or folder of trusted CA certificates for any HTTP client; the first one wins.
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = "/%:@!$&'()*+,;=~-._"
# Compiled where they are used: many a run sees no URL.
_HOST_AND_PORT = r"(?:[^\s:\[\]]+|\[[0-9A-Za-z:.%]+\])(?::[0-9]*)?\Z"
_HOST_NAME = r"(?!.{254})[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?\Z"
#: What no URL may hold that is sent, and what to say of it.
_PROBLEMS = (
    (r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "holds a control character or a line break"),
    (r"\A\s|\s\Z", "has spaces around it"),
    (r"\\", "holds a backslash; write / or %5C"),
    ("#", "holds a '#', which is never sent; write %23"),
    (r"[\ud800-\udfff]", "holds bytes that are not text"),
    (r"\A(?!(?i:https?)://)", "does not start with http:// or https://"),
)


class SecretText(HidesLocals):
    """The base of text that is secret, all or a part of it: ``str`` is what may be printed.

    It is no attrs class, which ``attrs.asdict`` would take apart.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretText):
            return NotImplemented
        return type(self) is type(other) and self._text == other._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self._text,)


class Address(SecretText):
    """A URL with credentials, or text with one in it; printed without them."""

    __slots__ = ()

    def __init__(self, url: str) -> None:
        if not isinstance(url, str):
            raise TypeError(f"an address is text, not {type(url).__name__}")
        super().__init__(url)

    @property
    def url(self) -> str:
        """The whole text, with the credentials."""
        return self._text

    def __str__(self) -> str:
        return mask_text(self._text)


#: Text, as an :class:`Address` where there are credentials in it.
URL = Union[str, Address]


def as_address(text: URL) -> URL:
    """Return *text*, as an :class:`Address` where a URL in it has credentials."""
    plain = url_of(text)
    return Address(plain) if mask_text(plain) != plain else plain


def url_of(value: Union[Value, Address]) -> Union[Value, str]:
    """Return the whole text of an address; any other value as it is."""
    return value.url if isinstance(value, Address) else value


def mask_url(url: URL) -> str:
    """Return *url* without credentials, query and fragment; where that is in doubt, the scheme."""
    text = url_of(url)
    start = text.find("://") + 3 if "://" in text else 0
    authority = re.split(r"[/?#\\]", text[start:], maxsplit=1)[0]
    host, tail = authority.rpartition("@")[2], text[start + len(authority) :]
    # In "ann:80/secret@host" the password holds a slash: a path with an "@" behind a port is
    # hidden, and so is another URL.
    doubtful = "@" in tail and (":" in authority or "://" in tail)
    if (start or "@" in text) and (doubtful or not re.match(_HOST_AND_PORT, host)):
        return f"{text[:start]}***"
    return text[:start] + host + re.split("[?#]", tail, maxsplit=1)[0]


def mask_text(text: str) -> str:
    """Return *text* with the URL in it masked; text without one as it is."""
    return mask_url(text) if "://" in text else text


def ui_root(api_url: str) -> str:
    """Return the address of the user interface of an API, as Prefect's own client derives it."""
    if api_url.startswith("https://api.prefect.cloud/api"):
        api_url = api_url.replace("api.prefect.cloud/api", "app.prefect.cloud", 1)
    host, slash, path = api_url.partition("://")[2].partition("/")
    path = (slash + path).removesuffix("/api").replace("/api/", "/")
    path = path.replace("/accounts/", "/account/").replace("/workspaces/", "/workspace/")
    return f"{api_url.partition('://')[0]}://{host}{path}"


@attrs.frozen(kw_only=True)
class ParsedURL:
    """An HTTP URL, taken apart and fit to be sent.

    Attributes:
        scheme: ``http`` or ``https``.
        host: In lower case and ASCII; IPv6 without brackets.
        port: Also where the URL names none.
        path: Percent-encoded, as it stands in the URL; may be empty. So is the query.
        credentials: ``user:password``, decoded, or None.
    """

    scheme: str
    host: str
    port: int
    path: str
    query: str = attrs.field(default="", repr=False)
    credentials: Optional[str] = attrs.field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """Scheme, host, and port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        """The URL as it is sent, without credentials."""
        return f"{self.origin}{self.path or '/'}{'?' if self.query else ''}{self.query}"

    @property
    def shown(self) -> str:
        """The URL for people to read, without credentials and query."""
        return self.origin + self.path


def parse_url(url: URL) -> ParsedURL:
    """Take an ``http(s)://`` URL apart; path and query are percent-encoded where they must be.

    Raises:
        ValueError: It cannot be sent. The text begins with a verb, and holds nothing of the URL.
    """
    text = url_of(url)
    if not isinstance(text, str):
        raise ValueError(f"is {type(text).__name__} and no text")
    for pattern, problem in _PROBLEMS:
        if re.search(pattern, text):
            raise ValueError(problem)
    from urllib.parse import quote, unquote, urlsplit  # slow to load

    try:
        parts = urlsplit(text)
        host, port = _host(parts), parts.port
    except ValueError:
        host, port = "", None  # Raised below: the error's own text may show the credentials.
    if not host or port == 0:
        raise ValueError("has no valid host and port after ://")
    userinfo, at, _ = parts.netloc.rpartition("@")
    return ParsedURL(
        scheme=parts.scheme,
        host=host,
        port=port or _DEFAULT_PORTS[parts.scheme],
        path=quote(parts.path, safe=_SAFE),
        query=quote(parts.query, safe=f"{_SAFE}?"),
        credentials=unquote(userinfo) if at else None,
    )


def parse_root(url: URL) -> ParsedURL:
    """Take the URL of an API's root apart, as :func:`parse_url`; slashes at its end go."""
    root = parse_url(url)
    if root.query:
        raise ValueError("has a query, which an API's root cannot have")
    return attrs.evolve(root, path=root.path.rstrip("/"))


def _host(parts: SplitResult) -> str:
    """Return the host as it is sent, or an empty text where there is none."""
    name = parts.hostname or ""
    if "[" in parts.netloc.rpartition("@")[2]:
        import ipaddress  # slow to load

        return "" if "%" in name else str(ipaddress.IPv6Address(name))
    if not name.isascii():
        import idna  # requests needs it, too

        # By the older rules of the standard library some names are those of others.
        name = idna.encode(name, uts46=True).decode("ascii")
    return name if re.match(_HOST_NAME, name) else ""
