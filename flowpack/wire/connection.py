"""The requests of one client and what comes back, as models or as errors."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, List, Mapping, Optional, Set, Tuple, Type, TypeVar
from uuid import UUID

from flowpack.exceptions import WireError, printable, quoted
from flowpack.models import Record
from flowpack.transport import Answer, Request, Transport
from flowpack.wire import dialect_for
from flowpack.wire.dialect import Dialect, Model
from flowpack.wire.encoding import Json, decode, error_for, request

Item = TypeVar("Item", bound=Record)
Result = TypeVar("Result")

#: Most objects that one answer of a list holds; the servers' own limit.
_PAGE = 200


class Connection:
    """Sends requests in the dialect of the server, and checks what comes back."""

    def __init__(
        self, transport: Transport, dialect: Optional[Dialect], credential: str, renewing: bool
    ) -> None:
        """Take what :class:`~flowpack.Client` takes; nothing is sent yet."""
        self.transport = transport
        self.credential = credential
        self.renewing = renewing
        self._dialect = dialect

    @property
    def dialect(self) -> Dialect:
        """What the server speaks; asked for at first use."""
        if self._dialect is None:
            sent = request("GET", "/admin/version")
            answer = self._successful(sent, self.transport.send(sent))
            self._dialect = self.parse(sent, answer, dialect_for)
        return self._dialect

    def read(self, sent: Request, cls: Type[Model], **expected: Any) -> Model:
        """Return the record that answers *sent*; an answer may be somebody else's.

        Raises:
            WireError: It is no *cls*, or its fields are not as *expected*.
        """
        return self.parse(sent, self.answer(sent), partial(self.record, cls, expected))

    def json(self, sent: Request, read: Callable[[Json], Any] = lambda value: value) -> Any:
        """Return the JSON that answers *sent*, or what *read* makes of it."""
        return self.parse(sent, self.answer(sent), read)

    def list(self, path: str, cls: Type[Item], **filters: Any) -> Tuple[Item, ...]:
        """Return all records that the *filters* let through, page by page."""

        def records(value: Json) -> List[Item]:
            if not isinstance(value, list):
                raise WireError(f"a list of {cls.__name__} came as {quoted(value)}")
            return [self.dialect.structure(each, cls) for each in value]

        found: List[Item] = []
        known: Set[UUID] = set()
        while True:
            sent = request("POST", path, {"limit": _PAGE, "offset": len(found), **filters})
            items = self.parse(sent, self.answer(sent), records)
            found += items
            if len(items) < _PAGE:
                return tuple(found)
            ids = {item.id for item in items}
            if ids <= known:  # Who ignores the offset would never end.
                raise self._wire_error(sent, "the same page came twice")
            known |= ids

    def answer(self, sent: Request) -> Answer:
        """Return the answer to *sent*, which is one of success."""
        dialect = self.dialect

        def send(each: Request) -> Answer:
            return self.transport.send(each.adding(dialect.headers(each)))

        answer = send(sent)
        if self.renewing and dialect.renew(answer, send):
            answer = send(sent)
        return self._successful(sent, answer)

    def record(self, cls: Type[Model], expected: Mapping[str, Any], value: Json) -> Model:
        """Return the *cls* that *value* says; its fields must be as *expected*."""
        model = self.dialect.structure(value, cls)
        for field, wanted in expected.items():
            found = getattr(model, field)
            if found != wanted:
                facts = f"{field}: sent {quoted(wanted)}, got {quoted(found)}"
                raise WireError(f"the server answered with another {facts}")
        return model

    def parse(self, sent: Request, answer: Answer, read: Callable[[Json], Result]) -> Result:
        """Return what *read* makes of the JSON in an answer; errors name the request.

        Where the answer repeats a secret, an error says no more than that; its causes, and
        the frames that it went through, would hold the secret, too.
        """
        value = decode(answer, sent, self.transport.url)
        try:
            return read(value)
        except WireError as exc:
            if not answer.echoes:
                raise self._wire_error(sent, str(exc)) from exc
        del value, answer, read
        raise self._wire_error(
            sent,
            "the answer is not as it must be. It repeats a secret that was sent, so nothing of"
            " it is shown. Is this the address of a Prefect API?",
        )

    def mismatch(self, sent: Request, fields: str) -> WireError:
        """Return the error for an answer whose *fields* are not those that were sent."""
        return self._wire_error(sent, f"the server answered with another {fields}")

    def _wire_error(self, sent: Request, problem: str) -> WireError:
        return WireError(f"{sent.method} {printable(self.transport.url)}{sent.path}: {problem}")

    def _successful(self, sent: Request, answer: Answer) -> Answer:
        if not 200 <= answer.status < 300:
            raise error_for(answer, sent, self.transport.url, self.credential)
        return answer
