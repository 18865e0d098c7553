"""The schema of a block class, as pydantic 1.9 renders the same class."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import pathlib
import subprocess
import sys
import uuid
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    FrozenSet,
    Iterable,
    List,
    Literal,
    Mapping,
    NewType,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import attrs
import pytest

from flowpack.blocks.cloud import (
    AzureBlobStorageBlock,
    GoogleCloudStorageBlock,
    S3StorageBlock,
)
from flowpack.blocks.block import Block
from flowpack.blocks.secret import Secret
from flowpack.blocks.storage import (
    FileStorageBlock,
    KVServerStorageBlock,
    LocalStorageBlock,
    StorageBlock,
    TempStorageBlock,
)
from flowpack.exceptions import BlockError
from flowpack.wire.block_schemas import orion_checksum as checksum
from flowpack.wire.block_schemas import prefect3_schema

#: What ``get_description`` and ``get_code_example`` return in Prefect 2.0b7.
DOCSTRINGS = json.loads(
    (pathlib.Path(__file__).parent / "data" / "docstrings.json").read_text()
)


class Colour(enum.Enum):
    """Colours."""

    RED = "red"
    BLUE = "blue"


class Number(enum.IntEnum):
    """Numbers."""

    ONE = 1
    TWO = 2


class Word(str, enum.Enum):
    """Words."""

    X = "x"


@attrs.frozen
class Inner(Block):
    a: int


@attrs.frozen
class Other(Block):
    b: str = "x"


@attrs.frozen
class Inside(Block):
    token: Secret
    user: str


def block_class(name="M", base=Block, **fields):
    """Return a block class with those fields, each an annotation and a default."""
    namespace = {
        field: attrs.field(
            default=attrs.NOTHING if default is ... else default, kw_only=True
        )
        for field, (_, default) in fields.items()
    }
    annotations = {field: annotation for field, (annotation, _) in fields.items()}
    namespace.update(__annotations__=annotations, __module__=__name__)
    return attrs.frozen(type(name, (base,), namespace))


#: Annotation, default, and what pydantic 1.9.1 renders of a field ``my_field``.
RENDERED = [
    (str, ..., {"title": "My Field", "type": "string"}),
    (str, "x", {"title": "My Field", "default": "x", "type": "string"}),
    (int, ..., {"title": "My Field", "type": "integer"}),
    (int, 1, {"title": "My Field", "default": 1, "type": "integer"}),
    (float, ..., {"title": "My Field", "type": "number"}),
    (float, 1, {"title": "My Field", "default": 1, "type": "number"}),
    (bool, False, {"title": "My Field", "default": False, "type": "boolean"}),
    (bytes, ..., {"title": "My Field", "type": "string", "format": "binary"}),
    (Any, ..., {"title": "My Field"}),
    (Any, None, {"title": "My Field"}),
    (list, ..., {"title": "My Field", "type": "array", "items": {}}),
    (List, ..., {"title": "My Field", "type": "array", "items": {}}),
    (
        List[int],
        ...,
        {"title": "My Field", "type": "array", "items": {"type": "integer"}},
    ),
    (
        List[int],
        [1],
        {
            "title": "My Field",
            "default": [1],
            "type": "array",
            "items": {"type": "integer"},
        },
    ),
    (
        Sequence[str],
        ...,
        {"title": "My Field", "type": "array", "items": {"type": "string"}},
    ),
    (
        Iterable[int],
        ...,
        {"title": "My Field", "type": "array", "items": {"type": "integer"}},
    ),
    (
        set,
        ...,
        {"title": "My Field", "type": "array", "items": {}, "uniqueItems": True},
    ),
    (
        Set[int],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {"type": "integer"},
            "uniqueItems": True,
        },
    ),
    (
        FrozenSet[int],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {"type": "integer"},
            "uniqueItems": True,
        },
    ),
    (tuple, ..., {"title": "My Field", "type": "array", "items": {}}),
    (
        Tuple[int, str],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": [{"type": "integer"}, {"type": "string"}],
        },
    ),
    (
        Tuple[int, ...],
        ...,
        {"title": "My Field", "type": "array", "items": {"type": "integer"}},
    ),
    (
        Tuple[int, ...],
        (1, 2),
        {
            "title": "My Field",
            "default": [1, 2],
            "type": "array",
            "items": {"type": "integer"},
        },
    ),
    (dict, ..., {"title": "My Field", "type": "object"}),
    (Dict[str, Any], ..., {"title": "My Field", "type": "object"}),
    (
        Dict[str, str],
        ...,
        {
            "title": "My Field",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
    ),
    (
        Dict[str, Dict[str, int]],
        ...,
        {
            "title": "My Field",
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {"type": "integer"},
            },
        },
    ),
    (
        Mapping[str, int],
        ...,
        {
            "title": "My Field",
            "type": "object",
            "additionalProperties": {"type": "integer"},
        },
    ),
    (
        List[List[Dict[str, int]]],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": {"type": "integer"},
                },
            },
        },
    ),
    (Optional[int], ..., {"title": "My Field", "type": "integer"}),
    (Optional[int], None, {"title": "My Field", "type": "integer"}),
    (Optional[int], 3, {"title": "My Field", "default": 3, "type": "integer"}),
    (
        Union[int, str],
        ...,
        {"title": "My Field", "anyOf": [{"type": "integer"}, {"type": "string"}]},
    ),
    (
        Union[int, str, None],
        5,
        {
            "title": "My Field",
            "default": 5,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        },
    ),
    (
        Union[int, List[int]],
        ...,
        {
            "title": "My Field",
            "anyOf": [
                {"type": "integer"},
                {"type": "array", "items": {"type": "integer"}},
            ],
        },
    ),
    (
        Dict[str, Optional[int]],
        ...,
        {
            "title": "My Field",
            "type": "object",
            "additionalProperties": {"type": "integer"},
        },
    ),
    (
        List[Union[int, str]],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        },
    ),
    (
        Literal["a", "b"],
        ...,
        {"title": "My Field", "enum": ["a", "b"], "type": "string"},
    ),
    (
        Literal["a", "b"],
        "a",
        {"title": "My Field", "default": "a", "enum": ["a", "b"], "type": "string"},
    ),
    (
        Optional[Literal["a", "b"]],
        None,
        {"title": "My Field", "enum": ["a", "b"], "type": "string"},
    ),
    (Literal[1, 2], ..., {"title": "My Field", "enum": [1, 2], "type": "integer"}),
    (
        Literal[True, False],
        ...,
        {"title": "My Field", "enum": [True, False], "type": "boolean"},
    ),
    (
        Literal["a", 1],
        ...,
        {
            "title": "My Field",
            "anyOf": [
                {"enum": ["a"], "type": "string"},
                {"enum": [1], "type": "integer"},
            ],
        },
    ),
    (Literal["a", None], ..., {"title": "My Field", "enum": ["a"], "type": "string"}),
    (
        Union[Literal["a"], int],
        ...,
        {
            "title": "My Field",
            "anyOf": [{"enum": ["a"], "type": "string"}, {"type": "integer"}],
        },
    ),
    (Colour, ..., {"$ref": "#/definitions/Colour"}),
    (
        Colour,
        Colour.RED,
        {"default": "red", "allOf": [{"$ref": "#/definitions/Colour"}]},
    ),
    (Optional[Colour], None, {"$ref": "#/definitions/Colour"}),
    (Number, Number.ONE, {"default": 1, "allOf": [{"$ref": "#/definitions/Number"}]}),
    (Word, ..., {"$ref": "#/definitions/Word"}),
    (List[Colour], ..., {"type": "array", "items": {"$ref": "#/definitions/Colour"}}),
    (
        List[Colour],
        [Colour.RED],
        {
            "default": ["red"],
            "type": "array",
            "items": {"$ref": "#/definitions/Colour"},
        },
    ),
    (
        List[Optional[Colour]],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {"$ref": "#/definitions/Colour"},
        },
    ),
    (
        Dict[str, Colour],
        ...,
        {"type": "object", "additionalProperties": {"$ref": "#/definitions/Colour"}},
    ),
    (
        Union[Colour, int],
        1,
        {
            "title": "My Field",
            "default": 1,
            "anyOf": [{"$ref": "#/definitions/Colour"}, {"type": "integer"}],
        },
    ),
    (
        datetime.datetime,
        ...,
        {"title": "My Field", "type": "string", "format": "date-time"},
    ),
    (
        datetime.datetime,
        datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc),
        {
            "title": "My Field",
            "default": "2020-01-01T00:00:00+00:00",
            "type": "string",
            "format": "date-time",
        },
    ),
    (datetime.date, ..., {"title": "My Field", "type": "string", "format": "date"}),
    (datetime.time, ..., {"title": "My Field", "type": "string", "format": "time"}),
    (
        datetime.timedelta,
        ...,
        {"title": "My Field", "type": "number", "format": "time-delta"},
    ),
    (
        datetime.timedelta,
        datetime.timedelta(seconds=90),
        {
            "title": "My Field",
            "default": 90.0,
            "type": "number",
            "format": "time-delta",
        },
    ),
    (pathlib.Path, ..., {"title": "My Field", "type": "string", "format": "path"}),
    (
        pathlib.Path,
        pathlib.Path("/x"),
        {"title": "My Field", "default": "/x", "type": "string", "format": "path"},
    ),
    (uuid.UUID, ..., {"title": "My Field", "type": "string", "format": "uuid"}),
    (
        uuid.UUID,
        uuid.UUID(int=1),
        {
            "title": "My Field",
            "default": "00000000-0000-0000-0000-000000000001",
            "type": "string",
            "format": "uuid",
        },
    ),
    (decimal.Decimal, ..., {"title": "My Field", "type": "number"}),
    (
        decimal.Decimal,
        decimal.Decimal("1.5"),
        {"title": "My Field", "default": 1.5, "type": "number"},
    ),
    (
        Secret,
        ...,
        {
            "title": "My Field",
            "type": "string",
            "writeOnly": True,
            "format": "password",
        },
    ),
    (
        Secret,
        Secret("x"),
        {
            "title": "My Field",
            "default": "**********",
            "type": "string",
            "writeOnly": True,
            "format": "password",
        },
    ),
    (
        Optional[Secret],
        None,
        {
            "title": "My Field",
            "type": "string",
            "writeOnly": True,
            "format": "password",
        },
    ),
    (Inner, ..., {"$ref": "#/definitions/Inner"}),
    (Optional[Inner], None, {"$ref": "#/definitions/Inner"}),
    (
        List[Inner],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "items": {"$ref": "#/definitions/Inner"},
        },
    ),
    (
        Dict[str, Inner],
        ...,
        {
            "title": "My Field",
            "type": "object",
            "additionalProperties": {"$ref": "#/definitions/Inner"},
        },
    ),
    (
        Tuple[Inner, int],
        ...,
        {
            "title": "My Field",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": [{"$ref": "#/definitions/Inner"}, {"type": "integer"}],
        },
    ),
    (
        Union[Inner, Other],
        ...,
        {
            "title": "My Field",
            "anyOf": [{"$ref": "#/definitions/Inner"}, {"$ref": "#/definitions/Other"}],
        },
    ),
    (
        Union[Inner, int],
        ...,
        {
            "title": "My Field",
            "anyOf": [{"$ref": "#/definitions/Inner"}, {"type": "integer"}],
        },
    ),
]


@pytest.mark.parametrize(("annotation", "default", "expected"), RENDERED, ids=repr)
def test_field_is_rendered_as_pydantic_does(annotation, default, expected):
    """A field's schema is what the reference makes of the same field."""
    schema = block_class(my_field=(annotation, default)).schema()
    assert schema["properties"] == {"my_field": expected}
    assert schema.get("required", []) == (["my_field"] if default is ... else [])


