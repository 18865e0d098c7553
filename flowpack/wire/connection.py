"""The requests of one client and what comes back, as models or as errors."""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Optional, Set, Tuple, Type, TypeVar
from uuid import UUID, uuid4

import attrs

from flowpack._logs import INFO, log
from flowpack.exceptions import WireError, printable, quoted
from flowpack.models import Record
from flowpack.transport import Effect, Request, Response, Transport
from flowpack.wire import dialect_for
from flowpack.wire.dialect import Dialect, Model
from flowpack.wire.encoding import Json, decode, error_for, request, wants_csrf_token

Item = TypeVar("Item", bound=Record)
Result = TypeVar("Result")

#: Most objects that one response of a list holds; the servers' own limit.
_PAGE = 200


class Connection:
    """Sends requests in the dialect of the server, and checks what comes back."""

    def __init__(
        self, transport: Transport, dialect: Optional[Dialect], credential: str, renewing: bool
    ) -> None:
        self.transport: Transport = transport
        self._dialect = dialect
        self.credential: str = credential
        self.renewing: bool = renewing
        self.csrf: Dict[str, str] = {}  # Headers, once a server has asked for them.

    @property
    def dialect(self) -> Dialect:
        """What the server speaks; asked for at first use."""
        if self._dialect is None:
            sent = request("GET", "/admin/version")
            response = self._successful(sent, self.transport.send(sent))
            self._dialect = self._parse(sent, response, dialect_for)
        return self._dialect

    def json(self, sent: Request, read: Callable[[Json], Any] = lambda value: value) -> Any:
        """Return the JSON that answers *sent*, or what *read* makes of it."""
        result = self._parse(sent, self._send(sent), read)
        if sent.effect is not Effect.READ:
            log(__name__, INFO, "%s %s", sent.method, sent.path)
        return result

    def read(self, sent: Request, cls: Type[Model], **expected: Any) -> Model:
        """Return the record that answers *sent*, whose fields must be as *expected*."""

        def record(value: Json) -> Model:
            model = self.dialect.structure(value, cls)
            for field, sent_value in expected.items():
                found = getattr(model, field)
                if found != sent_value:
                    facts = f"{field}: sent {quoted(sent_value)}, got {quoted(found)}"
                    raise WireError(f"the server answered with another {facts}")
            return model

        response = self._send(sent)
        model = self._parse(sent, response, record)
        if sent.effect is not Effect.READ:
            kind = " ".join(re.findall("[A-Z][a-z]+", cls.__name__.replace("Record", ""))).lower()
            known = "updated" if kind == "deployment" else "found"
            name, id_ = getattr(model, "name", ""), getattr(model, "id", "")
            verb = "created" if response.status == 201 else known
            log(__name__, INFO, "%s %s %s %s", verb, kind, quoted(name), id_)
        return model

    def list(
        self,
        path: str,
        cls: Type[Item],
        start: int = 0,
        most: Optional[int] = None,
        /,
        **filters: Any,
    ) -> Tuple[Item, ...]:
        """Return the records that the *filters* let through, page by page.

        The first *start* are left out. With *most* it is one page, of so many records.
        """

        def records(value: Json) -> List[Item]:
            if not isinstance(value, list):
                raise WireError(f"a list of {cls.__name__} came as {quoted(value)}")
            return [self.dialect.structure(each, cls) for each in value]

        found: List[Item] = []
        ids: Set[UUID] = set()
        while True:
            page = {"limit": min(_PAGE, most or _PAGE), "offset": start + len(found)}
            sent = request("POST", path, {**page, **filters})
            items: List[Item] = self.json(sent, records)
            found += items
            if len(items) < _PAGE or most is not None:
                return tuple(found)
            seen = len(ids)
            ids.update(item.id for item in items)
            if len(ids) == seen:  # Who ignores the offset would never end.
                raise self.wire_error(sent, "the same page came twice")

    def wire_error(self, sent: Request, problem: str) -> WireError:
        """Return the error for a *problem* with the response to *sent*."""
        return WireError(f"{sent.method} {printable(self.transport.url)}{sent.path}: {problem}")

    def _send(self, sent: Request) -> Response:
        """Return the response to *sent*, which is one of success."""
        response = self._send_once(sent)
        # Few servers want a CSRF token, so it is not asked for before. It lives an hour.
        if self.renewing and wants_csrf_token(response) and self._renew_csrf():
            response = self._send_once(sent)
        return self._successful(sent, response)

    def _send_once(self, sent: Request) -> Response:
        csrf = {} if sent.method == "GET" else self.csrf
        return self.transport.send(attrs.evolve(sent, headers={**self.dialect.headers, **csrf}))

    def _renew_csrf(self) -> bool:
        """Fetch a CSRF token; return False where the server gives none."""
        client = str(uuid4())
        response = self._send_once(request("GET", "/csrf-token", query=f"client={client}"))
        try:
            token = json.loads(response.body)["token"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        is_given = response.status == 200 and isinstance(token, str)
        if is_given:
            self.csrf.update({"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client})
        return is_given

    def _successful(self, sent: Request, response: Response) -> Response:
        if not 200 <= response.status < 300:
            raise error_for(response, sent, self.transport.url, self.credential)
        return response

    def _parse(self, sent: Request, response: Response, read: Callable[[Json], Result]) -> Result:
        """Return what *read* makes of the JSON in a response; errors name the request.

        Where it repeats a secret, no error, cause or variable of a frame may hold more of it.
        """
        value = decode(response, sent, self.transport.url)
        try:
            return read(value)
        except WireError as exc:
            if not response.echoes:
                raise self.wire_error(sent, str(exc)) from exc
        del value, response, read
        raise self.wire_error(
            sent,
            "the response is not as it must be. It repeats a secret that was sent, so nothing of"
            " it is shown. Is this the address of a Prefect API?",
        )
