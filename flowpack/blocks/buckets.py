"""Buckets of three clouds, each behind its SDK, which is loaded when it is used.

Keys are digests, objects are created only where there is none, and what was stored is looked at
afterwards. The SDKs of Google and Azure load asyncio.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from abc import ABC, abstractmethod
from typing import Any, BinaryIO, Callable, ClassVar, Dict, Iterable, Mapping, Optional, Tuple, cast

import attrs

from flowpack._tracebacks import hides_locals
from flowpack.blocks.secret import MASK
from flowpack.blocks.stores import Hashing, changed_while_read, check_key
from flowpack.exceptions import FlowpackError, ObjectMissingError, StorageError
from flowpack.exceptions import StorageUnavailableError, printable

#: Objects are read and hashed in steps of this size, in bytes.
_CHUNK = 1 << 20

#: Larger objects are sent to Google and Azure in parts of this size, in bytes.
_PART = 8 << 20

#: The fields of an S3 block that boto3 takes by the same names.
_CREDENTIALS = (
    *("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("profile_name", "region_name"),
)

#: What boto3 sends and checks besides; services that speak like S3 may refuse it.
_CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")


@attrs.frozen
class Bucket(ABC):
    """What the buckets of all clouds do alike; see :class:`~flowpack.blocks.stores.Store`."""

    label: str  # The storage as messages name it.
    block: Any  # Its configuration.

    #: Statuses of the response to a look at what is not there.
    _missing: ClassVar[Tuple[int, ...]] = (404,)

    @abstractmethod
    def _open(self) -> Any:
        """Return the SDK's client."""

    @abstractmethod
    def _look(self, client: Any, key: str) -> Optional[int]:
        """Return how long the object is; None, or an error, if there is none."""

    @abstractmethod
    def _put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        """Send the object; an error with 409 or 412 if there is one that is not to be replaced."""

    @abstractmethod
    def _get(self, client: Any, key: str, file: BinaryIO) -> None:
        """Copy the object to *file*; an error with 404 if there is none."""

    @abstractmethod
    def _secrets(self) -> Iterable[str]:
        """Return what no message may show."""

    def write_from(self, file: BinaryIO, key: str, sha256: str, replace: bool = False) -> None:
        """Keep what *file* holds, hashed before anything is sent."""
        start, digest = file.tell(), Hashing()
        shutil.copyfileobj(file, cast(BinaryIO, digest), _CHUNK)
        size, found = digest.tell(), digest.hexdigest()
        if found != sha256:
            raise changed_while_read(self.label, key, sha256, found)

        def send(client: Any) -> bool:
            there = self._size_of(client, key)
            if there == size and not replace:
                return True
            file.seek(start)
            try:
                self._put(client, key, file, size, there is not None)
            except Exception as exc:
                # Somebody else may have been faster.
                if there is not None or _status(exc) not in (409, 412):
                    raise
            return self._size_of(client, key) == size

        if not self._run(key, send):
            reason = "the object was sent, but afterwards it is not there, or not all of it"
            raise StorageUnavailableError(self.label, key, reason)

    def read_into(self, key: str, file: BinaryIO, limit: Optional[int] = None) -> None:
        """Copy the object to *file*, if it is no longer than *limit*."""

        def fetch(client: Any) -> bool:
            if limit is not None and (self._size_of(client, key) or 0) > limit:
                raise StorageError(self.label, key, f"it is larger than {limit} bytes")
            try:
                self._get(client, key, file)
            except Exception as exc:
                if _status(exc) != 404:
                    raise
                return False
            return True

        if not self._run(key, fetch):
            reason = "there is no such object. It was deleted, or is in another bucket"
            raise ObjectMissingError(self.label, key, reason)

    def holds(self, key: str, sha256: str, size: int) -> bool:
        """Return True if the object is there with that size."""
        return self._run(key, lambda client: self._size_of(client, key) == size)

    def _size_of(self, client: Any, key: str) -> Optional[int]:
        try:
            return self._look(client, key)
        except Exception as exc:
            if _status(exc) in self._missing:
                return None
            raise

    def location(self, key: str) -> None:
        """Return None: credentials are needed."""

    def _run(self, key: str, action: Callable[[Any], bool]) -> bool:
        """Return what *action* does with the SDK's client; translate its errors."""
        check_key(key, self.label)
        try:
            return action(self._open())
        except FlowpackError:
            raise
        except ImportError as exc:
            raise StorageUnavailableError(self.label, key, str(exc)) from exc
        except Exception as exc:  # Each SDK raises from several trees.
            reason = f"{type(exc).__name__}: {self._without_secrets(str(exc))}"
        # Raised here, without the error of the SDK: its text, its request and its frames may
        # hold credentials.
        raise StorageUnavailableError(self.label, key, reason)

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets():
            text = text.replace(secret, MASK)
        return printable(text, 400)


def _status(exc: Exception) -> Optional[int]:
    """Return the HTTP status behind the error of an SDK, if there is one."""
    response = getattr(exc, "response", None)
    if isinstance(response, dict):  # boto3's.
        status: Optional[int] = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status
    return getattr(exc, "status_code", None) or getattr(exc, "code", None)