def test_mandatory_fields_come_before_and_after_optional_ones():
    """Required fields are listed in the order of their declaration."""
    cls = block_class(b=(str, ...), a=(int, ...), c=(int, 1))
    assert cls.schema()["required"] == ["b", "a"]
    assert list(cls.schema()["properties"]) == ["b", "a", "c"]


# Whole classes


STORAGES = {
    LocalStorageBlock: (
        "sha256:3a67d4187da98a983d948e042969437dbd14d49854c528a8026cb9a96121ccef"
    ),
    TempStorageBlock: (
        "sha256:a50cea996168db8db0c10db1d0bf2227a4885a9f6c19acaac642d2801ed83a73"
    ),
    FileStorageBlock: (
        "sha256:f74b9cc237a54c0ad8f269f2d0f770ea29c1252c96a47ce3c5a9ddbbd4e722d8"
    ),
    S3StorageBlock: (
        "sha256:3ffda32926202a34fc30d7618e4792f71088d37fbcf92c18d070104ca6da7431"
    ),
    GoogleCloudStorageBlock: (
        "sha256:8a87d925d3fb2a95c0ac89d00a167360084a0b7c3fe83efbab4a5ea84cc80271"
    ),
    AzureBlobStorageBlock: (
        "sha256:4488e8f7d196f7627e3ead24ca136860f0a54d54f6c98533cf3ef2f4ba9cf51b"
    ),
    KVServerStorageBlock: (
        "sha256:9a8e5718deb49bdfedad40fd3d350039b3269d986af752e2ab59a6ebab31ba45"
    ),
}


