"""What requests, urllib3 and sockets raise, in words that hold no secret."""

from __future__ import annotations

import re
import socket
import ssl
from http import client as http
from typing import Optional, Tuple

import requests
from urllib3 import exceptions as urllib3
from urllib3.connection import CertificateError  # type: ignore[attr-defined]  # its own in 1.26

from flowpack._http.adapter import DROPPED, Attempt
from flowpack._http.retries import Failure
from flowpack.exceptions import printable

_LIBRARIES = (requests.RequestException, urllib3.HTTPError)

#: Everything that a call may raise because of the network.
FOREIGN = (http.HTTPException, OSError, ValueError, *_LIBRARIES)

#: Of a text of the proxy's; some repeat the password that they were sent.
_PROXY_STATUS = r"Tunnel connection failed: (\d{3})"

#: Errors, the reason that stands for them, and whether another attempt may go better. Subclasses
#: come first; those of requests are OSErrors, too.
_REASONS = (
    (
        (ssl.SSLCertVerificationError, CertificateError),
        "the server's certificate is not trusted: {text}; if a CA of your own signed it,"
        " set PREFECT_API_SSL_CERT_FILE (or SSL_CERT_FILE) to a file with that CA's certificate",
        False,
    ),
    (
        ConnectionRefusedError,
        "the connection was refused; is the server running, and is this its address?",
        True,
    ),
    (DROPPED, "the connection was closed {stage}", True),
    (ssl.SSLError, "TLS failed ({words}); does the server speak https on this port?", False),
    (
        (http.IncompleteRead, urllib3.ProtocolError, urllib3.InvalidHeader),
        "the response broke off before its end",
        True,
    ),
    ((http.BadStatusLine, http.UnknownProtocol), "what came back is no HTTP response", True),
    (urllib3.ResponseError, "the session's adapter gave up: {text}", False),
    # What stands in for a server in tests raises these two.
    ((requests.Timeout, requests.ConnectionError), "the connection failed", True),
    (
        requests.exceptions.InvalidSchema,
        "the session has no adapter for this URL, or its SOCKS proxy needs PySocks",
        False,
    ),
    (requests.HTTPError, "a hook of the session refused status {status}", False),
    (
        (requests.RequestException, http.InvalidURL, http.ImproperConnectionState),
        "the request cannot be sent ({kind})",
        False,
    ),
    (http.HTTPException, "the head of the response is too long", False),
    (OSError, "the connection failed {stage} ({words})", True),
    (Exception, "the request cannot be sent ({kind})", False),
)


def bare(error: BaseException) -> BaseException:
    """Return *error* without its frames and causes, whose variables hold headers, bodies, URLs."""
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error


def explain(
    root: BaseException, attempt: Attempt, handled: Optional[BaseException] = None
) -> Failure:
    """Return what *root*, which is none of *handled*, means for the *attempt* that it ended."""
    while isinstance(root, _LIBRARIES):  # They wrap others in their own.
        below = root.__cause__ or root.__context__
        if below is None or below is handled:  # Some were made and not raised.
            inner = (*root.args, getattr(root, "reason", None))
            below = next((each for each in inner if isinstance(each, BaseException)), None)
        if below is None:
            break
        root = below
    reason, passing = _describe(root, attempt)
    own = (http.IncompleteRead, http.RemoteDisconnected, OSError)
    # A text of the proxy's, a server's or with a URL in it is not shown.
    harmless = isinstance(root, own) and not isinstance(root, _LIBRARIES)
    harmless = harmless and str(root).isprintable() and not re.search(_PROXY_STATUS, str(root))
    idle = attempt.sent and not (attempt.opened or attempt.answered) and isinstance(root, DROPPED)
    return Failure(reason, passing, attempt.sent, bare(root) if harmless else None, idle)


def _describe(error: BaseException, attempt: Attempt) -> Tuple[str, bool]:
    """Return what happened, and whether another attempt may go better."""
    text, kind = str(getattr(error, "verify_message", error)), type(error).__name__
    words = printable(getattr(error, "reason", None) or getattr(error, "strerror", None) or kind)
    if isinstance(error, socket.timeout):
        if attempt.deadline.left() > 0:
            return f"nothing came within {attempt.timeout:g} s, {attempt.stage}", True
        allowed = f"{round(attempt.deadline.allowed, 1):g} s"
        return f"no complete response within {allowed}, all in all", True
    if isinstance(error, socket.gaierror):
        return f"the host name cannot be resolved ({words})", error.errno == socket.EAI_AGAIN
    if "Could not find the TLS" in text:  # The client certificate of the session.
        return printable(text), False
    refused = re.search(_PROXY_STATUS, text)
    if refused:
        status = int(refused[1])
        meaning = http.responses.get(status, "unknown")
        return f"the proxy refused: {status} {meaning}", status in (502, 503, 504)
    reason, passing = next(row[1:] for row in _REASONS if isinstance(error, row[0]))
    code = getattr(getattr(error, "response", None), "status_code", "unknown")
    facts = {"stage": attempt.stage, "kind": kind, "words": words, "status": code}
    return reason.format(text=printable(text), **facts), passing
