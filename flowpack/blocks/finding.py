"""Which class a block document is of."""

from __future__ import annotations

from typing import Any, Iterable, Iterator, List, Mapping, Optional, Tuple, Type

import attrs

from flowpack.blocks.definition import is_decorated
from flowpack.exceptions import BlockError, printable, quoted
from flowpack.models import BlockDocument

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

#: Entry points of this group name block classes of other distributions.
GROUP = "flowpack.blocks"


@attrs.frozen
class Wanted:
    """What is known of the class of a document.

    Attributes:
        document: The document's name, for messages.
        type_name: Name of the block type.
        checksum: Of the schema, as the server that has it computes it.
    """

    document: str
    type_name: str
    checksum: str

    @classmethod
    def of(cls, document: BlockDocument) -> Wanted:
        """Return what *document* says of its class.

        Raises:
            BlockError: It came without its schema, or without its type.
        """
        schema = document.block_schema
        block_type = document.block_type or (schema and schema.block_type)
        if schema is None or not block_type:
            raise BlockError(
                f"the block document {quoted(document.name or document.id)} came"
                " without its schema or its type, so its class cannot be told"
            )
        name = document.name or str(document.id)
        return cls(name, block_type.name, schema.checksum)


def find_class(wanted: Wanted, asked: Type[Any], base: Type[Any]) -> Type[Any]:
    """Return the class that *wanted* describes.

    It is looked for in the table of built-in classes, then it is *asked*, then a
    class alive in this process, then one that an entry point names. Type name and
    checksum must both be right.

    Args:
        wanted: What is known of it.
        asked: The class that the search began at; *base* for any.
        base: All block classes are below it.

    Raises:
        BlockError: There is none; the text says what to do.
    """
    failures: List[str] = []
    others: List[Type[Any]] = []
    for candidate in _candidates(wanted, asked, base, failures):
        if is_of(wanted, candidate):
            return candidate
        if candidate.block_type_name == wanted.type_name:
            others.append(candidate)
    raise BlockError(_explain(wanted, others, failures))


def is_of(wanted: Wanted, cls: Type[Any]) -> bool:
    """Return whether *wanted* describes *cls*, on a server of any kind."""
    same_type = cls.block_type_name == wanted.type_name
    return same_type and wanted.checksum in _checksums(cls)


def built_in(type_name: str) -> Optional[Type[Any]]:
    """Return flowpack's own class of a block type, or None."""
    place = BUILT_IN.get(type_name)
    return None if place is None else _load(place)


def _candidates(
    wanted: Wanted, asked: Type[Any], base: Type[Any], failures: List[str]
) -> Iterator[Type[Any]]:
    own = built_in(wanted.type_name)
    if own is not None:
        yield own
    if _usable(asked):
        yield asked
    yield from _alive(base)
    for name, cls in _installed(failures):
        if isinstance(cls, type) and issubclass(cls, base) and _usable(cls):
            yield cls
        else:
            failures.append(f"{name} is no block class")


def _load(place: str) -> Type[Any]:
    import importlib

    module, _, name = place.partition(":")
    found: Type[Any] = getattr(importlib.import_module(module), name)
    return found


def _usable(cls: Type[Any]) -> bool:
    return is_decorated(cls) and not getattr(cls, "__abstractmethods__", None)


def _alive(base: Type[Any]) -> Iterator[Type[Any]]:
    """Yield the block classes of this process; of two alike the newer one first.

    Python keeps the list, and keeps no class alive for it.
    """
    for cls in reversed(base.__subclasses__()):
        yield from _alive(cls)
        if _usable(cls):
            yield cls


def _installed(failures: List[str]) -> Iterator[Tuple[str, Any]]:
    """Yield what the entry points of the group name; note those that fail."""
    for entry in _entry_points():
        try:
            yield entry.name, entry.load()
        except Exception as exc:  # the code of another distribution runs here
            failures.append(f"{entry.name} cannot be imported: {printable(exc)}")


def _entry_points() -> Iterable[Any]:
    from importlib.metadata import entry_points

    found: Any = entry_points()
    # Python 3.9 returns a dict.
    chosen: Iterable[Any] = (
        found.select(group=GROUP)
        if hasattr(found, "select")
        else found.get(GROUP, ())
    )
    return chosen


def _checksums(cls: Type[Any]) -> Tuple[str, ...]:
    """Return the checksums of *cls*, one for each dialect; none if it is unfit."""
    try:
        from flowpack.wire.block_schemas import prefect3_schema

        return (cls.schema_checksum(), prefect3_schema(cls.definition())[1])
    except BlockError:
        return ()


def _explain(wanted: Wanted, others: List[Type[Any]], failures: List[str]) -> str:
    document, type_name = quoted(wanted.document), quoted(wanted.type_name)
    if others:
        what = _other_schema(wanted, others[0])
        return f"the block document {document} is of type {type_name}, but {what}"
    failed = "".join(f"; {failure}" for failure in failures)
    return (
        f"no class is known for the block document {document} of type {type_name} with"
        f" schema {printable(wanted.checksum)}. Import the module that defines it"
        f" first, or name it by an entry point of the group {GROUP}{failed}"
    )


def _other_schema(wanted: Wanted, cls: Type[Any]) -> str:
    ours: Optional[str] = next(iter(_checksums(cls)), None)
    return (
        f"with schema {printable(wanted.checksum)}, and {cls.__module__}."
        f"{cls.__qualname__} has {ours or 'none'}: their fields differ. Use the"
        " class that it was saved with, or save it anew with this one"
    )