@pytest.mark.parametrize("cls", STORAGES, ids=lambda cls: cls.__name__)
def test_storage_has_the_reference_checksum(cls):
    """Stock servers and agents know the class by its checksum."""
    assert cls.schema_checksum() == STORAGES[cls]
    assert cls.definition().capabilities == ("writeable", "readable", "storage")


#: Of a schema with its prose, which counts on servers of Prefect 2.10.14 and later.
CHECKSUMS_WITH_PROSE = {
    LocalStorageBlock: "1402640108ed40b14154095f2759d49e0341e140f3c67543da8126efd0e36934",
    TempStorageBlock: "b84fa020a69d62c7c492fb3b12c4979394a1cbcc8ff61caeaaa77209c94512de",
    FileStorageBlock: "d72b2d04a22bfa69160c875f4fee50081533c60c9c631794271e4f38e86ad509",
    S3StorageBlock: "b1672be52a50a8afae856c133d11b4e1f1baa020cec87c6e1747bc8212e32ca0",
    GoogleCloudStorageBlock: "f5e1708171baa4433de3ce811f6260bd4221c0d03f7df077ca0e714aaff46911",
    AzureBlobStorageBlock: "536e26ad6721da2458679eba1792112733c9630ec5cc93ea035d50c4e3f2fa0c",
    KVServerStorageBlock: "cce1ea922e6b3eba01067d5769a92bbd9848a3a161f770ef1864691c49600871",
}


