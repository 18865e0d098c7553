"""What requests, urllib3 and sockets raise, in words that hold no secret."""

from __future__ import annotations

import re
import socket
import ssl
from http import client as http
from typing import Optional, Tuple, TypeVar

import requests
from urllib3 import exceptions as urllib3

from flowpack._http.adapter import DROPPED, Attempt, BrokenResponse, ResponseRefused
from flowpack._http.retries import Failure
from flowpack.exceptions import printable

_LIBRARIES = (requests.RequestException, urllib3.HTTPError)

#: Everything that a call may raise because of the network.
FOREIGN = (ResponseRefused, http.HTTPException, OSError, ValueError, *_LIBRARIES)

#: The words of a proxy follow: some repeat the password that they were sent.
_PROXY_STATUS = r"Tunnel connection failed: (\d{3})"

#: What means the same however far an attempt came: error, words, whether it may pass.
_REASONS = (
    # By the creation of another thread.
    (urllib3.ClosedPoolError, "the connection was closed before it was used", True),
    (
        (http.IncompleteRead, urllib3.ProtocolError, urllib3.InvalidHeader),
        "the response broke off before its end",
        True,
    ),
    ((http.BadStatusLine, http.UnknownProtocol), "what came back is no HTTP response", True),
    # Made up by what stands in for a server in tests.
    (requests.Timeout, "nothing came in time", True),
    (requests.ConnectionError, "the connection failed", True),
)

ErrorType = TypeVar("ErrorType", bound=BaseException)


def bare(error: ErrorType) -> ErrorType:
    """Strip *error* of its frames and of what it comes from, and return it.

    They hold headers, bodies and URLs, and some tools print the values of all variables.
    """
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error


def explain(
    error: BaseException, attempt: Attempt, handled: Optional[BaseException] = None
) -> Failure:
    """Return what *error* means for the *attempt* that it ended.

    *handled* is what the caller was handling already, which is no part of it.
    """
    root = _root(error, handled)
    reason, passing = _describe(root, attempt)
    sent = attempt.sent and not isinstance(root, urllib3.ClosedPoolError)
    idle = sent and not (attempt.opened or attempt.answered) and isinstance(root, DROPPED)
    cause = bare(root) if _is_harmless(root) else None
    return Failure(reason, passing, sent, idle, cause)


def _root(error: BaseException, handled: Optional[BaseException]) -> BaseException:
    """Return the outermost error that is not one that requests and urllib3 wrap others in."""
    while isinstance(error, _LIBRARIES):
        below = error.__cause__ or error.__context__
        if below is None or below is handled:  # Some were made and not raised.
            inner = (*error.args, getattr(error, "reason", None))
            below = next((each for each in inner if isinstance(each, BaseException)), None)
        if below is None:
            break
        error = below
    return error


def _is_harmless(error: BaseException) -> bool:
    """Return True if no text of *error* can be a server's, or a URL."""
    own = (http.IncompleteRead, http.RemoteDisconnected, BrokenResponse, OSError)
    if not isinstance(error, own) or isinstance(error, _LIBRARIES):
        return False
    return str(error).isprintable() and not re.search(_PROXY_STATUS, str(error))


def _describe(error: BaseException, attempt: Attempt) -> Tuple[str, bool]:
    """Return what happened, and whether another attempt may go better."""
    if isinstance(error, (ResponseRefused, BrokenResponse)):
        return str(error), isinstance(error, BrokenResponse)
    # urllib3 1.26 has an error of its own for another name in the certificate.
    if isinstance(error, ssl.SSLError) or type(error).__name__ == "CertificateError":
        return _describe_tls(error)
    if isinstance(error, http.LineTooLong) and "status line" in str(error):
        error = http.UnknownProtocol("")
    if isinstance(error, OSError) and not isinstance(error, _LIBRARIES):
        return _describe_system(error, attempt)
    for types, words, passing in _REASONS:
        if isinstance(error, types):
            return words, passing
    if isinstance(error, http.LineTooLong) or type(error) is http.HTTPException:
        return "the head of the response is too long", False
    return _describe_session(error), False


def _describe_session(error: BaseException) -> str:
    """Return what is wrong with the request, or with what the user's session does to it."""
    if isinstance(error, requests.exceptions.InvalidSchema):
        if "SOCKS" in str(error):
            return "the SOCKS proxy cannot be used without PySocks"
        return "the session has no adapter for this URL"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return f"a hook of the session refused status {status}, which flowpack has to see"
    if isinstance(error, urllib3.ResponseError):
        return f"the session's adapter gave up: {printable(str(error))}"
    return f"the request cannot be sent ({type(error).__name__})"


def _describe_system(error: OSError, attempt: Attempt) -> Tuple[str, bool]:
    words = printable(error.strerror or type(error).__name__)
    if isinstance(error, socket.timeout):
        allowed = round(attempt.deadline.allowed, 1)
        if attempt.deadline.left() <= 0:
            return f"no complete response within {allowed:g} s, all in all", True
        return f"nothing came within {attempt.timeout:g} s, {attempt.stage}", True
    if isinstance(error, ConnectionRefusedError):
        hint = "is the server running, and is this its address?"
        return f"the connection was refused; {hint}", True
    if isinstance(error, ConnectionError):
        return f"the connection was closed {attempt.stage}", True
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({words})", error.errno == socket.EAI_AGAIN
    if error.errno is None and "TLS" in str(error):  # The session's ``cert``.
        return printable(str(error)), False
    refused = re.search(_PROXY_STATUS, str(error))
    if refused:
        status = int(refused[1])
        meaning = f"{status} {http.responses.get(status, '')}".rstrip()
        return f"the proxy refused: {meaning}", status in (502, 503, 504)
    return f"the connection failed {attempt.stage} ({words})", True


def _describe_tls(error: BaseException) -> Tuple[str, bool]:
    if isinstance(error, DROPPED):
        return "the connection was closed in the middle of TLS", True
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError):
        reason = printable(getattr(error, "reason", None) or type(error).__name__)
        return f"TLS failed ({reason}); does the server speak https on this port?", False
    return (
        "the server's certificate is not trusted:"
        f" {printable(getattr(error, 'verify_message', error))}; if a CA of your own signed it,"
        " set PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE) to a file with that CA's certificate"
    ), False
