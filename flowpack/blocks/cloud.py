"""Storage blocks of three clouds; each needs an extra, loaded when it is used.

Addresses other than the clouds' own come from the environment, as each SDK reads it.
"""

from __future__ import annotations

from typing import ClassVar, Mapping, Optional, Tuple

import attrs

from flowpack.blocks.secret import Secret, SecretMapping, as_optional_secret, as_secret
from flowpack.blocks.storage import OwnStorageBlock
from flowpack.blocks.stores import Store
from flowpack.exceptions import BlockArgumentError


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise BlockArgumentError(f"expected text, not {type(value).__name__}")


def _as_name(value: str) -> str:
    text = _as_text(value)
    if not text.strip():
        raise BlockArgumentError("a name in it is empty")
    return text


def _as_optional_name(value: Optional[str]) -> Optional[str]:
    return None if value is None else _as_name(value)


def _as_account(value: Optional[Mapping[str, str]]) -> Optional[Mapping[str, str]]:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise BlockArgumentError(f"expected a mapping, not {type(value).__name__}")
    return SecretMapping({_as_text(key): _as_text(value[key]) for key in value})


# Secret here, and plain text in the schema of the reference.
_TEXT = {"schema_type": str}
_OPTIONAL_TEXT = {"schema_type": Optional[str]}


@attrs.frozen
class S3StorageBlock(OwnStorageBlock):
    """Keeps bytes in a bucket of Amazon S3, or of a service that speaks like it.

    What is None is looked for where AWS's tools look: environment, profile,
    instance role. ``AWS_ENDPOINT_URL_S3`` names another service. Needs
    ``pip install 'flowpack[s3]'``.

    Attributes:
        bucket: Its name; it must exist.
        aws_access_key_id: Who asks.
        aws_secret_access_key: Proves it.
        aws_session_token: Of temporary credentials.
        profile_name: A profile of AWS's configuration.
        region_name: Where the bucket is.

    Example:
        >>> from flowpack import S3StorageBlock
        >>> S3StorageBlock("flows", aws_access_key_id="me", aws_secret_access_key="s3cret")
        S3StorageBlock(bucket='flows', ...)
    """

    block_type_name = "S3 Storage"

    bucket: str = attrs.field(converter=_as_name)
    aws_access_key_id: Optional[Secret] = attrs.field(
        default=None, converter=as_optional_secret, metadata=_OPTIONAL_TEXT
    )
    aws_secret_access_key: Optional[Secret] = attrs.field(
        default=None, converter=as_optional_secret, metadata=_OPTIONAL_TEXT
    )
    aws_session_token: Optional[Secret] = attrs.field(
        default=None, converter=as_optional_secret, metadata=_OPTIONAL_TEXT
    )
    profile_name: Optional[str] = attrs.field(default=None, converter=_as_optional_name)
    region_name: Optional[str] = attrs.field(default=None, converter=_as_optional_name)

    def _store(self) -> Store:
        from flowpack.blocks.buckets import S3Bucket

        return S3Bucket(f"{self.block_type_name} {self.bucket}", self)


@attrs.frozen
class GoogleCloudStorageBlock(OwnStorageBlock):
    """Keeps bytes in a bucket of Google Cloud Storage.

    ``STORAGE_EMULATOR_HOST`` names another service. Needs
    ``pip install 'flowpack[gcs]'``.

    Attributes:
        bucket: Its name; it must exist.
        project: None takes the credentials' own.
        service_account_info: The content of a service account's key file; None
            looks where Google's tools look.

    Example:
        >>> from flowpack import GoogleCloudStorageBlock
        >>> GoogleCloudStorageBlock("flows", project="reports").project
        'reports'
    """

    block_type_name = "Google Cloud Storage"
    secret_fields: ClassVar[Tuple[str, ...]] = ("service_account_info",)

    bucket: str = attrs.field(converter=_as_name)
    project: Optional[str] = attrs.field(default=None, converter=_as_optional_name)
    service_account_info: Optional[Mapping[str, str]] = attrs.field(
        default=None, converter=_as_account, hash=False
    )

    def _store(self) -> Store:
        from flowpack.blocks.buckets import GoogleBucket

        return GoogleBucket(f"{self.block_type_name} {self.bucket}", self)


@attrs.frozen
class AzureBlobStorageBlock(OwnStorageBlock):
    """Keeps bytes in a container of Azure Blob Storage.

    Needs ``pip install 'flowpack[azure]'``.

    Attributes:
        container: Its name; it must exist.
        connection_string: Of the storage account, as the portal shows it.

    Example:
        >>> from flowpack import AzureBlobStorageBlock
        >>> AzureBlobStorageBlock("flows", "AccountName=me;AccountKey=s3cret")
        AzureBlobStorageBlock(container='flows', ...)
    """

    block_type_name = "Azure Blob Storage"

    container: str = attrs.field(converter=_as_name)
    connection_string: Secret = attrs.field(converter=as_secret, metadata=_TEXT)

    def _store(self) -> Store:
        from flowpack.blocks.buckets import AzureContainer

        return AzureContainer(f"{self.block_type_name} {self.container}", self)