@pytest.mark.parametrize("cls", CHECKSUMS_WITH_PROSE, ids=lambda cls: cls.__name__)
def test_documents_of_earlier_builds_stay_of_their_class(cls):
    """The docstring is part of the schema: another wording orphans what was saved."""
    assert prefect3_schema(cls.definition())[1] == f"sha256:{CHECKSUMS_WITH_PROSE[cls]}"


def test_file_storage_schema():
    """The whole schema of a class, prose aside."""
    schema = FileStorageBlock.schema()
    assert schema.pop("description").startswith("Keeps bytes as files")
    for field in schema["properties"].values():
        assert field.pop("description")
    assert schema == {
        "title": "FileStorageBlock",
        "type": "object",
        "properties": {
            "base_path": {"title": "Base Path", "type": "string"},
            "key_type": {
                "title": "Key Type",
                "default": "hash",
                "enum": ["hash", "uuid", "timestamp"],
                "type": "string",
            },
            "options": {"title": "Options", "type": "object"},
        },
        "required": ["base_path"],
        "block_type_name": "File Storage",
        "block_schema_references": {},
    }


@pytest.mark.parametrize(
    ("name", "extra", "expected"),
    [
        (
            "MyRegisteredBlock",
            {},
            "295c039674c2d9e8c697063e0a5c188a21cf5f564b94ed71b13ebfabdbb27ac3",
        ),
        (
            "MyOtherRegisteredBlock",
            {"z": (int, 2)},
            "0ee40e3d110beef563d12af1e5b234d042237cffa3b344917f574b653d2a3b89",
        ),
    ],
)
def test_checksum_of_other_classes(name, extra, expected):
    """Checksums that the reference's own tests state."""
    cls = block_class(name, x=(str, ...), y=(int, 1), **extra)
    assert cls.schema_checksum() == f"sha256:{expected}"


