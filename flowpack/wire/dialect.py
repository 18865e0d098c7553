"""What differs between the generations of the API; what all take alike is in the client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Callable, ClassVar, Dict, Mapping, Optional, Tuple, Type, TypeVar
from uuid import UUID

import attrs

from flowpack.exceptions import WireError, printable
from flowpack.models import BlockDefinition, BlockDocument, Deployment, DeploymentCreate
from flowpack.models import ScriptSource
from flowpack.transport import Effect, Request, Response
from flowpack.wire.conversion import make_converter, problems_of
from flowpack.wire.encoding import Json, path, request

Model = TypeVar("Model")

#: Sends a request and returns the JSON of the response, or what a second argument makes of it.
Send = Callable[..., Any]


@attrs.frozen
class Change:
    """One field of a deployment that differs.

    Attributes:
        field: The field's name in :class:`~flowpack.DeploymentSpec`.
        old: What the server has, as JSON.
        new: What it is to have.
    """

    field: str
    old: Json = attrs.field(hash=False)
    new: Json = attrs.field(hash=False)


class Dialect(ABC):
    """How one generation of the API is spoken.

    Methods named like those of :class:`~flowpack.Client` return the request.

    Attributes:
        name: ``orion`` or ``prefect3``.
        version: The server's release.
        uses_work_pools: Whether a deployment needs a work pool to be run.
        loads_methods: Whether its workers load flows in classes: ``file.py:Class.method``.
        workers: How many requests at a time the server is glad of.
        with_secrets: Query under which block documents are read with their secrets.
        replacing: Sent beside the data of a block document that replace all it had.
    """

    name: ClassVar[str]
    uses_work_pools: ClassVar[bool] = False
    loads_methods: bool = False
    workers: ClassVar[int] = 8
    with_secrets: ClassVar[str] = ""
    replacing: ClassVar[Mapping[str, Json]] = {}

    def __init__(self, version: str) -> None:
        self.version = version
        self._converter = make_converter()

    def headers(self, sent: Request) -> Mapping[str, str]:
        """Return further headers of a request."""
        return {}

    def renew(self, refused: Response, send: Callable[[Request], Response]) -> bool:
        """Return True if what a *refused* request lacked was fetched with *send*.

        The request is then sent again, once.
        """
        return False

    # Models

    def structure(self, value: Json, cls: Type[Model]) -> Model:
        """Return the model that *value* stands for.

        Raises:
            WireError: A field is missing or of another type; the text has the path of each.
        """
        try:
            return self._converter.structure(value, cls)
        except Exception as exc:
            problems = printable("; ".join(problems_of(value, cls)), 500)
            raise WireError(f"a response is no {cls.__name__}: {problems}") from exc

    def unstructure(self, model: Any) -> Json:
        """Return *model* as this API writes it."""
        return self._converter.unstructure(model)

    # Deployments

    @abstractmethod
    def settled(self, new: DeploymentCreate, current: Optional[Deployment]) -> DeploymentCreate:
        """Return *new* with nothing left unset, as this server would keep it.

        What is UNSET takes the value of *current*, or the reference's default where there is no
        deployment yet.
        """

    @abstractmethod
    def differences(self, current: Deployment, new: DeploymentCreate) -> Tuple[Change, ...]:
        """Return what differs, over the fields that this server keeps.

        *new* is settled. ``flow_data`` is left to the caller, who knows the bytes behind it.
        """

    @abstractmethod
    def create_deployment(self, new: DeploymentCreate) -> Request:
        """Create or update a deployment; *new* is settled."""

    def set_schedule_active(self, deployment_id: UUID, active: bool) -> Request:
        """Resume or pause a deployment."""
        verb = "set_schedule_active" if active else "set_schedule_inactive"
        return request("POST", path("deployments", deployment_id, verb), effect=Effect.UPSERT)

    def runner_of(self, current: Deployment) -> Json:
        """Return where the runs of *current* are executed, as JSON."""
        return self.unstructure(current.flow_runner)

    def problems(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return why this server or its workers could do nothing with *new*."""
        return ()

    def notes(self, new: DeploymentCreate) -> Tuple[str, ...]:
        """Return the notes of a plan on *new*."""
        return ()

    def needs_document(self, script: ScriptSource) -> bool:
        """Return True if the deployment of *script* refers to a storage block."""
        return True

    # Blocks

    @abstractmethod
    def block_schema(self, definition: BlockDefinition) -> Tuple[Dict[str, Any], str]:
        """Return ``fields`` and checksum of a block class on this server."""

    def block_type_key(self, name: str) -> Tuple[str, str]:
        """Return the field by which a block type of this *name* is found, and its value."""
        return "name", name

    @abstractmethod
    def block_document_filters(self, anonymous: bool) -> Dict[str, Any]:
        """Return the filters for named block documents, with *anonymous* for the others, too."""

    def echoes(self, document: BlockDocument, data: Mapping[str, Any]) -> bool:
        """Return True if the response to a write holds the *data* that were sent."""
        return dict(document.data) == dict(data)

    # Default storage: one request or several, through *send*

    @abstractmethod
    def get_default_storage(self, send: Send) -> Optional[BlockDocument]:
        """Return the document of the default storage; None if there is none."""

    @abstractmethod
    def set_default_storage(self, document_id: UUID, send: Send) -> None:
        """Make a storage block the default."""

    @abstractmethod
    def clear_default_storage(self, send: Send) -> None:
        """Have no default storage."""
