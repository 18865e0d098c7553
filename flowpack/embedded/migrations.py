"""The tables, and how a database of an older release gets there.

A step that was released is never changed; a change of the tables is a further step.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, Mapping, Tuple

from flowpack.embedded.session import Session
from flowpack.wire.block_schemas import orion_checksum

_RECORD = "id TEXT NOT NULL PRIMARY KEY, created TEXT NOT NULL, updated TEXT NOT NULL"

_FIRST_TABLES = (
    f"CREATE TABLE flow ({_RECORD}, name TEXT NOT NULL UNIQUE, tags TEXT NOT NULL)",
    f"""
    CREATE TABLE block_type (
        {_RECORD}, name TEXT NOT NULL UNIQUE,
        logo_url TEXT, documentation_url TEXT, description TEXT, code_example TEXT
    )""",
    f"""
    CREATE TABLE block_schema (
        {_RECORD}, checksum TEXT NOT NULL UNIQUE, fields TEXT NOT NULL,
        capabilities TEXT NOT NULL,
        block_type_id TEXT NOT NULL REFERENCES block_type ON DELETE CASCADE
    )""",
    "CREATE INDEX block_schema_by_type ON block_schema (block_type_id)",
    f"""
    CREATE TABLE block_document (
        {_RECORD}, name TEXT NOT NULL, data TEXT NOT NULL, is_anonymous INTEGER NOT NULL,
        block_schema_id TEXT NOT NULL REFERENCES block_schema ON DELETE CASCADE,
        block_type_id TEXT NOT NULL REFERENCES block_type ON DELETE CASCADE,
        UNIQUE (block_type_id, name)
    )""",
    "CREATE INDEX block_document_by_name ON block_document (name)",
    "CREATE INDEX block_document_by_schema ON block_document (block_schema_id)",
    """
    CREATE TABLE block_document_reference (
        parent_id TEXT NOT NULL REFERENCES block_document ON DELETE CASCADE,
        name TEXT NOT NULL,
        reference_id TEXT NOT NULL REFERENCES block_document ON DELETE CASCADE,
        PRIMARY KEY (parent_id, name)
    )""",
    "CREATE INDEX block_document_reference_by_reference ON block_document_reference (reference_id)",
    """
    CREATE TABLE default_storage (
        only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
        block_document_id TEXT NOT NULL REFERENCES block_document ON DELETE CASCADE
    )""",
    f"""
    CREATE TABLE deployment (
        {_RECORD}, name TEXT NOT NULL,
        flow_id TEXT NOT NULL REFERENCES flow ON DELETE CASCADE,
        flow_data TEXT NOT NULL, schedule TEXT, is_schedule_active INTEGER NOT NULL,
        parameters TEXT NOT NULL, tags TEXT NOT NULL,
        flow_runner_type TEXT, flow_runner_config TEXT,
        UNIQUE (flow_id, name)
    )""",
    "CREATE INDEX deployment_by_name ON deployment (name)",
    f"""
    CREATE TABLE flow_run (
        {_RECORD}, name TEXT NOT NULL,
        flow_id TEXT NOT NULL REFERENCES flow ON DELETE CASCADE,
        deployment_id TEXT REFERENCES deployment ON DELETE SET NULL,
        parameters TEXT NOT NULL, idempotency_key TEXT, context TEXT NOT NULL,
        tags TEXT NOT NULL, flow_runner_type TEXT, flow_runner_config TEXT,
        state TEXT NOT NULL, state_type TEXT NOT NULL, state_name TEXT NOT NULL,
        expected_start_time TEXT NOT NULL, start_time TEXT,
        UNIQUE (flow_id, idempotency_key)
    )""",
    "CREATE INDEX flow_run_by_deployment ON flow_run (deployment_id)",
)


# The block types that a new database holds.

_STORAGE = ("writeable", "readable", "storage")


def _texts(*names: str) -> Dict[str, Any]:
    """Return the JSON schemas of fields that are text."""
    return {name: {"title": name.replace("_", " ").title(), "type": "string"} for name in names}


_KEYS = _texts("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_S3 = {**_texts("bucket"), **_KEYS, **_texts("profile_name", "region_name")}
_KEY_TYPE = {"title": "Key Type", "type": "string", "default": "hash"}
_FILE = {
    **_texts("base_path"),
    "key_type": {**_KEY_TYPE, "enum": ["hash", "uuid", "timestamp"]},
    "options": {"title": "Options", "type": "object"},
}
_GOOGLE = {
    **_texts("bucket", "project"),
    "service_account_info": {
        "title": "Service Account Info",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
}
_AZURE = _texts("container", "connection_string")

#: Name of the type, name of the class, fields that have no default, all fields. The fields'
#: descriptions, which count in no checksum, are left out.
_TYPES: Tuple[Tuple[str, str, str, Mapping[str, Any]], ...] = (
    ("Local Storage", "LocalStorageBlock", "", _texts("storage_path")),
    ("Temporary Local Storage", "TempStorageBlock", "", {}),
    ("File Storage", "FileStorageBlock", "base_path", _FILE),
    ("S3 Storage", "S3StorageBlock", "bucket", _S3),
    ("Google Cloud Storage", "GoogleCloudStorageBlock", "bucket", _GOOGLE),
    ("Azure Blob Storage", "AzureBlobStorageBlock", "container connection_string", _AZURE),
    ("KV Server Storage", "KVServerStorageBlock", "api_address", _texts("api_address")),
    ("Debug Print Notification", "DebugPrintNotification", "", {}),
)


def block_types() -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Yield the name of each block type of a new Prefect 2.0b7, and the columns of its schema."""
    for name, title, required, properties in _TYPES:
        fields: Dict[str, Any] = {"title": title, "type": "object", "properties": properties}
        if required:
            fields["required"] = required.split()
        fields.update(block_type_name=name, block_schema_references={})
        capabilities = _STORAGE if name.endswith("Storage") else ()
        checksum = orion_checksum(fields)
        yield name, {"checksum": checksum, "fields": fields, "capabilities": capabilities}


def _first(session: Session) -> None:
    for statement in _FIRST_TABLES:
        session.run(statement)
    for name, schema in block_types():
        type_id = session.insert("block_type", {"name": name})
        session.insert("block_schema", {**schema, "block_type_id": type_id})


#: Each takes a database from the ``user_version`` of its place in the list to the next.
STEPS: Tuple[Callable[[Session], None], ...] = (_first,)