def test_checksum_of_nothing():
    """The checksum of an empty schema is the reference's."""
    expected = "f8e6e96abbc38504d4e9c99fc57281fa0026bede1fa42db79f22f984501710f4"
    assert checksum({}) == f"sha256:{expected}"


def test_prose_changes_no_checksum():
    """Descriptions of class and fields may change without a new schema."""

    @attrs.frozen
    class M(Block):
        """Something else."""

        x: int = attrs.field(metadata={"description": "some number"})

    assert M.schema()["properties"]["x"]["description"] == "some number"
    assert M.schema_checksum() == block_class(x=(int, ...)).schema_checksum()


def test_checksum_of_nested_blocks():
    """The reference's checksum of a class whose field is a block."""

    @attrs.frozen
    class Deep(Block):
        inner: Inner

    assert Inner.schema_checksum() == (
        "sha256:a6d3787cad1e579c09518ee94422e60bc40c84745f6fb27a0bd8e1034f93ee6a"
    )
    assert Deep.schema_checksum() == (
        "sha256:b961bf42991ae3a8e335e0706174b7b0873656f7c48e7c1cbd879c395426958e"
    )


def test_references_to_other_blocks():
    """Fields that are blocks are listed, one level into lists and mappings."""
    cls = block_class(
        plain=(Inner, ...),
        maybe=(Optional[Inner], None),
        either=(Union[Inner, Other], ...),
        many=(List[Inner], ...),
        named=(Dict[str, Other], ...),
        places=(Tuple[Inner, int], ...),
        number=(int, ...),
    )
    references = cls.definition().references
    assert {
        field: [definition.type_name for definition in definitions]
        for field, definitions in references.items()
    } == {
        "plain": ["Inner"],
        "maybe": ["Inner"],
        "either": ["Inner", "Other"],
        "many": ["Inner"],
        "named": ["Other"],
    }


def test_definitions_of_one_name_have_names_of_their_own():
    """Two enums of one name get long names, as pydantic gives them."""

    class Holder:
        class Colour(enum.Enum):
            """Others."""

            GREEN = 1

    cls = block_class(one=(Colour, ...), two=(Holder.Colour, ...))
    assert len(cls.schema()["definitions"]) == 2
    assert len({str(field) for field in cls.schema()["properties"].values()}) == 2


def test_title_and_alias():
    """A field's title can be given; its alias is its name everywhere."""

    @attrs.frozen
    class M(Block):
        x: str = attrs.field(metadata={"title": "The X"})
        inner: int = attrs.field(default=1, alias="theAlias")

    assert M.schema()["properties"] == {
        "x": {"title": "The X", "type": "string"},
        "theAlias": {"title": "Thealias", "default": 1, "type": "integer"},
    }
    block = M.from_data({"x": "text", "theAlias": 5})
    assert block == M("text", theAlias=5)
    assert block.to_document_data() == {"x": "text", "theAlias": 5}


def test_what_stays_in_the_process():
    """Private fields, those not given to the constructor and the id are not shown."""

    @attrs.frozen
    class M(Block):
        x: int
        _session: Any = None
        twice: int = attrs.field(init=False)

        @twice.default
        def _double(self):
            return 2 * self.x

    assert list(M.schema()["properties"]) == ["x"]
    assert M(3, document_id=uuid.UUID(int=1)).to_document_data() == {"x": 3}


