"""Every error that flowpack raises on purpose.

The tree::

    FlowpackError
      SettingsError  ScriptError  WireError  PlanChangedError
      PackagingError
        ProjectError
      DeploymentsFailedError
      ParameterError (also a TypeError)  IdentifierError (also a ValueError)
      SpecError
        DeploymentValidationError (also a ValueError)
      DiscoveryError
        MissingFlowError  UnspecifiedFlowError
      BlockError
        BlockArgumentError (also a TypeError and a ValueError)
      StorageError
        ObjectMissingError  ObjectExistsError  StorageUnavailableError  StorageIntegrityError
      APIError
        APIConnectionError
        APIStatusError
          ObjectNotFound  ObjectAlreadyExists

Facts are attributes, in the order of the constructor's arguments, and the text is built from
them, so that errors survive pickling. Wrong use of a function stays ``TypeError`` or
``ValueError``.
"""

from __future__ import annotations

from typing import Any, Iterable

#: Longest text of an error, in bytes of UTF-8, and how much of that is its end.
_LONGEST = 1900
_END = 400


def printable(value: object, limit: int = 200) -> str:
    """Return *value* as text that is safe to print in one line, cut after *limit* characters.

    What is not printable, such as control characters and lone surrogates, comes out escaped.
    """
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # It may be of any class, or nest too deeply.
        text = f"a value of type {type(value).__name__} that cannot be shown"
    shown = text[: limit + 1]
    for each in set(shown):
        if not each.isprintable():
            shown = shown.replace(each, each.encode("unicode_escape", "surrogatepass").decode())
    if len(text) <= limit and len(shown) <= 2 * limit:
        return shown
    return f"{shown[:limit]}... ({len(text)} characters)"


def quoted(value: object, limit: int = 200) -> str:
    """Return *value* as :func:`printable` text between single quotes."""
    return f"'{printable(value, limit)}'"


def suggestion(word: str, known: Iterable[str], limit: int = 1) -> str:
    """Return ``; did you mean 'x'?`` with those of *known* that are close to *word*, if any are."""
    from difflib import get_close_matches  # Imported here because it is slow to load.

    names = {each.lower(): each for each in known}
    close = get_close_matches(word[:100].lower(), names, limit)
    return f"; did you mean {' or '.join(quoted(names[each]) for each in close)}?" if close else ""


class EmbeddedAPIWarning(UserWarning):
    """No server is named, so something was written to a file of this machine; once a process.

    Example:
        >>> import warnings
        >>> from flowpack import EmbeddedAPIWarning
        >>> warnings.simplefilter("ignore", EmbeddedAPIWarning)  # it is meant
    """


class FlowpackError(Exception):
    """The base of every error that flowpack raises on purpose.

    Example:
        >>> from flowpack import DeploymentSpec, FlowpackError, deploy
        >>> try:
        ...     deploy(DeploymentSpec(flow_location="missing.py"))
        ... except FlowpackError as exc:
        ...     print(type(exc).__name__)
        DiscoveryError
    """

    def __str__(self) -> str:
        """Return the text; of a very long one the start and the end, with the advice."""
        text = self._text()
        size = len(text.encode("utf-8", "surrogatepass"))
        if size <= _LONGEST:
            return text
        each = size / len(text)
        start, end = int((_LONGEST - _END) / each), int(_END / each)
        return f"{text[:start]} [...] {text[-end:]}"

    def _text(self) -> str:
        """Return the text, of any length."""
        return super().__str__()


def _join(items: Iterable[str]) -> str:
    return "".join(f"\n  - {item}" for item in items)


class SettingsError(FlowpackError):
    """A setting has a value that cannot be used, or a source of it is broken."""


class SpecError(FlowpackError):
    """A spec or a file of specs is wrong.

    Attributes:
        where: The file, the deployment or the argument that holds the problems.
        problems: One sentence each.
    """

    def __init__(self, where: str, problems: Iterable[str]) -> None:
        self.where: str = where
        given = (problems,) if isinstance(problems, str) else problems
        self.problems: tuple[str, ...] = tuple(given)
        super().__init__(where, self.problems)

    def _text(self) -> str:
        where = printable(self.where)
        if len(self.problems) == 1:
            return f"{where}: {self.problems[0]}"
        return f"{where}: {len(self.problems)} problems:{_join(self.problems)}"


class DeploymentValidationError(SpecError, ValueError):
    """A deployment spec cannot be deployed as it is."""


class DiscoveryError(FlowpackError):
    """The flows of a script cannot be read from its source.

    Attributes:
        where: The file, with the line where it is known: ``flows.py:12``.
        reason: What is wrong and what to write instead.
    """

    def __init__(self, where: str, reason: str) -> None:
        self.where: str = where
        self.reason: str = reason
        super().__init__(where, reason)

    def _text(self) -> str:
        return f"{printable(self.where)}: {self.reason}"


class MissingFlowError(DiscoveryError):
    """The script has no flow, or none of the name that was asked for."""


class UnspecifiedFlowError(DiscoveryError):
    """The script has several flows that are meant."""


class ScriptError(FlowpackError):
    """The user's code failed while flowpack ran it.

    Attributes:
        where: The script, or the deployment whose flow ran.
        user_exc: The original exception, which is ``__cause__``, too.
        advice: What to do next, where that is known.
    """

    def __init__(self, where: str, user_exc: BaseException, advice: str = "") -> None:
        self.where: str = where
        self.user_exc: BaseException = user_exc
        self.advice: str = advice
        super().__init__(where, user_exc, advice)

    def _text(self) -> str:
        reason = f"{type(self.user_exc).__name__}: {printable(self.user_exc)}"
        advice = f"; {self.advice}" if self.advice else ""
        return f"the script {printable(self.where)} failed: {reason}{advice}"


