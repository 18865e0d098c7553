"""The block types of a new database."""

from flowpack.embedded.migrations import block_types

#: By what clients know the schemas of a new Prefect 2.0b7 server.
CHECKSUMS = {
    "Local Storage": "3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef",
    "Temporary Local Storage": "a50cea996168db8db0c10db1d0bf2227a4885a9f6c19acaac642d2801ed83a73",
    "File Storage": "f74b9cc237a54c0ad8f269f2d0f770ea29c1252c96a47ce3c5a9ddbbd4e722d8",
    "S3 Storage": "3ffda32926202a34fc30d7618e4792f71088d37fbcf92c18d070104ca6da7431",
    "Google Cloud Storage": "8a87d925d3fb2a95c0ac89d00a167360084a0b7c3fe83efbab4a5ea84cc80271",
    "Azure Blob Storage": "4488e8f7d196f7627e3ead24ca136860f0a54d54f6c98533cf3ef2f4ba9cf51b",
    "KV Server Storage": "9a8e5718deb49bdfedad40fd3d350039b3269d986af752e2ab59a6ebab31ba45",
    "Debug Print Notification": "1e037d5721dc503b3b01824d949a4ac4d7294cdda64d046fa4945632c87c3fcc",
}


def test_checksums_are_those_of_the_reference():
    """Clients find the schemas that a real server has from its start."""
    found = {name: schema["checksum"] for name, schema in block_types()}
    assert found == {name: f"sha256:{checksum}" for name, checksum in CHECKSUMS.items()}
