"""Google Cloud Storage, through Google's SDK."""

from __future__ import annotations

from typing import Any, BinaryIO, Iterable, Optional

from flowpack.blocks.cloud.bucket import PART, Bucket, TakenError, not_installed


class GoogleBucket(Bucket):
    """A bucket of Google Cloud Storage."""

    def open_client(self) -> Any:
        """Return the SDK's client."""
        try:
            from google.cloud import storage
            from google.oauth2 import service_account
        except ImportError:
            raise not_installed("google-cloud-storage", "gcs") from None
        project, credentials = self.block.project, None
        if self.block.service_account_info:
            info = dict(self.block.service_account_info)
            credentials = service_account.Credentials.from_service_account_info(info)
            project = project or credentials.project_id
        client = storage.Client(project=project, credentials=credentials)
        return client.bucket(self.block.bucket)

    def size_of(self, client: Any, key: str) -> Optional[int]:
        """Return how long the object is; None if there is none."""
        blob = client.get_blob(key)
        return None if blob is None else int(blob.size)

    def put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        """Send the object; see the base class."""
        from google.api_core.exceptions import PreconditionFailed

        blob = client.blob(key, chunk_size=None if size <= PART else PART)
        condition = {} if replace else {"if_generation_match": 0}
        try:
            blob.upload_from_file(file, size=size, **condition)
        except PreconditionFailed:
            raise TakenError from None

    def get(self, client: Any, key: str, file: BinaryIO) -> bool:
        """Copy the object to *file*; return False if there is none."""
        from google.api_core.exceptions import NotFound

        try:
            client.blob(key).download_to_file(file)
        except NotFound:
            return False
        return True

    def secrets(self) -> Iterable[str]:
        """Return what no message may show."""
        values = (self.block.service_account_info or {}).values()
        return [value for value in values if len(value) > 7]