class ParameterError(FlowpackError, TypeError):
    """An argument does not fit the flow's *parameter*, or all do not, where that is empty."""

    def __init__(self, parameter: str, reason: str) -> None:
        self.parameter: str = parameter
        self.reason: str = reason
        super().__init__(parameter, reason)

    def _text(self) -> str:
        name = self.parameter
        return f"parameter {quoted(name)}: {self.reason}" if name else self.reason


class PackagingError(FlowpackError):
    """A flow cannot be packaged."""


class ProjectError(PackagingError):
    """The files that a flow needs of its project cannot be packed as they are."""


class PlanChangedError(FlowpackError):
    """Scripts or deployments are not as planned any more; *moved* is one sentence for each."""

    def __init__(self, moved: Iterable[str]) -> None:
        self.moved: tuple[str, ...] = tuple(moved)
        super().__init__(self.moved)

    def _text(self) -> str:
        moved = self.moved
        changes = moved[0] if len(moved) == 1 else f"{len(moved)} things changed:{_join(moved)}"
        return f"the plan no longer holds; plan again: {changes}"


class DeploymentsFailedError(FlowpackError):
    """Some deployments of a set failed; the others are done.

    Attributes:
        failed: Name and error of each that failed, in the order of the set.
        deployed: The results of the others.
    """

    def __init__(
        self, failed: Iterable[tuple[str, FlowpackError]], deployed: Iterable[Any] = ()
    ) -> None:
        self.failed: tuple[tuple[str, FlowpackError], ...] = tuple(failed)
        self.deployed: tuple[Any, ...] = tuple(deployed)
        super().__init__(self.failed, self.deployed)

    def _text(self) -> str:
        each = [f"{printable(name)}: {exc}" for name, exc in self.failed]
        return f"{len(self.failed)} of the deployments failed:{_join(each)}"


class IdentifierError(FlowpackError, ValueError):
    """An id, a name or a digest that nothing can have was asked for."""


class WireError(FlowpackError):
    """JSON that came in or goes out lacks what is needed, or has it of another type."""


class BlockError(FlowpackError):
    """A block class or a block document cannot be used."""


class BlockArgumentError(BlockError, TypeError, ValueError):
    """A block was given what its field cannot hold."""


class StorageError(FlowpackError):
    """A storage could not do what it was asked.

    Attributes:
        storage: What kind of storage and where, without credentials.
        token: The token or key in question.
        reason: What came back and what to do next.
    """

    def __init__(self, storage: str, token: str, reason: str) -> None:
        self.storage: str = storage
        self.token: str = token
        self.reason: str = reason
        super().__init__(storage, token, reason)

    def _text(self) -> str:
        return f"{printable(self.storage)}: {quoted(self.token)}: {self.reason}"


#: How bytes that are missing or damaged are put back.
_REMEDY = "'flowpack deploy ... --confirm' of its script or spec file puts the right bytes back"


class ObjectMissingError(StorageError):
    """Nothing is stored under the token."""

    def _text(self) -> str:
        return f"{super()._text()}; {_REMEDY}"


class ObjectExistsError(StorageError):
    """The key is taken by other content."""


class StorageUnavailableError(StorageError):
    """The storage did not respond, or refused."""


class StorageIntegrityError(StorageError):
    """The stored bytes are not those that were stored; digests are lower-case hex."""

    def __init__(
        self, storage: str, token: str, expected: str, found: str, remedy: str = ""
    ) -> None:
        self.expected: str = expected
        self.found: str = found
        self.remedy: str = remedy or _REMEDY
        reason = (
            f"the stored bytes were changed: expected digest {expected}, found {found};"
            f" nothing of them was used; {self.remedy}"
        )
        super().__init__(storage, token, reason)
        self.args: tuple[Any, ...] = (storage, token, expected, found, self.remedy)


class APIError(FlowpackError):
    """A call of the API failed."""


class APIConnectionError(APIError):
    """No usable response came back; the *url* is without credentials and query."""

    def __init__(self, method: str, url: str, reason: str) -> None:
        self.method: str = method
        self.url: str = url
        self.reason: str = reason
        super().__init__(method, url, reason)

    def _text(self) -> str:
        return f"{self.method} {printable(self.url)}: {self.reason}"


class APIStatusError(APIError):
    """The server's response has a *status* that is not success.

    The *url* is as above; the *detail* is the server's words, bounded and without the request's.
    """

    def __init__(self, status: int, method: str, url: str, detail: str) -> None:
        self.status: int = status
        self.method: str = method
        self.url: str = url
        self.detail: str = detail
        super().__init__(status, method, url, detail)

    def _text(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.method} {printable(self.url)} answered {self.status}{detail}"


class ObjectNotFound(APIStatusError):
    """The server has no such object (status 404)."""


class ObjectAlreadyExists(APIStatusError):
    """The server has such an object, or data in conflict with it (status 409)."""


def status_error(status: int, method: str, url: str, detail: str) -> APIStatusError:
    """Return the error that stands for an HTTP *status*."""
    kinds = {404: ObjectNotFound, 409: ObjectAlreadyExists}
    return kinds.get(status, APIStatusError)(status, method, url, detail)
