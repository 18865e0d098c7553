"""Loads the script of a deployment, checked, and its flow."""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Dict, Iterable, Mapping, NamedTuple, Optional
from typing import Tuple, Union, cast
from uuid import UUID

import attrs

from flowpack._interpreter import BUNDLE_MARK
from flowpack.analysis.script import SIZE_LIMIT, Script
from flowpack.blocks.block import Block
from flowpack.blocks.documents import built_in
from flowpack.blocks.storage import FileStorageBlock, StorageBlock, TempStorageBlock
from flowpack.blocks.storage_errors import storage_errors
from flowpack.client import Client
from flowpack.connect import using
from flowpack.exceptions import (
    BlockError,
    DiscoveryError,
    FlowpackError,
    IdentifierError,
    ObjectNotFound,
    PackagingError,
    ProjectError,
    StorageIntegrityError,
    printable,
    quoted,
    suggestion,
)
from flowpack.models import DataDocument, Deployment, StoredObject

if TYPE_CHECKING:
    from flowpack.projects.bundle import Bundle

#: What is longer lies on the disk until all of it has come, in bytes.
_IN_MEMORY = 8 * 1024 * 1024

#: No project is shorter than the code in it that unpacks the files, in bytes.
SMALLEST_PROJECT = 4000

_SHA256 = re.compile("[0-9A-Fa-f]{64}")

_UNVERIFIED = (
    "say unverified=True (--unverified) if you trust whoever can write there, or deploy the"
    " script again with flowpack"
)


@attrs.frozen
class FetchedScript:
    """A deployment's script, read and checked.

    Attributes:
        flow_name: The flow in it that the deployment runs.
        verified: Whether a digest matched.
        filename: The name that workers give the file.
        variable: The module-level name of the flow, where workers go by that.
    """

    content: bytes = attrs.field(repr=False)
    flow_name: str
    verified: bool
    filename: str
    variable: Optional[str] = None

    def load_flow(self) -> Any:
        """Run the script and return its flow; see :func:`load_flow_from_deployment`."""
        # Imported here because it is slow to load, and most who import this module run no script.
        from flowpack.loading import load_flow_from_script

        script = Script(self.content, self.filename)
        return load_flow_from_script(script, self.flow_name, variable=self.variable)

    def parameter_schema(self) -> Mapping[str, Any]:
        """Return the schema of the flow's parameters, read from the script; empty if unknown."""
        from flowpack.analysis.discovery import select_flow
        from flowpack.packaging.script import known_schema

        script, name = Script(self.content, self.filename), self.variable or self.flow_name
        try:
            project = self.project()
            if project is not None:
                from flowpack.packaging.project import linked_script

                script, name = linked_script(project), project.flow
            return known_schema(select_flow(script, name))
        except (DiscoveryError, ProjectError):
            return {}

    def project(self) -> Optional[Bundle]:
        """See :func:`read_project`."""
        return read_project(self.content)


def read_project(content: bytes) -> Optional[Bundle]:
    """Return the files of a project, read and not run; None for a single script.

    Raises:
        ProjectError: They are not as they were packaged.
    """
    if not content.startswith(BUNDLE_MARK):
        return None
    # Imported here because it is slow to load, and few deployments are projects.
    from flowpack.projects.bundle import unpack

    return unpack(content)


def load_flow_from_deployment(
    deployment: Union[Deployment, UUID, str],
    client: Optional[Client] = None,
    *,
    unverified: bool = False,
    sha256: Optional[str] = None,
) -> Any:
    """Return the flow of a deployment; runs its script once it is verified.

    Args:
        deployment: A record, an id, or a name ``FLOW/DEPLOYMENT``.
        client: None connects to what the settings say.
        unverified: Whether to run bytes without a digest, as deployments of others have them.
        sha256: Refuse anything but the bytes of this digest, whatever the server says.

    Raises:
        IdentifierError: *sha256* is no digest.
        StorageIntegrityError: The bytes are not those that were deployed.
        PackagingError: They cannot be verified, or the deployment has no script.
        ObjectNotFound: No such deployment, flow or storage block.
        StorageError: The storage does not give the bytes.
        ScriptError: The script failed.
        MissingFlowError: The script does not define the flow.

    Example:
        >>> from flowpack import DeploymentSpec, FileStorageBlock, deploy, load_flow_from_deployment
        >>> store = FileStorageBlock("store")
        >>> spec = DeploymentSpec(name="nightly", flow_location="flows.py", flow_storage=store)
        >>> _ = deploy(spec)
        >>> etl = load_flow_from_deployment("etl/nightly")
        >>> etl(day="2026-12-24")
        'loaded 2026-12-24'
    """
    return fetch_script(deployment, client, unverified=unverified, sha256=sha256).load_flow()


def fetch_script(
    deployment: Union[Deployment, UUID, str],
    client: Optional[Client] = None,
    *,
    unverified: bool = False,
    sha256: Optional[str] = None,
) -> FetchedScript:
    """Return the script of a deployment; see :func:`load_flow_from_deployment`."""
    if sha256 is not None and not _SHA256.fullmatch(str(sha256)):
        raise IdentifierError(
            f"{quoted(sha256)} is no SHA-256 digest, which has 64 hexadecimal digits"
        )
    with using(client) as api:
        record = find_deployment(deployment, api)
        flow_name = api.read_flow(record.flow_id).name
        content, verified = read_script(record, api, unverified or sha256 is not None)
    if sha256 is not None:
        found = hashlib.sha256(content).hexdigest()
        remedy = "deploy those that you ask for, or ask for these"
        check_digest(found, Digest("sha256", sha256.lower()), quoted(record.name), "", remedy)
    file, _, variable = str(record.extra.get("entrypoint") or "").rpartition(":")
    return FetchedScript(
        content,
        flow_name,
        verified or sha256 is not None,
        file.rpartition("/")[2] or f"{flow_name}.py",
        variable if file and all(map(str.isidentifier, variable.split("."))) else None,
    )


