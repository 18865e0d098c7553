"""Blocks: configurable things that a server keeps, storages above all."""

from __future__ import annotations

from typing import Mapping

#: Where the block classes of the reference are, by the name of their type. They
#: are imported when a document asks for them.
BUILT_IN: Mapping[str, str] = {
    "Local Storage": "flowpack.blocks.storage:LocalStorageBlock",
    "Temporary Local Storage": "flowpack.blocks.storage:TempStorageBlock",
    "File Storage": "flowpack.blocks.storage:FileStorageBlock",
    "KV Server Storage": "flowpack.blocks.storage:KVServerStorageBlock",
    "S3 Storage": "flowpack.blocks.cloud:S3StorageBlock",
    "Google Cloud Storage": "flowpack.blocks.cloud:GoogleCloudStorageBlock",
    "Azure Blob Storage": "flowpack.blocks.cloud:AzureBlobStorageBlock",
}