def test_default_of_a_factory_is_not_shown():
    """What a factory makes is no default in the schema, but makes it optional."""

    @attrs.frozen
    class M(Block):
        x: List[int] = attrs.field(factory=list)

    assert "default" not in M.schema()["properties"]["x"]
    assert "required" not in M.schema()


def test_new_types_and_aliases():
    """A NewType is its base, an Annotated its first argument."""
    cls = block_class(x=(NewType("Name", str), ...), y=(CheckedInt, ...))
    properties = cls.schema()["properties"]
    assert [field["type"] for field in properties.values()] == ["string", "integer"]


BaseInt = NewType("BaseInt", int)
CheckedInt = NewType("CheckedInt", BaseInt)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs X | Y at run time")
def test_new_spelling_of_unions():
    """``X | None`` is Optional[X]."""
    cls = block_class(x=(eval("int | None"), None), y=(list[int], ...))
    assert cls.schema() == {
        **block_class(x=(Optional[int], None), y=(List[int], ...)).schema()
    }


# Names


def test_name_is_that_of_the_class():
    """Without a name of its own a type is called like its class, subclasses too."""

    @attrs.frozen
    class First(Block):
        pass

    @attrs.frozen
    class Second(First):
        pass

    assert First.block_type_name == "First"
    assert (
        Second.block_type_name == Second(document_id=None).block_type_name == "Second"
    )
    assert Second.schema()["block_type_name"] == "Second"


def test_declared_name_is_inherited():
    """A subclass of a named class has its name, as in the reference."""

    @attrs.frozen
    class Mine(LocalStorageBlock):
        pass

    assert Mine.definition().type_name == "Local Storage"


def test_description_is_the_docstring():
    """The docstring is cleaned; without one it is inherited, but not from Block."""

    @attrs.frozen
    class Described(Block):
        """First line.

        Second line.
        """

    @attrs.frozen
    class Heir(Described):
        pass

    @attrs.frozen
    class Silent(Block):
        pass

    assert Described.schema()["description"] == "First line.\n\nSecond line."
    assert Heir.schema()["description"] == Described.schema()["description"]
    assert "description" not in Silent.schema()
    assert Silent.definition().description is None


@pytest.mark.parametrize("recorded", DOCSTRINGS.values(), ids=DOCSTRINGS)
def test_description_and_example_of_a_docstring(recorded):
    """They are split as the block classes of 2.0b7 do."""
    made: Any = type("Made", (Block,), {"__doc__": recorded["docstring"]})
    definition = attrs.frozen(made).definition()
    assert definition.description == recorded["description"]
    assert definition.code_example == recorded["code_example"]


def test_class_variables_of_the_reference():
    """Its names for description and example come before the docstring."""

    @attrs.frozen
    class M(Block):
        """Text.

        Example:
            M(0)
        """

        _description = "Other text."
        _code_example = """
            if True:
                M(1)
            """

    assert M.definition().description == "Other text."
    assert M.definition().code_example == "if True:\n    M(1)"
    assert M.schema()["description"].startswith("Text.\n\nExample:")


def test_what_the_user_interface_shows():
    """Addresses and example are sent with the type."""

    @attrs.frozen
    class M(Block):
        logo_url = "https://example.com/logo.png"
        documentation_url: ClassVar[str] = "https://example.com"
        code_example = "M()"

    definition = M.definition()
    assert definition.logo_url == "https://example.com/logo.png"
    assert definition.documentation_url == "https://example.com"
    assert definition.code_example == "M()"


def test_secret_fields_are_listed():
    """Secret text is listed with its path, and so is what the class names."""

    @attrs.frozen
    class M(Block):
        secret_fields = ("options",)

        password: Secret
        maybe: Optional[Secret]
        inner: Inside
        many: Dict[str, Secret]
        deep: List[Inside]
        options: Dict[str, Any]
        plain: str

    assert M.definition().secret_fields == (
        "password",
        "maybe",
        "inner.token",
        "many.*",
        "deep.*.token",
        "options",
    )


