"""Blocks: attrs classes whose instances a server can keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Dict, Mapping, Optional, Tuple, Type, TypeVar, cast
from uuid import UUID, uuid4

import attrs

from flowpack._tracebacks import HidesLocals, hides_locals
from flowpack.blocks import documents
from flowpack.blocks.definition import check_decorated, define, named_fields
from flowpack.blocks.fields import fields_of, from_json, to_json
from flowpack.blocks.secret import MASK, HiddenData, Secret, mask_secrets
from flowpack.connect import using
from flowpack.exceptions import BlockError, ObjectNotFound, printable, quoted
from flowpack.jsonvalues import json_copy
from flowpack.models import BlockDefinition, BlockDocument, BlockSchema, name_problem
from flowpack.wire.block_schemas import orion_schema

if TYPE_CHECKING:
    from flowpack.client import Client

Self = TypeVar("Self", bound="Block")


class _ClassName:
    """A class variable that is the name of the class it is read from."""

    def __get__(self, block: object, owner: type) -> str:
        return owner.__name__


@attrs.frozen
class Block(HidesLocals):
    """A configurable thing that a server keeps.

    Derive an attrs class from it; its fields are what the server stores. Methods with an
    optional *client* connect to what the settings say where it is None.

    Fields may be text, numbers, booleans, dates and times, paths, UUIDs, enums,
    :class:`~flowpack.blocks.secret.Secret` text, other blocks, ``Literal``, ``Any``, and lists,
    tuples, sets, mappings and unions of these. A field's ``metadata`` may hold its ``title`` and
    ``description``. Fields whose names start with an underscore, and those that the constructor
    does not take, stay in this process.

    Attributes:
        block_type_name: Name of the block type; the name of the class by default.
        capabilities: What such blocks can do.
        secret_fields: Names of secret fields that are not of type ``Secret``, beside those that
            a base names; ``repr`` leaves their values out.
        logo_url: Address of a picture.
        documentation_url: Address of a description.
        code_example: Shown beside the type in user interfaces; by default what stands under
            ``Example:`` or ``Examples:`` in the docstring.
        document_id: The document that the block was loaded from or saved as. Not part of its
            data, nor of comparisons.

    Example:
        >>> from typing import List, Optional
        >>> import attrs
        >>> from flowpack import Block
        >>> from flowpack.blocks import Secret
        >>> @attrs.frozen
        ... class Mailbox(Block):
        ...     "Where reports are sent."
        ...
        ...     block_type_name = "Mail Box"
        ...
        ...     address: str
        ...     password: Secret = attrs.field(repr=False)
        ...     copies: Optional[List[str]] = None
        >>> saved = Mailbox("a@b.example", Secret("s3cret")).save("reports")
        >>> Mailbox.load("reports").address
        'a@b.example'
    """

    block_type_name: ClassVar[str] = cast(str, _ClassName())
    capabilities: ClassVar[Tuple[str, ...]] = ()
    secret_fields: ClassVar[Tuple[str, ...]] = ()
    logo_url: ClassVar[Optional[str]] = None
    documentation_url: ClassVar[Optional[str]] = None
    code_example: ClassVar[Optional[str]] = None

    document_id: Optional[UUID] = attrs.field(default=None, kw_only=True, repr=False, eq=False)

    def __new__(cls: Type[Self], *args: Any, **kwargs: Any) -> Self:
        """Make a block; raises a BlockError if attrs has not made the class."""
        del args, kwargs
        check_decorated(cls)
        code = getattr(cls.__repr__, "__code__", None)
        if code is not None and code.co_filename.startswith("<attrs generated"):
            setattr(cls, "__repr__", _masked_repr)
        return super().__new__(cls)

    @classmethod
    def definition(cls) -> BlockDefinition:
        """Return what a server registers of the class; raises a BlockError if it is unfit."""
        if cls is Block:
            raise BlockError("Block is no block itself; derive a class from it")
        return define(cls)

    @classmethod
    def schema(cls) -> Dict[str, Any]:
        """Return the schema of the class as Prefect 2.0b7 keeps it."""
        return dict(json_copy(orion_schema(cls.definition())[0]))

    @classmethod
    def schema_checksum(cls) -> str:
        """Return the checksum by which Prefect 2.0b7 knows the class."""
        return orion_schema(cls.definition())[1]

    @classmethod
    def register(cls, client: Optional[Client] = None) -> BlockSchema:
        """Return the schema on the server, made with its type where missing."""
        definition = cls.definition()
        with using(client) as api:
            return documents.register(definition, api)

    @hides_locals
    def to_document_data(self) -> Dict[str, Any]:
        """Return the values of all fields as JSON, in order. Secrets are in it, but in no ``repr``.

        Raises:
            BlockError: JSON cannot hold a value, or it is a secret that the class does not declare.
        """
        data = HiddenData()
        for field in fields_of(type(self)):
            what = f"this {self.block_type_name} block: its field {quoted(field.name)}"
            value = getattr(self, field.attribute.name)
            try:
                data[field.name] = plain = to_json(value)
                known = to_json(value, masked=True)
            except BlockError as exc:
                raise BlockError(f"{what}: {exc}") from None
            except RecursionError:
                raise BlockError(f"{what} is nested too deep") from None
            if plain == known:
                continue
            # The value knows that it holds a secret.
            declared = self.definition().secret_fields
            shown = [mask_secrets({field.name: each}, declared) for each in (plain, known)]
            if shown[0] != shown[1]:
                raise BlockError(
                    f"{what} holds a secret where the class declares none, and once loaded it"
                    " would be shown; give the field the type Secret or name it in secret_fields"
                )
        return data

    def to_document(self, schema: BlockSchema, name: Optional[str] = None) -> BlockDocument:
        """Return a document that holds this block, anonymous without a *name*; sends nothing."""
        return BlockDocument(
            id=self.document_id or uuid4(),
            name=name or "",
            data=self.to_document_data(),
            block_schema_id=schema.id,
            block_type_id=schema.block_type_id,
            block_schema=schema,
            block_type=schema.block_type,
            is_anonymous=name is None,
        )

    @classmethod
    @hides_locals
    def from_data(
        cls: Type[Self], data: Mapping[str, Any], *, document_id: Optional[UUID] = None
    ) -> Self:
        """Return the block of this class that *data* describe.

        Args:
            data: JSON values of the fields; those with a default may be missing.
            document_id: The document that holds them.

        Raises:
            BlockError: They do not fit; the text names the field, never its value.
        """
        check_decorated(cls)
        what = f"this is no {cls.block_type_name} block:"
        arguments: Dict[str, Any] = {}
        fields = {field.name: field for field in fields_of(cls)}
        for name, field in fields.items():
            if name in data:
                try:
                    arguments[name] = from_json(data[name], field.type)
                except BlockError as exc:
                    raise BlockError(f"{what} its field {quoted(name)}: {exc}") from None
            elif field.required:
                raise BlockError(f"{what} its field {quoted(name)} is missing")
        unknown = data.keys() - fields.keys()
        if unknown:
            raise BlockError(f"{what} it has no field {quoted(min(unknown))}")
        try:
            return cls(**arguments, document_id=document_id)
        except BlockError as exc:
            raise BlockError(f"{what} {exc}") from None
        except (TypeError, ValueError) as exc:
            # The text is the author's of the class and may quote the value.
            reason = "" if cls.definition().secret_fields else f": {printable(exc)}"
            raise BlockError(f"{what} {type(exc).__name__}{reason}") from None

    @classmethod
    def from_document(cls: Type[Self], document: BlockDocument) -> Self:
        """Return the block that *document* holds.

        Its class is a built-in one, the class that this is called on, another of this process,
        or one that an entry point of the group ``flowpack.blocks`` names, in this order.

        Raises:
            BlockError: No class has that type name and those fields, it is no subclass of this
                one, or the data do not fit it.
        """
        found: Type[Self] = documents.find_class(document, cls, Block)
        return found.from_data(document.data, document_id=document.id)

    @classmethod
    def load(cls: Type[Self], name: str, client: Optional[Client] = None) -> Self:
        """Return the block of this class that was saved under *name*.

        Raises:
            ObjectNotFound: There is none.
            BlockError: It cannot be used with this class.
        """
        cls.definition()
        with using(client) as api:
            return cls.from_document(api.read_block_document_by_name(name, cls.block_type_name))

    def save(
        self: Self, name: str, client: Optional[Client] = None, overwrite: bool = False
    ) -> Self:
        """Save the block under *name* and return it with its document's id.

        Type and schema are registered where they are missing. Saving the same again changes
        nothing.

        Args:
            name: Unique among the blocks of the type.
            client: The server.
            overwrite: Whether to replace the data of a document of that name, for all that use it.

        Raises:
            BlockError: The name is taken by other data, or cannot be used.
        """
        problem = name_problem(name)
        if problem is None and name.startswith("anonymous"):
            problem = f"the name {quoted(name)} is reserved: it starts with 'anonymous'"
        if problem:
            raise BlockError(problem)
        definition, data = self.definition(), self.to_document_data()
        with using(client) as api:
            schema = documents.register(definition, api)
            document, difference = documents.put_document(name, self, api, schema)
            if difference is not None:
                advice = "pass overwrite=True (--overwrite) to change it for all that use it"
                if not documents.fits(document, type(self)):
                    overwrite, advice = False, "delete that document first"
                if not overwrite:
                    raise self._name_error(name, f"{difference}. Choose another name, or {advice}")
                api.update_block_document(document.id, data=data)
        return attrs.evolve(self, document_id=document.id)

    def check_document(self, client: Optional[Client] = None) -> None:
        """Raise unless the document that the block names holds this block.

        It does not where one of the two was changed since (``attrs.evolve`` keeps the id), and
        another server has no such document. For a block that names none nothing is sent.

        Raises:
            BlockError: The document is not there, or holds something else.
        """
        if self.document_id is None:
            return
        what = f"this {self.block_type_name} names the block document {self.document_id}, which"
        ways = "or let one be made for it, with attrs.evolve(block, document_id=None)"
        with using(client) as api:
            try:
                document = api.read_block_document(self.document_id)
            except ObjectNotFound as exc:
                problem = f"{what} {api.url} does not have: it is of another server, or was deleted"
                raise BlockError(f"{problem}. Save the block there under a name, {ways}") from exc
        # Raised here, so that no frame of the traceback shows a secret.
        difference = documents.describe_difference(document, self)
        if difference is not None:
            raise BlockError(
                f"{what} holds something else on the server, {difference}: one of the two was"
                f" changed. Load the block again, save it under a name, {ways}"
            )

    def ensure_document(
        self, client: Optional[Client] = None, schema: Optional[BlockSchema] = None
    ) -> UUID:
        """Return the id of a document that holds this block, made if missing.

        A *schema* of the class that is given is not looked up. Raises as :meth:`check_document`.
        """
        if self.document_id is not None:
            self.check_document(client)
            return self.document_id
        self.to_document_data()  # Raises before anything is sent.
        with using(client) as api:
            schema = schema or documents.register(self.definition(), api)
            # 2.0b7 has one anonymous document for equal content.
            name = None if api.dialect.name == "orion" else documents.name_by_content(self)
            document, difference = documents.put_document(name, self, api, schema)
        if difference is not None:
            advice = "with block.save(name) or flowpack storage save, and use that"
            difference = f"{difference}. Save this one under a name of your own, {advice}"
            raise self._name_error(name, difference)
        return document.id

    def _name_error(self, name: Optional[str], difference: str) -> BlockError:
        what = f"there is a {self.block_type_name} called {quoted(name)} already"
        return BlockError(f"{what}, {difference}")


def _masked_repr(block: Block) -> str:
    """Return what attrs would, without what is secret."""
    cls = type(block)
    try:
        secret = {path.partition(".")[0] for path in cls.definition().secret_fields}
    except BlockError:
        # What is secret cannot be known, so nothing is shown.
        secret = {field.alias for field in attrs.fields(cls)}
    parts = []
    for field in attrs.fields(cls):
        value = getattr(block, field.name)
        if field.alias in named_fields(cls):
            parts.append(f"{field.name}='{MASK}'")
        elif callable(field.repr):
            parts.append(f"{field.name}={field.repr(value)}")
        elif field.repr:
            # Secrets and blocks mask themselves.
            is_shown = field.alias not in secret or isinstance(value, (Block, Secret, type(None)))
            parts.append(f"{field.name}={(value if is_shown else MASK)!r}")
    return f"{cls.__qualname__.rpartition('>.')[2]}({', '.join(parts)})"