def find_deployments(
    client: Client, flow_names: Optional[Iterable[str]] = None
) -> Dict[str, Deployment]:
    """Return all deployments, or those of some flows, by their full names, sorted."""
    deployments = client.read_deployments(flow_names=flow_names)
    found = client.read_flows(names=flow_names) if deployments else ()
    flows = {flow.id: flow.name for flow in found}
    named = {f"{flows.get(each.flow_id, each.flow_id)}/{each.name}": each for each in deployments}
    return dict(sorted(named.items()))


def find_deployment(deployment: Union[Deployment, UUID, str], client: Client) -> Deployment:
    """Return the record of a deployment."""
    if isinstance(deployment, Deployment):
        return deployment
    if isinstance(deployment, UUID):
        return client.read_deployment(deployment)
    try:
        return client.read_deployment_by_name(deployment)
    except ObjectNotFound as exc:
        hint = ""
        with suppress(FlowpackError):
            hint = suggestion(deployment, find_deployments(client), 3)
        raise ObjectNotFound(exc.status, exc.method, exc.url, exc.detail + hint) from exc


def read_script(record: Deployment, client: Client, unverified: bool = False) -> Tuple[bytes, bool]:
    """Return the bytes of a deployment's script, and True if a digest matched."""
    document = record.flow_data
    if document is None:
        raise PackagingError(
            f"where the script of {quoted(record.name)} is, is not known: {why_no_script(record)};"
            " deploy the script with flowpack"
        )
    stored = document.stored_object
    if stored is None:
        return _read_inline(document, record, unverified), False
    storage = find_storage(stored, record, client)
    expected = expected_digest(stored, storage)
    if expected is None and not unverified:
        raise PackagingError(
            f"the script of {quoted(record.name)} cannot be verified: neither the deployment nor"
            f" the key {quoted(stored.token)} holds a digest of it; {_UNVERIFIED}"
        )
    # Imported here because it is slow to load.
    from tempfile import SpooledTemporaryFile

    with SpooledTemporaryFile(_IN_MEMORY) as file:
        with storage_errors(storage, stored.token):
            storage.read_into(stored.token, cast(BinaryIO, file), SIZE_LIMIT)
        file.seek(0)
        content = file.read()
    if expected is not None:
        found = hashlib.new(expected.algorithm, content, usedforsecurity=False).hexdigest()
        check_digest(found, expected, storage.block_type_name, stored.token)
    return content, expected is not None


def _read_inline(document: DataDocument, record: Deployment, unverified: bool) -> bytes:
    """Return a script that stands in the deployment itself."""
    text = document.decode()
    if not isinstance(text, str):
        raise PackagingError(
            f"the deployment {quoted(record.name)} holds a {type(text).__name__}, not a script"
        )
    if not unverified:
        raise PackagingError(
            f"the script of {quoted(record.name)} stands in the deployment itself, without a"
            f" digest; {_UNVERIFIED}"
        )
    return text.encode("utf-8", "surrogatepass")


def why_no_script(record: Deployment) -> str:
    """Return why *record* has no ``flow_data``."""
    if record.script_problem is not None:
        return record.script_problem
    return "it was made by another tool, in a way that does not say where its script is"


# --- where the bytes are, and what they must hash to --------------------------------------


def find_storage(stored: StoredObject, record: Deployment, client: Client) -> StorageBlock:
    """Return the storage block that holds what a deployment points at."""
    if stored.block_document_id is not None:
        try:
            document = client.read_block_document(stored.block_document_id)
        except ObjectNotFound as exc:
            raise BlockError(
                f"the storage block {stored.block_document_id} of the deployment"
                f" {quoted(record.name)} was deleted on the server; deploy again with another"
                " storage"
            ) from exc
        block = Block.from_document(document)
        if not isinstance(block, StorageBlock):
            raise BlockError(f"the block {quoted(document.name)} is no storage")
        return block
    script = record.script
    if script is None:  # On 2.0b7 what names no block document is in temporary storage.
        return TempStorageBlock()
    cls = built_in(script.storage_type)
    if cls is None or not issubclass(cls, StorageBlock):
        raise BlockError(
            f"the script of {quoted(record.name)} is in a storage of type"
            f" {quoted(script.storage_type)}, which is not known here"
        )
    return cls.from_data(script.storage_data)


class Digest(NamedTuple):
    """What bytes must hash to, in lower-case hex; the stock client's objects have an MD5."""

    algorithm: str
    hexdigest: str


def expected_digest(stored: StoredObject, storage: StorageBlock) -> Optional[Digest]:
    """Return what the bytes of a deployment must hash to; None if that is not known.

    flowpack's deployments carry a SHA-256 and name the object by it. Of others', the stock
    client's File Storage names objects by their MD5.
    """
    key = stored.token.replace("\\", "/").rpartition("/")[2].lower()
    if stored.sha256 is not None:
        return Digest("sha256", stored.sha256.lower())
    if _SHA256.fullmatch(key):
        return Digest("sha256", key)
    hashed = isinstance(storage, FileStorageBlock) and storage.key_type == "hash"
    return Digest("md5", key) if hashed and re.fullmatch("[0-9a-f]{32}", key) else None


def check_digest(found: str, expected: Digest, where: str, token: str, remedy: str = "") -> None:
    """Raise StorageIntegrityError unless the bytes under *token* have the *expected* digest."""
    if found != expected.hexdigest:
        # The one that is expected may come from a server and be no digest.
        raise StorageIntegrityError(where, token, printable(expected.hexdigest), found, remedy)