def _not_installed(library: str, extra: str) -> ImportError:
    """Return the error of an SDK that an extra of flowpack brings."""
    needs = f"pip install 'flowpack[{extra}]'"
    return ImportError(f"{library} is not installed, which this storage needs: {needs}")


# --- S3 -----------------------------------------------------------------------------------


@hides_locals
def open_s3(data: Mapping[str, Any]) -> Any:
    """Return a client of boto3's for the credentials in an S3 block's *data*.

    What is None is looked for where AWS's tools look. flowpack has a digest of its own, so that
    no checksums are sent unless the environment or the profile asks for them.
    """
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError:
        raise _not_installed("boto3", "s3") from None
    core = botocore.session.get_session()
    credentials = {name: data.get(name) for name in _CREDENTIALS}
    session = boto3.session.Session(botocore_session=core, **credentials)
    profile = core.get_scoped_config()
    checksums = {
        name: "when_required"
        for name in _CHECKSUMS
        if name not in profile and f"AWS_{name.upper()}" not in os.environ
    }
    options: Dict[str, Any] = {
        "connect_timeout": 30,
        "read_timeout": 60,
        "retries": {"mode": "standard", "total_max_attempts": 5},
    }
    try:
        config = Config(**options, **checksums)
    except TypeError:  # Before 1.36 there were none.
        config = Config(**options)
    return session.client("s3", config=config)


class S3Bucket(Bucket):
    """A bucket of Amazon S3, or of a service that speaks like it, through boto3."""

    # Without the right to list the bucket, what is not there is a 403.
    _missing = (403, 404)

    def _open(self) -> Any:
        return open_s3(self.block.to_document_data())

    def _look(self, client: Any, key: str) -> Optional[int]:
        return int(client.head_object(Bucket=self.block.bucket, Key=key)["ContentLength"])

    def _put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        start, target = file.tell(), {"Bucket": self.block.bucket, "Key": key}
        shape = client.meta.service_model.operation_model("PutObject").input_shape
        # Before 1.35 boto3 knew no conditions, and some services that speak like S3 have none.
        if not replace and "IfNoneMatch" in shape.members:
            try:
                client.put_object(Body=file, **target, IfNoneMatch="*")
                return
            except client.exceptions.ClientError as exc:
                if _status(exc) != 501:
                    raise
            file.seek(start)
        client.put_object(Body=file, **target)

    def _get(self, client: Any, key: str, file: BinaryIO) -> None:
        response = client.get_object(Bucket=self.block.bucket, Key=key)
        with contextlib.closing(response["Body"]) as body:
            shutil.copyfileobj(body, file, _CHUNK)

    def _secrets(self) -> Iterable[str]:
        data = self.block.to_document_data()
        return [data[name] for name in self.block.definition().secret_fields if data[name]]


# --- Google Cloud Storage -----------------------------------------------------------------


class GoogleBucket(Bucket):
    """A bucket of Google Cloud Storage."""

    def _open(self) -> Any:
        try:
            from google.cloud import storage
            from google.oauth2 import service_account
        except ImportError:
            raise _not_installed("google-cloud-storage", "gcs") from None
        project, credentials = self.block.project, None
        if self.block.service_account_info:
            info = dict(self.block.service_account_info)
            credentials = service_account.Credentials.from_service_account_info(info)
            project = project or credentials.project_id
        client = storage.Client(project=project, credentials=credentials)
        return client.bucket(self.block.bucket)

    def _look(self, client: Any, key: str) -> Optional[int]:
        blob = client.get_blob(key)
        return None if blob is None else int(blob.size)

    def _put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        blob = client.blob(key, chunk_size=None if size <= _PART else _PART)
        condition = {} if replace else {"if_generation_match": 0}
        blob.upload_from_file(file, size=size, **condition)

    def _get(self, client: Any, key: str, file: BinaryIO) -> None:
        client.blob(key).download_to_file(file)

    def _secrets(self) -> Iterable[str]:
        values = (self.block.service_account_info or {}).values()
        return [value for value in values if len(value) > 7]


# --- Azure Blob Storage -------------------------------------------------------------------


class AzureContainer(Bucket):
    """A container of Azure Blob Storage."""

    def _open(self) -> Any:
        try:
            from azure.storage.blob import BlobServiceClient
        except ImportError:
            raise _not_installed("azure-storage-blob", "azure") from None
        given = self.block.connection_string.get_secret_value()
        service = BlobServiceClient.from_connection_string(
            given, max_single_put_size=_PART, max_block_size=_PART
        )
        return service.get_container_client(self.block.container)

    def _look(self, client: Any, key: str) -> Optional[int]:
        return int(client.get_blob_client(key).get_blob_properties().size)

    def _put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        client.upload_blob(key, file, length=size, overwrite=replace)

    def _get(self, client: Any, key: str, file: BinaryIO) -> None:
        client.download_blob(key).readinto(file)

    def _secrets(self) -> Iterable[str]:
        given = self.block.connection_string.get_secret_value()
        values = [part.partition("=")[2] for part in given.split(";")]
        return [given, *(value for value in values if len(value) > 15)]
