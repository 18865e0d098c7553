"""Amazon S3 and what speaks like it, through boto3."""

from __future__ import annotations

import contextlib
import os
from typing import Any, BinaryIO, Dict, Iterable, Mapping, Optional

from flowpack._tracebacks import hides_locals
from flowpack.blocks.cloud.bucket import CHUNK, Bucket, TakenError, not_installed
from flowpack.blocks.secret import Secret

#: S3 takes no larger object in one request.
_LARGEST_AT_ONCE = 5 << 30


#: What boto3 sends and checks besides; services that speak like S3 may refuse it.
_CHECKSUMS = ("request_checksum_calculation", "response_checksum_validation")


@hides_locals
def open_s3(credentials: Mapping[str, Any]) -> Any:
    """Return a client of boto3's; what is None is looked for where AWS's tools look.

    flowpack has a digest of its own, so that no checksums are sent unless the
    environment or the profile asks for them.

    Raises:
        ImportError: There is no boto3.
    """
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError:
        raise not_installed("boto3", "s3") from None
    core = botocore.session.get_session()
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
    """A bucket of S3."""

    def open_client(self) -> Any:
        """Return the SDK's client."""
        return open_s3(self._credentials())

    def _credentials(self) -> Dict[str, Optional[str]]:
        return {
            "aws_access_key_id": _plain(self.block.aws_access_key_id),
            "aws_secret_access_key": _plain(self.block.aws_secret_access_key),
            "aws_session_token": _plain(self.block.aws_session_token),
            "profile_name": self.block.profile_name,
            "region_name": self.block.region_name,
        }

    def size_of(self, client: Any, key: str) -> Optional[int]:
        """Return how long the object is; None if there is none."""
        from botocore.exceptions import ClientError

        try:
            answer = client.head_object(Bucket=self.block.bucket, Key=key)
        except ClientError as exc:
            # Without the right to list the bucket, what is not there is a 403.
            if _status(exc) in (403, 404):
                return None
            raise
        return int(answer["ContentLength"])

    def put(self, client: Any, key: str, file: BinaryIO, size: int, replace: bool) -> None:
        """Send the object; see the base class."""
        from botocore.exceptions import ClientError

        place = {"Bucket": self.block.bucket, "Key": key}
        if size > _LARGEST_AT_ONCE:
            client.upload_fileobj(file, **place)
            return
        start = file.tell()
        create_only = not replace and _knows_conditions(client)
        condition = {"IfNoneMatch": "*"} if create_only else {}
        try:
            client.put_object(Body=file, **place, **condition)
        except ClientError as exc:
            if condition and _status(exc) in (409, 412):
                raise TakenError from None
            if not (condition and _status(exc) == 501):
                raise
            # Some services that speak like S3 have no conditions.
            file.seek(start)
            client.put_object(Body=file, **place)

    def get(self, client: Any, key: str, file: BinaryIO) -> bool:
        """Copy the object to *file*; return False if there is none."""
        try:
            answer = client.get_object(Bucket=self.block.bucket, Key=key)
        except client.exceptions.NoSuchKey:
            return False
        with contextlib.closing(answer["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK):
                file.write(chunk)
        return True

    def secrets(self) -> Iterable[str]:
        """Return what no message may show."""
        block = self.block
        held = (block.aws_secret_access_key, block.aws_session_token, block.aws_access_key_id)
        return [secret.get_secret_value() for secret in held if secret]


def _status(exc: Any) -> int:
    return int(exc.response["ResponseMetadata"]["HTTPStatusCode"])


def _knows_conditions(client: Any) -> bool:
    """Return True if boto3 is new enough to create only what is not there."""
    shape = client.meta.service_model.operation_model("PutObject").input_shape
    return "IfNoneMatch" in shape.members


def _plain(secret: Optional[Secret]) -> Optional[str]:
    return None if secret is None else secret.get_secret_value()