def test_schema_can_be_changed_by_who_asked():
    """What a caller does to a schema does not reach the next caller."""
    Inner.schema()["properties"]["a"]["type"] = "changed"
    assert Inner.schema()["properties"]["a"]["type"] == "integer"


# Classes that cannot be blocks


class Strange:
    """Nothing that JSON knows."""


@pytest.mark.parametrize(
    "annotation",
    [Strange, Callable[[int], int], complex, List[Strange], Dict[int, Strange]],
    ids=str,
)
def test_type_without_counterpart_is_reported(annotation):
    """A field that JSON cannot hold is refused, and what may be is listed."""
    with pytest.raises(BlockError, match="JSON"):
        block_class(x=(annotation, ...)).definition()


def test_undecorated_class_is_reported():
    """Who forgets the decorator learns it from every use."""

    class Mine(Block):
        x: int

    make: Any = Mine
    for use in (lambda: make(1), make, Mine.definition, Mine.schema_checksum):
        with pytest.raises(BlockError, match="@attrs.frozen above class Mine"):
            use()
    with pytest.raises(BlockError, match="@attrs.frozen"):
        Mine.from_data({"x": 1})


def test_undecorated_subclass_of_a_block_is_reported():
    """The decorator of the base class does not count."""

    class Mine(LocalStorageBlock):
        pass

    with pytest.raises(BlockError, match="@attrs.frozen above class Mine"):
        Mine("/tmp")


def test_base_is_no_block():
    """The base class cannot be registered."""
    with pytest.raises(BlockError, match="no block itself"):
        Block.definition()


def test_abstract_storage_cannot_be_made():
    """A storage needs both methods."""

    @attrs.frozen
    class Half(StorageBlock):
        def write(self, data):
            return ""

    make: Any = Half
    with pytest.raises(TypeError, match="abstract"):
        make()


def test_annotated_class_variable_is_reported():
    """With an annotation a class variable would become a field."""

    @attrs.frozen
    class M(Block):
        block_type_name: str = "Mine"  # type: ignore[misc]  # the mistake

    with pytest.raises(BlockError, match="ClassVar"):
        M.definition()


def test_unknown_secret_field_is_reported():
    """A misspelt secret field would not be secret."""

    @attrs.frozen
    class M(Block):
        secret_fields = ("pasword",)
        password: str

    with pytest.raises(BlockError, match="pasword"):
        M.definition()


@pytest.mark.parametrize("name", ["a/b", "a%b", "a&b", "a<b", "a>b"])
def test_type_name_that_servers_refuse(name):
    """Names with such characters never reach a server."""

    @attrs.frozen
    class M(Block):
        block_type_name = name

    with pytest.raises(BlockError, match="servers refuse"):
        M.definition()


def test_block_within_itself_is_reported():
    """A class that contains itself has no schema."""

    @attrs.frozen
    class M(Block):
        x: int

    M.__annotations__["me"] = Optional[M]
    again = block_class("Again", again=(Optional[M], None))
    again.__annotations__["again"] = Optional[again]
    with pytest.raises(BlockError, match="refers back"):
        again.definition()


def test_unresolvable_annotation_is_reported():
    """A name that is not there at run time is named."""

    @attrs.frozen
    class M(Block):
        x: "Elsewhere"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(BlockError, match="Elsewhere.*TYPE_CHECKING"):
        M.definition()


@pytest.mark.skipif(sys.version_info >= (3, 10), reason="newer Pythons take it")
def test_new_spelling_of_unions_on_old_python():
    """Where Python cannot resolve ``X | Y`` the old spelling is named."""

    @attrs.frozen
    class M(Block):
        x: "int | None"

    with pytest.raises(BlockError, match="Optional"):
        M.definition()


def test_schema_of_common_fields_loads_little():
    """Modules for seldom types are not loaded for the usual ones."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "from flowpack.blocks.storage import FileStorageBlock\n"
        "block = FileStorageBlock('/x')\n"
        "block.definition(), block.to_document_data()\n"
        "print(*({'requests', 'cattrs', 'sqlite3', 'decimal', 'tempfile',"
        " 'importlib.metadata', 'logging', 'asyncio'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
