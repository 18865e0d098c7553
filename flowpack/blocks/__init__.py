"""Blocks: configurable things that a server keeps, storages above all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowpack._lazy import hand_on

__all__ = [
    "AzureBlobStorageBlock",
    "Block",
    "FileStorageBlock",
    "GoogleCloudStorageBlock",
    "KVServerStorageBlock",
    "LocalStorageBlock",
    "S3StorageBlock",
    "Secret",
    "StorageBlock",
    "TempStorageBlock",
]

if TYPE_CHECKING:
    from flowpack.blocks.cloud import AzureBlobStorageBlock, GoogleCloudStorageBlock, S3StorageBlock
    from flowpack.blocks.block import Block
    from flowpack.blocks.secret import Secret
    from flowpack.blocks.storage import (
        FileStorageBlock,
        KVServerStorageBlock,
        LocalStorageBlock,
        StorageBlock,
        TempStorageBlock,
    )
else:
    __getattr__, __dir__ = hand_on(
        __name__,
        {
            "flowpack.blocks.block": "Block",
            "flowpack.blocks.cloud": "AzureBlobStorageBlock GoogleCloudStorageBlock S3StorageBlock",
            "flowpack.blocks.secret": "Secret",
            "flowpack.blocks.storage": "FileStorageBlock KVServerStorageBlock LocalStorageBlock"
            " StorageBlock TempStorageBlock",
        },
    )
