"""The session: makes calls through requests, each with attempts, waits and limits."""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import sys
import time
from collections import OrderedDict
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Callable, Iterator, Mapping, Optional, Type, Union

import attrs
import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, select_proxy
from urllib3 import Retry

from flowpack._http.adapter import Attempt, DeadlineAdapter
from flowpack._http.errors import FOREIGN, bare, explain
from flowpack._http.messages import LocalError, Sink, basic, receive, secrets_in
from flowpack._http.retries import BUDGETS, Deadline, Failure, Result, RetryPolicy, run_with_retries
from flowpack.exceptions import APIConnectionError, SettingsError, quoted
from flowpack.transport import Effect, Response
from flowpack.urls import CA_VARIABLES, ParsedURL, mask_url, parse_url


@attrs.frozen(kw_only=True)
class HTTPOptions:
    """How calls are made; all that speaks HTTP takes the same.

    Attributes:
        timeout: Longest wait for each network step, in seconds.
        deadline: Longest time for a call, its repetitions included, in seconds.
        verify: Whether certificates are checked, or the file or folder of CA certificates to
            trust. None takes that from the environment, else those that come with requests.
        session: Used in place of a new one, and left open.
        retries: What is repeated.
        sleep: Waits so many seconds.
    """

    timeout: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    deadline: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    verify: Union[bool, str, None] = None
    session: Optional[requests.Session] = attrs.field(default=None, repr=False)
    retries: RetryPolicy = RetryPolicy()
    # Not the function itself, which gevent may replace later on.
    sleep: Callable[[float], object] = lambda seconds: time.sleep(seconds)


class HTTPSession:
    """Makes calls under one set of options; threads may share it, and forked processes."""

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._session = options.session or requests.Session()
        if options.session is None:
            self._session.headers.clear()
            self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._ssl_context = functools.lru_cache(maxsize=None)(_ssl_context)
        self._mount(HTTPAdapter)

    def _mount(self, replaced: Type[HTTPAdapter]) -> None:
        """Replace adapters of the type *replaced* by new ones that keep deadlines."""
        self._pid = os.getpid()
        self._session.adapters = OrderedDict(
            (prefix, DeadlineAdapter() if type(adapter) is replaced else adapter)
            for prefix, adapter in self._session.adapters.items()
        )

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        if self._options.session is None:
            self._session.close()

    def call(
        self,
        request: requests.Request,
        address: ParsedURL,
        effect: Effect,
        *,
        sink: Optional[Sink] = None,
        seconds_per_mib: float = 0.0,
    ) -> Response:
        """Send *request* to *address* and return the response, whatever its status.

        The body of a 200 goes into *sink*. Each MiB moved gives the call *seconds_per_mib* more.

        Raises:
            APIConnectionError: No usable response came back.
            SettingsError: The proxy or the CA certificates cannot be used.
            OSError: The caller's own file failed.
        """
        request.url = address.url
        options, sink = self._options, sink or Sink()
        deadline = Deadline(options.deadline, seconds_per_mib)
        result, attempts = run_with_retries(
            lambda: self._attempt(request, effect, sink, Attempt(deadline, options.timeout)),
            effect=effect,
            policy=options.retries,
            deadline=deadline,
            budget=BUDGETS[address.origin],
            sleep=options.sleep,
            label=f"{request.method} {address.shown}",
        )
        if isinstance(result, Response):
            return result
        reason = result.reason
        if attempts > 1:
            reason += f" ({attempts} attempts in {deadline.elapsed():.1f} s)"
        raise APIConnectionError(str(request.method), address.shown, reason) from result.cause

    def _attempt(
        self, request: requests.Request, effect: Effect, sink: Sink, attempt: Attempt
    ) -> Result:
        """Send the request once; foreign errors end here."""
        handled = sys.exc_info()[1]
        token = Attempt.current.set(attempt)
        try:
            return self._exchange(request, effect, sink, attempt)
        except Failure as exc:
            bare(exc)
            return exc
        except SettingsError as exc:
            own: BaseException = exc
        except LocalError as exc:
            own = exc.__cause__ or exc
        except FOREIGN as exc:
            return explain(exc, attempt, handled)
        finally:
            Attempt.current.reset(token)
        raise bare(own)

    def _exchange(
        self, request: requests.Request, effect: Effect, sink: Sink, attempt: Attempt
    ) -> Response:
        if self._pid != os.getpid():
            self._mount(DeadlineAdapter)  # What the parent opened is the parent's.
        session, url = self._session, str(request.url)
        prepared = _prepare(session, request)
        options = session.merge_environment_settings(url, {}, True, None, None)
        options["verify"] = trusted = self._trusted()
        proxy = _proxy(url, options["proxies"])
        if url.startswith("https:") or (proxy and proxy.scheme == "https"):
            attempt.ssl_context = self._ssl_context(trusted)
        if not isinstance(session.get_adapter(url), DeadlineAdapter):
            attempt.sent = True  # That is not known of the user's own.
        timeout = (attempt.remaining(),) * 2
        create = effect is Effect.CREATE
        with _for_creation(session, url) if create else contextlib.nullcontext(session) as sender:
            sending = sender.send(prepared, timeout=timeout, allow_redirects=False, **options)
            with sending as reply:
                response = receive(reply, attempt, sink)
        secrets = secrets_in(prepared.headers)
        if proxy and proxy.credentials:
            secrets |= secrets_in({"Proxy-Authorization": basic(proxy.credentials)})
        masked = response.without(secrets)
        if response.status < 300:
            return attrs.evolve(response, echoes=masked.body != response.body)
        return masked  # It will be shown in part, and some servers repeat what they were sent.

    def _trusted(self) -> Union[bool, str]:
        """Return a file or folder of CA certificates; False for trusting anyone."""
        verify = self._options.verify
        if self._options.session is not None and self._session.verify is not True:
            verify = self._session.verify
        if verify is None and self._session.trust_env:
            verify = next(filter(None, map(os.environ.get, CA_VARIABLES)), None)
        return verify if verify is False or isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH


def _prepare(session: requests.Session, request: requests.Request) -> requests.PreparedRequest:
    request.auth = session.auth or (lambda prepared: prepared)  # Else a ``.netrc`` is read.
    prepared = session.prepare_request(request)
    # It was tidied, and a flow may be called ".."; what the session adds is in the query.
    path, mark, query = str(request.url).partition("?")
    if session.params:
        mark, query = "?", str(prepared.url).partition("?")[2]
    prepared.url = path + mark + query
    prepared.register_hook("response", _hide_redirect)
    return prepared


def _hide_redirect(response: requests.Response, **_: Any) -> None:
    """Hide where it points: requests would read its body without a limit, and go on."""
    if response.is_redirect:
        del response.headers["location"]


def _proxy(url: str, proxies: Mapping[str, str]) -> Optional[ParsedURL]:
    """Return the proxy that requests takes for *url*; None for none, or for SOCKS."""
    proxy = select_proxy(url, proxies)
    if not proxy or proxy.lower().startswith("socks"):
        return None
    try:
        return parse_url(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError as exc:
        raise SettingsError(
            f"the proxy {quoted(mask_url(proxy))} {exc}; correct HTTP_PROXY or HTTPS_PROXY, or"
            " name the host in NO_PROXY"
        ) from None


@contextlib.contextmanager
def _for_creation(session: requests.Session, url: str) -> Iterator[requests.Session]:
    """Give a copy of *session* whose adapter repeats nothing and has connections of its own.

    One that was kept may be closed just now, and then nobody knows whether the request was taken.
    """
    adapter = session.get_adapter(url)
    if not isinstance(adapter, HTTPAdapter):
        yield session
        return
    once, copied = object.__new__(type(adapter)), object.__new__(type(session))
    vars(once).update(vars(adapter), max_retries=Retry(0, read=False), proxy_manager={})
    once.init_poolmanager(1, 1)
    vars(copied).update(vars(session), adapters=OrderedDict({"": once}))
    with contextlib.closing(once):
        yield copied


def _ssl_context(trusted: Union[bool, str]) -> ssl.SSLContext:
    """Return a context for all connections; to read the usual certificates takes 15 ms."""
    if isinstance(trusted, bool):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    try:
        if os.path.isdir(trusted):
            context = ssl.create_default_context(capath=trusted)
        elif os.path.isfile(trusted):  # What is none may never end.
            context = ssl.create_default_context(cafile=trusted)
        else:
            raise ValueError("there is no such file or folder")
    except (OSError, ValueError) as exc:
        raise SettingsError(
            f"the CA certificates in {quoted(trusted)} cannot be read"
            f" ({type(exc).__name__}: {exc}); set PREFECT_API_SSL_CERT_FILE or SSL_CERT_FILE to"
            " a file of PEM certificates"
        ) from exc
    context.check_hostname = False  # urllib3 does that; 1.26 names no IP address to a context.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
