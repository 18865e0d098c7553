"""Azure Blob Storage, through Microsoft's SDK."""

from __future__ import annotations

from typing import Any, BinaryIO, Iterable, Optional

from flowpack.blocks.cloud.bucket import PART, Bucket, TakenError, not_installed


class AzureContainer(Bucket):
    """A container of Azure Blob Storage."""

    def open_client(self) -> Any:
        """Return the SDK's client."""
        try:
            from azure.storage.blob import BlobServiceClient
        except ImportError:
            raise not_installed("azure-storage-blob", "azure") from None
        given = self.block.connection_string.get_secret_value()
        service = BlobServiceClient.from_connection_string(
            given, max_single_put_size=PART, max_block_size=PART
        )
        return service.get_container_client(self.block.container)

    def size_of(self, client: Any, key: str) -> Optional[int]:
        """Return how long the object is; None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            return int(client.get_blob_client(key).get_blob_properties().size)
        except ResourceNotFoundError:
            return None

    def put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        """Send the object; see the base class."""
        from azure.core.exceptions import ResourceExistsError

        try:
            client.upload_blob(key, file, length=size, overwrite=replace)
        except ResourceExistsError:
            raise TakenError from None

    def get(self, client: Any, key: str, file: BinaryIO) -> bool:
        """Copy the object to *file*; return False if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            for chunk in client.download_blob(key).chunks():
                file.write(chunk)
        except ResourceNotFoundError:
            return False
        return True

    def secrets(self) -> Iterable[str]:
        """Return what no message may show."""
        given = self.block.connection_string.get_secret_value()
        values = [part.partition("=")[2] for part in given.split(";")]
        return [given, *(value for value in values if len(value) > 15)]
