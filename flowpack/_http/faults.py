"""The error border: what can go wrong on the way, in words."""

from __future__ import annotations

import socket
import ssl
from http.client import (
    BadStatusLine,
    HTTPException,
    IncompleteRead,
    LineTooLong,
    RemoteDisconnected,
    UnknownProtocol,
    responses,
)
from typing import Optional, Tuple, Type, TypeVar

from flowpack._http.exchanges import (
    AnswerRefused,
    BrokenAnswer,
    Exchange,
    ProxyRefused,
)
from flowpack._http.retries import Failure
from flowpack.exceptions import printable

#: Everything that the libraries below raise for a call that did not work out.
FOREIGN: Tuple[Type[Exception], ...] = (
    AnswerRefused,
    ProxyRefused,
    HTTPException,
    OSError,
    ValueError,
)

_DROPPED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

_HINT_REFUSED = "is the server running, and is this its address?"
_HINT_UNTRUSTED = (
    "if a CA of your own signed it, set PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE)"
    " to a file with that CA's certificate"
)

ErrorType = TypeVar("ErrorType", bound=BaseException)


def bare(error: ErrorType) -> ErrorType:
    """Strip *error* and what it comes from of their tracebacks, and return it.

    The frames hold headers, bodies and URLs, and some tools print the values of
    all variables.
    """
    seen = set()
    following: Optional[BaseException] = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        following.__traceback__ = None
        following = following.__cause__
    return error


def explain(error: Exception, exchange: Exchange) -> Failure:
    """Return what *error* means for the *exchange* that it ended."""
    if isinstance(error, AnswerRefused):
        return Failure(error.reason, passing=False)
    reason, passing = _explain(error, exchange)
    dropped = isinstance(error, _DROPPED)
    return Failure(
        reason=reason,
        passing=passing,
        sent=exchange.sent,
        idle=dropped and exchange.sent and not (exchange.opened or exchange.answered),
        cause=_alone(error),
    )


def _alone(error: BaseException) -> Optional[BaseException]:
    if not isinstance(error, (OSError, HTTPException)):
        return None  # Its text may show the URL or a header.
    own = isinstance(error, RemoteDisconnected)
    if isinstance(error, (BadStatusLine, UnknownProtocol)) and not own:
        return None  # A server speaks there, and may repeat what it was sent.
    if not str(error).isprintable():
        return None
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error


def _explain(error: BaseException, exchange: Exchange) -> Tuple[str, bool]:
    """Return what happened, and whether another attempt may go better."""
    if isinstance(error, ProxyRefused):
        # Not in its own words: some repeat the password that they were sent.
        meaning = responses.get(error.status, "")
        said = f"the proxy refused: {error.status} {meaning}".rstrip()
        return said, error.status in (502, 503, 504)
    if isinstance(error, socket.timeout):
        return _timed_out(exchange), True
    if isinstance(error, ssl.SSLError):
        return _tls(error)
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        return f"the host name cannot be resolved ({_words(error)})", passing
    if isinstance(error, ConnectionRefusedError):
        return f"the connection was refused; {_HINT_REFUSED}", True
    if isinstance(error, HTTPException) and not isinstance(error, RemoteDisconnected):
        return _no_http(error)
    if isinstance(error, ConnectionError):
        return _dropped(exchange), True
    if isinstance(error, OSError):
        return _system(error, exchange)
    return f"the request cannot be sent ({type(error).__name__})", False


def _timed_out(exchange: Exchange) -> str:
    if exchange.deadline.left() <= 0:
        return f"no complete answer within {exchange.deadline.allowed:g} s, all in all"
    waited = f"within {exchange.timeout:g} s"
    if exchange.answered:
        return f"the answer broke off: nothing more came {waited}"
    if exchange.sent:
        return f"no answer {waited}"
    return f"no connection {waited}"


def _tls(error: ssl.SSLError) -> Tuple[str, bool]:
    if isinstance(error, ssl.SSLCertVerificationError):
        said = printable(getattr(error, "verify_message", error))
        reason = f"the server's certificate is not trusted: {said}; {_HINT_UNTRUSTED}"
        return reason, False
    if isinstance(error, _DROPPED):
        return "the connection was closed in the middle of TLS", True
    said = printable(getattr(error, "reason", None) or type(error).__name__)
    return f"TLS failed ({said}); does the server speak https on this port?", False


def _no_http(error: HTTPException) -> Tuple[str, bool]:
    if isinstance(error, BrokenAnswer):
        return str(error), True
    if isinstance(error, IncompleteRead):
        return "the answer broke off before its end", True
    no_status = isinstance(error, LineTooLong) and "status line" in str(error)
    if no_status or isinstance(error, (BadStatusLine, UnknownProtocol)):
        return "what came back is no HTTP answer", True
    if isinstance(error, LineTooLong) or type(error) is HTTPException:
        return "the head of the answer is too long", False
    return f"the request cannot be sent ({type(error).__name__})", False


def _dropped(exchange: Exchange) -> str:
    if exchange.answered:
        return "the connection was closed in the middle of the answer"
    if exchange.sent:
        return "the connection was closed before an answer came"
    return "the connection was closed as soon as it was made"


def _system(error: OSError, exchange: Exchange) -> Tuple[str, bool]:
    step = "while the answer came" if exchange.answered else "on the way"
    return f"the connection failed {step} ({_words(error)})", True


def _words(error: OSError) -> str:
    return printable(error.strerror or type(error).__name__)
