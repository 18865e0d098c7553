"""The schema of a function is what the official client sends."""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowpack.analysis.parameters import ParameterSchema
from flowpack.exceptions import DiscoveryError
from flowpack.jsonvalues import json_problem
from tests.analysis.scripts import schema_in

DATA = Path(__file__).parent.parent / "data"
#: Recorded with the reference: the official client's schema of each signature.
VECTORS = json.loads((DATA / "parameter_schemas.json").read_text("utf-8"))["vectors"]
#: Recorded in the same way, many more.
SEEN = json.loads((DATA / "signatures_seen.json").read_text("utf-8"))


def schema_of(source: str, function: str = "f") -> Dict[str, Any]:
    """Return the schema of *function* in *source*."""
    return schema_in(textwrap.dedent(source), function).schema


def described(source: str) -> ParameterSchema:
    """Return the schema and the notes of ``f`` in *source*."""
    return schema_in(textwrap.dedent(source))


def fragment(schema: Dict[str, Any], name: str = "x") -> Dict[str, Any]:
    """Return the schema of one parameter, without what all have."""
    return {
        key: value
        for key, value in schema["properties"][name].items()
        if key not in ("title", "position")
    }


# Against the official client


@pytest.mark.parametrize("name", VECTORS)
def test_reference_vector(name):
    """Each vector of the reference comes out equal."""
    vector = VECTORS[name]
    # Where the script cannot be imported, the official client reads it, too.
    expected = vector.get("schema", vector.get("schema_from_entrypoint"))
    assert schema_of(vector["source"]) == expected


@pytest.mark.parametrize("annotation", SEEN["annotations"])
def test_annotation(annotation):
    """An annotation gives the schema that the official client was seen to send."""
    schema = schema_of(f"{SEEN['preamble']}def f(x: {annotation}): pass")
    expected = SEEN["annotations"][annotation]
    assert fragment(schema) == expected["schema"]
    assert schema.get("definitions") == expected.get("definitions")
    assert schema["required"] == ["x"]


@pytest.mark.parametrize("default", SEEN["defaults"])
def test_default(default):
    """A default is written as the official client was seen to write it."""
    schema = schema_of(f"{SEEN['preamble']}def f(x={default}): pass")
    assert fragment(schema) == SEEN["defaults"][default]


@pytest.mark.parametrize("name", SEEN["scripts"])
def test_script(name):
    """A whole script gives the schema that the official client was seen to send."""
    seen = SEEN["scripts"][name]
    assert schema_of(seen["source"]) == seen["schema"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="newer syntax")
@pytest.mark.parametrize("name", SEEN["scripts_312"])
def test_script_of_python_312(name):
    """So does a script with the syntax and the library of Python 3.12."""
    seen = SEEN["scripts_312"][name]
    assert schema_of(seen["source"]) == seen["schema"]


# Variants of the vectors

POSTPONED = [name for name, vector in VECTORS.items() if "schema" in vector]


@pytest.mark.parametrize("name", POSTPONED)
def test_postponed_annotations(name):
    """``from __future__ import annotations`` changes nothing."""
    vector = VECTORS[name]
    source = f"from __future__ import annotations\n{vector['source']}"
    assert schema_of(source) == vector["schema"]


@pytest.mark.parametrize("name", POSTPONED)
def test_crlf_and_bytes(name):
    """Bytes with a byte order mark and Windows line ends read the same."""
    vector = VECTORS[name]
    source = vector["source"].replace("\n", "\r\n").encode("utf-8-sig")
    assert schema_in(source).schema == vector["schema"]


@pytest.mark.parametrize(
    "imports, annotation",
    [
        ("import typing as t", "t.List[int]"),
        ("from typing import List as L", "L[int]"),
        ("import typing\nL = typing.List", "L[int]"),
        ("from typing import List\nInts = List[int]", "Ints"),
        ("from typing import *", "List[int]"),
        ("import typing_extensions as te", "te.List[int]"),
        ("try:\n    from typing import *\nexcept ImportError:\n    pass", "List[int]"),
        ("from typing import List\nif List:\n    Ints = List[int]", "'Ints'"),
        ("import collections.abc as c", "c.Sequence[int]"),
    ],
    ids=str,
)
def test_spellings_of_an_import(imports, annotation):
    """A type is known under whatever name the script gives it."""
    schema = schema_of(f"{imports}\ndef f(x: {annotation}): ...")
    assert fragment(schema) == {"type": "array", "items": {"type": "integer"}}


def test_later_name_in_text():
    """Text may name what the script defines only after the function."""
    schema = schema_of(
        """
        def f(x: "Color", y: "list[int]" = ()): ...
        from enum import Enum
        class Color(Enum):
            RED = 1
        """
    )
    assert fragment(schema) == {"$ref": "#/definitions/Color"}
    assert schema["definitions"]["Color"]["enum"] == [1]


def test_default_is_what_it_was_at_the_definition():
    """A constant that changes later does not change the default."""
    schema = schema_of("N = 1\ndef f(x: int = N): ...\nN = 2")
    assert fragment(schema)["default"] == 1


@pytest.mark.parametrize(
    "annotation, equal",
    [
        ("Literal[tuple(NAMES)]", "Literal['a', 'b']"),
        ("Literal[tuple(n for n in NAMES)]", "Literal['a', 'b']"),
        ("Union[TYPES]", "Union[int, str]"),
        ("Tuple[TYPES]", "Tuple[int, str]"),
        ("Dict[TYPES]", "Dict[int, str]"),
    ],
)
def test_subscript_that_is_a_tuple(annotation, equal):
    """A tuple in brackets is its items, wherever it was made."""
    before = "from typing import *\nNAMES = ['a', 'b']\nTYPES = (int, str)\n"
    found = fragment(schema_of(f"{before}def f(x: {annotation}): ..."))
    assert found == fragment(schema_of(f"{before}def f(x: {equal}): ..."))


def test_field_is_what_its_annotation_was_at_the_definition():
    """A name in a class is looked up when the class is made."""
    schema = schema_of(
        "from dataclasses import dataclass\nT = int\n@dataclass\nclass C:\n    a: T\n"
        "T = str\ndef f(x: C): ..."
    )
    assert schema["definitions"]["C"]["properties"]["a"] == {"title": "A", "type": "integer"}


@pytest.mark.parametrize("base", ["BaseModel", "Block"])
def test_field_of_a_model_with_postponed_annotations(base):
    """A model looks names up when it is made, and what is not there yet, later."""
    schema = schema_of(
        f"""
        from __future__ import annotations
        from typing import Optional
        from prefect.blocks.core import Block
        from pydantic import BaseModel
        T = int
        class M({base}):
            a: T
            b: Optional[N] = None
        class N(BaseModel): ...
        T = str
        def f(x: M, y: T): ...
        """
    )
    fields = schema["definitions"]["M"]["properties"]
    assert fields["a"] == {"title": "A", "type": "integer"}
    assert fields["b"]["anyOf"] == [{"$ref": "#/definitions/N"}, {"type": "null"}]
    assert fragment(schema, "y") == {"type": "string"}


def test_text_with_a_doubtful_escape():
    """The parser's warnings about text in annotations are those of who runs the script."""
    schema = schema_of("from typing import *\ndef f(x: 'Literal[\"\\\\d\"]'): ...")
    assert fragment(schema) == {"const": "\\d", "type": "string"}


@pytest.mark.parametrize(
    "made, values",
    [
        ("Enum('E', 'A B')", [1, 2]),
        ("IntEnum('E', ['A', 'B'], start=5)", None),
        ("Enum('E', 'A B', start=lib.N)", None),
        ("Enum('E', 'A B', type=str)", None),
        ("Flag('E', 'A B C')", None),
        ("StrEnum('E', 'A B')", None),
    ],
)
def test_enumeration_made_by_a_call(made, values):
    """Members without values are counted, in some kinds of enumerations."""
    schema = schema_of(f"from enum import *\nimport lib\nE = {made}\ndef f(x: E): ...")
    assert schema.get("definitions", {}).get("E", {}).get("enum") == values


def test_method():
    """A flow in a class is found as ``Class.method``; self keeps its position."""
    source = "class A:\n    class B:\n        def m(self, x: int): ..."
    schema = schema_of(source, "A.B.m")
    assert schema["properties"] == {
        "x": {"type": "integer", "title": "x", "position": 1}
    }


# What is not known


@pytest.mark.parametrize(
    "source, note",
    [
        ("import a_lib\ndef f(x: a_lib.Thing): ...", "'a_lib.Thing' is defined"),
        ("from .near import Thing\ndef f(x: Thing): ...", "'.near.Thing' is defined"),
        ("import a_lib\ndef f(x=a_lib.N): ...", "its default 'a_lib.N' is not known"),
        ("import os\ndef f(x=os.getcwd()): ...", "'os.getcwd()' is not known"),
        ("N = []\nN.append(1)\ndef f(x=N): ...", "its default 'N' is not known"),
        ("N = {}\nN['a'] = 1\ndef f(x=N): ...", "its default 'N' is not known"),
        ("for N in (1, 2): pass\ndef f(x=N): ...", "its default 'N' is not known"),
        (
            "from a import B\nclass C(B): ...\ndef f(x: C): ...",
            "'C' is not known in full: its base 'a.B' is",
        ),
        ("from a import t\ndef f(x: t('a')): ...", "annotation is a call"),
        (
            "from enum import *\nclass E(Enum):\n    A = object()\ndef f(x: E): ...",
            "'E' is not known in full: its values are not known",
        ),
        (
            "from enum import *\nclass E(Enum):\n"
            "    def _generate_next_value_(*a): ...\n"
            "    A = auto()\ndef f(x: E): ...",
            "'E' is not known in full: its values are not known",
        ),
        (
            "from dataclasses import *\nfrom typing import *\nT = TypeVar('T')\n"
            "@dataclass\nclass A(Generic[T]):\n    a: T\ndef f(x: A[int]): ...",
            "any value is allowed, for its type 'A' is generic",
        ),
        (
            "from dataclasses import *\nimport a\n@dataclass\nclass A:\n"
            "    a: int = a.N\ndef f(x: A): ...",
            "the default of 'a' is not known",
        ),
        (
            "from dataclasses import *\n@dataclass\nclass A:\n    a: int\n"
            "    def __post_init__(self):\n        self.a += 1\ndef f(x=A(1)): ...",
            "its default 'A(1)' is not known",
        ),
        ("class A:\n    x = y\ndef f(x=A.x): ...", "its default 'A.x' is not known"),
        ("def f(x: nothing['a']): ...", "annotation is not known"),
        ("class D(dict): ...\ndef f(x=D(a=1)): ...", "its default 'D(a=1)' is not known"),
        (
            "class S(str):\n    def __new__(cls, x): return 1\ndef f(x=S('a')): ...",
            "its default 'S('a')' is not known",
        ),
        ("from prefect.types import DateTime\ndef f(x: DateTime): ...", "is defined elsewhere"),
        (
            "import os\nfrom typing import *\n"
            "def f(x: Literal[tuple(os.environ['ALL'])]): ...",
            "the values of its Literal are not known",
        ),
    ],
    ids=range(20),
)
def test_note(source, note):
    """What is known only when the script runs is noted, with the parameter's name."""
    (found,) = schema_in(source).notes
    assert found.startswith("parameter 'x': ")
    assert note in found


@pytest.mark.parametrize(
    "source",
    [
        "class Foo: ...\ndef f(x: int, y: Foo = Foo()): ...",
        "from pydantic import BaseModel\nclass M(BaseModel):\n    a: int\ndef f(x: M): ...",
        "from pydantic import BaseModel, field_validator\nclass M(BaseModel):\n    a: int\n"
        "    @field_validator('a')\n    def check(cls, v): ...\ndef f(x: M): ...",
        "from typing import NotRequired, TypedDict\nclass T(TypedDict):\n"
        "    a: NotRequired[int]\ndef f(x: T): ...",
        "import logging\ndef f(x: logging.Logger): ...",
        "from prefect_aws import S3Bucket\ndef f(x: S3Bucket): ...",
    ],
    ids=["plain", "model", "validator after", "no key", "standard library", "block"],
)
def test_no_note_where_nothing_is_lost(source):
    """What the official client knows no better needs no words."""
    assert described(source).notes == ()


def test_one_note_for_one_reason():
    """What several parameters share is noted once."""
    source = "import pandas as pd\ndef f(x: pd.DataFrame, y: pd.DataFrame, z: int): ..."
    (note,) = described(source).notes
    assert note.startswith("parameters 'x', 'y': any value is allowed, for its type 'pandas.Data")


PYDANTIC = """
from enum import Enum
from typing import *
from pydantic import (
    AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, WrapValidator,
    field_validator, model_validator, root_validator, validator
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
import lib
"""
HOOK = "class M:\n    @classmethod\n    def __get_pydantic_core_schema__(cls, s, h): ..."
OPEN_MODELS = {
    "class M(BaseModel, alias_generator=to_camel):\n    a_b: int": "option 'alias_generator'",
    "class M(BaseModel):\n    model_config = ConfigDict(alias_generator=to_camel)\n    a_b: int": (
        "option 'alias_generator'"
    ),
    "class M(BaseModel):\n    a_b: int\n    class Config:\n        alias_generator = to_camel": (
        "option 'alias_generator'"
    ),
    "class B(BaseModel, alias_generator=to_camel): ...\nclass M(B):\n    a_b: int": (
        "option 'alias_generator'"
    ),
    "class M(BaseModel):\n    model_config = lib.CONFIG\n    a: int": "its configuration",
    "class M(BaseModel, populate_by_name=True):\n    a: int = Field(alias='b')": (
        "option 'populate_by_name'"
    ),
    "class M(BaseModel, option_of_tomorrow=1):\n    a: int": "option 'option_of_tomorrow'",
    "class M(BaseModel):\n    a: int = Field(validation_alias=AliasChoices('b', 'c'))": (
        "alias of the field 'a'"
    ),
    "class M(lib.Base):\n    a: int": "base 'lib.Base'",
    "try:\n    from lib import Base\nexcept ImportError:\n    Base = BaseModel\n"
    "class M(Base):\n    a: int": "its base is not understood: it depends on what runs",
    "def mine(cls): return cls\n@mine\nclass M(BaseModel):\n    a: int": "decorator 'mine' is",
    "class M(lib.Base, BaseModel):\n    a: int": "base 'lib.Base'",
    "@lib.register\nclass M(BaseModel):\n    a: int": "decorator 'lib.register'",
    HOOK: "method '__get_pydantic_core_schema__'",
    HOOK.replace("M:", "M(BaseModel):"): "method '__get_pydantic_core_schema__'",
    "class M(BaseModel):\n    a: int\n    def __init__(self, **v): ...": "method '__init__'",
    "class M(BaseModel):\n    a: int\n    @field_validator('a', mode='before')\n"
    "    def check(cls, v): ...": "validator 'check'",
    "class M(BaseModel):\n    a: int\n    @validator('a', pre=True)\n"
    "    def check(cls, v): ...": "validator 'check'",
    "class M(BaseModel):\n    a: int\n    @root_validator(pre=True)\n"
    "    def check(cls, v): ...": "validator 'check'",
    "class M(BaseModel):\n    a: int\n    @model_validator(mode='wrap')\n"
    "    def check(cls, v, h): ...": "validator 'check'",
    "class M(BaseModel):\n    a: int\n    check = validator('a', pre=True)(len)": (
        "validator 'check'"
    ),
    "class M(BaseModel):\n    a: int\n    @lib.checks('a')\n    def check(cls, v): ...": (
        "validator 'check'"
    ),
    "@dataclass(config=lib.CONFIG)\nclass M:\n    a: int": "its configuration",
    "class M(Enum):\n    A = 1\n    def _missing_(cls, value): ...": "method '_missing_'",
}


@pytest.mark.parametrize("model", OPEN_MODELS)
def test_class_that_takes_other_values(model):
    """A class that is not understood whole takes anything, and a note says why."""
    found = described(f"{PYDANTIC}{model}\ndef f(x: M, y: List[M]): ...")
    assert fragment(found.schema) == {}
    assert fragment(found.schema, "y") == {"type": "array", "items": {}}
    assert "definitions" not in found.schema
    (note,) = found.notes
    assert note.startswith("parameters 'x', 'y': any value is allowed, for its class 'M' is ")
    assert OPEN_MODELS[model] in note


@pytest.mark.parametrize(
    "metadata",
    ["BeforeValidator(len)", "WrapValidator(len)", "WithJsonSchema({})", "lib.THING", "lib.to()"],
)
def test_metadata_that_may_change_the_type(metadata):
    """What stands beside a type and is not known leaves it open, in fields too."""
    found = described(
        f"{PYDANTIC}class M(BaseModel):\n    a: Annotated[int, {metadata}]\n    b: int\n"
        f"def f(x: Annotated[int, {metadata}], y: M): ..."
    )
    assert fragment(found.schema) == {}
    assert found.schema["definitions"]["M"]["properties"] == {
        "a": {"title": "A"},
        "b": {"title": "B", "type": "integer"},
    }
    assert len(found.notes) == 1


def test_block_of_an_integration():
    """A block is named by its slug, so that the UI lets users pick a document."""
    schema = schema_of(
        "from prefect_aws.s3 import S3Bucket\nfrom prefect_aws import S3Bucket as S\n"
        "from typing import Optional\ndef f(x: S3Bucket, y: Optional[S] = None): ..."
    )
    assert fragment(schema) == {"$ref": "#/definitions/S3Bucket"}
    assert fragment(schema, "y")["anyOf"] == [fragment(schema), {"type": "null"}]
    assert schema["definitions"] == {
        "S3Bucket": {
            "title": "S3Bucket",
            "block_type_slug": "s3-bucket",
            "block_schema_references": {},
            "secret_fields": [],
            "not": {"type": "object", "required": ["$ref"]},
        }
    }


@pytest.mark.parametrize(
    "body, slug",
    [
        ("_block_type_name = 'My Own'", "my-own"),
        ("_block_type_slug = 'mine'\n    _block_type_name = 'My Own'", "mine"),
        ("", "m"),
    ],
    ids=["name", "slug", "class"],
)
def test_own_block(body, slug):
    """A block of the script has its fields, its slug and the names of its secrets."""
    schema = schema_of(
        f"from prefect.blocks.core import Block\nfrom pydantic import SecretStr\n"
        f"class M(Block):\n    a: int\n    b: SecretStr\n    {body}\ndef f(x: M): ..."
    )
    block = schema["definitions"]["M"]
    assert block["block_type_slug"] == slug
    assert block["secret_fields"] == ["b"]
    assert block["required"] == ["a", "b"]
    assert block["additionalProperties"] is True


def test_block_that_names_itself_when_run():
    """Without its slug a block cannot be picked, and a note says so."""
    found = described(
        "from prefect.blocks.core import Block\nimport a\n"
        "class M(Block):\n    _block_type_name = a.NAME\ndef f(x: M): ..."
    )
    assert fragment(found.schema) == {}
    assert "its class 'M' is not known in full: its slug is not known" in found.notes[0]


def test_discriminated_union():
    """A union with a discriminator says which value stands for which class."""
    schema = schema_of(
        """
        from typing import Annotated, Literal, Optional, Union
        from pydantic import BaseModel, Field
        class A(BaseModel):
            kind: Literal["a", "b"]
        class B(BaseModel):
            kind: Literal["c"]
        def f(x: Annotated[Union[A, B], Field(discriminator="kind")]): ...
        """
    )
    assert fragment(schema) == {
        "oneOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}],
        "discriminator": {
            "propertyName": "kind",
            "mapping": {
                "a": "#/definitions/A",
                "b": "#/definitions/A",
                "c": "#/definitions/B",
            },
        },
    }


def test_secret_default_is_masked():
    """A secret in a default is neither in the schema nor in a note."""
    found = described("from pydantic import SecretStr\ndef f(x: SecretStr = SecretStr('abc')): ...")
    assert fragment(found.schema)["default"] == "**********"
    assert found.notes == ()


@pytest.mark.parametrize(
    "body",
    [
        "@computed_field\n    @property\n    def b(self): ...",
        "@field_serializer('a')\n    def b(self, v): ...",
        "@model_serializer()\n    def b(self): ...",
        "b: int = Field(1, exclude=True)",
    ],
)
def test_default_that_serializes_itself(body):
    """What code of a model makes of its instances is not known."""
    found = described(
        f"from pydantic import (\n    computed_field, field_serializer, model_serializer)\n"
        f"{PYDANTIC}class M(BaseModel):\n    a: int = 1\n    {body}\n"
        "def f(x: M = M()): ..."
    )
    assert fragment(found.schema)["default"] is None
    (note,) = found.notes
    assert "its default 'M()' is not known" in note


def test_default_of_an_open_class_has_no_note_of_its_own():
    """Where the type is open, that a default of it is not known is no news."""
    found = described(f"{PYDANTIC}class M(lib.Base):\n    a: int = 1\ndef f(x: M = M()): ...")
    assert fragment(found.schema) == {"default": None}
    (note,) = found.notes
    assert "its class 'M' is not known in full: its base 'lib.Base'" in note


def test_default_of_elsewhere_is_null():
    """A default that is not known stands as null, and the parameter is optional."""
    schema = schema_of("import a\ndef f(x: int = a.N): ...")
    assert fragment(schema) == {"type": "integer", "default": None}
    assert "required" not in schema


def test_order_in_sets_is_fixed():
    """A set of text has no order in Python; here it is sorted."""
    schema = schema_of("def f(x={'c', 'a', 'b'}): ...")
    assert fragment(schema)["default"] == ["a", "b", "c"]


# Errors and hostile sources


def test_underscore():
    """A parameter that Prefect refuses is an error with file and line."""
    with pytest.raises(DiscoveryError, match="'_y' begins with an underscore") as caught:
        schema_in("def f(x, _y): ...")
    assert caught.value.where == "s.py:1"


DOUBLING = "\n".join(f"a{n + 1} = [a{n}, a{n}]" for n in range(60))
PAIRING = DOUBLING.replace("[", "(").replace("]", ")")
TYPES = "\n".join(f"t{n + 1} = Dict[t{n}, t{n}]" for n in range(60))
UNIONS = "\n".join(f"t{n + 1} = Union[t{n}, t{n}]" for n in range(60))


@pytest.mark.parametrize(
    "source",
    [
        "def f(x=10**10**10): ...",
        "def f(x='a' * 10**12): ...",
        "def f(x=[0] * 10**12): ...",
        "def f(x=1 << 10**12): ...",
        "def f(x=list(range(10**15))): ...",
        "def f(x=sum(range(10**15))): ...",
        "def f(x=[list(range(9999)) for i in range(9999)]): ...",
        "def f(x='%099999999999d' % 1): ...",
        "def f(x=f'{1:099999999999}'): ...",
        "from decimal import Decimal\ndef f(x=int(Decimal('1e999999999'))): ...",
        "def f(x=1/0, y=[][1], z=int('x'), w=-'a'): ...",
        f"a0 = 1\n{DOUBLING}\ndef f(x=a60): ...",
        f"a0 = 1\n{PAIRING}\ndef f(x={{a60: 1}}): ...",
        f"from typing import *\nt0 = int\n{TYPES}\ndef f(x: t60): ...",
        f"from typing import *\nt0 = int\n{UNIONS}\ndef f(x: t60): ...",
        "def f(x=" + "+".join(["1"] * 700) + "): ...",
        "def f(x: " + "|".join(["int"] * 700) + "): ...",
        f"from __future__ import annotations\ndef f(x: {'|'.join('A' * 700)}): 1",
        "if a: b = 1\n" + "elif a: b = 1\n" * 900 + "def f(x=b): ...",
        "x: 'x' = 'x'\ndef f(x: x): ...",
        "class A:\n    a: 'A'\ndef f(x: A): ...",
        "class A(A): ...\ndef f(x: A): ...",
        "from enum import *\nE = Enum('E', [1, 2])\ndef f(x: E): ...",
        "from enum import *\nE = Enum('E', {1: 2})\ndef f(x: E = E.A): ...",
        "from typing import *\nN = NamedTuple('N', [(1, 2)])\ndef f(x: N = N(1)): ...",
        "def f(x='\\ud800', y={'\\ud800': 1}):\n    '''S.\\ud800\n    '''",
    ],
    ids=range(26),
)
def test_hostile_source(source):
    """A source that would be slow or large when run is neither when read."""
    schema = schema_in(source).schema
    assert "x" in schema["properties"]
    assert json_problem(schema) is None
    assert len(json.dumps(schema)) < 2_000_000


NAMES = st.sampled_from(
    "int str list dict Any Optional Union Literal Enum auto field dataclass Foo X f"
    " datetime Path range sum None True x".split()
)
CONSTANTS = st.one_of(st.integers(), st.floats(), st.text(max_size=5).map(repr))
EXPRESSIONS = st.recursive(
    st.one_of(NAMES, CONSTANTS.map(str)),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "|", "**", "%", "@", "and"]), inner)
        .map(" ".join)
        .map("({})".format),
        st.tuples(NAMES, st.lists(inner, max_size=3).map(", ".join)).map(
            lambda pair: f"{pair[0]}({pair[1]})"
        ),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}[{pair[1]}]"),
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]"),
        st.tuples(inner, inner).map(lambda pair: f"{{{pair[0]}: {pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"[{pair[0]} for x in {pair[1]}]"),
        inner.map("lambda: {}".format),
    ),
    max_leaves=12,
)
PREAMBLE = """
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import *
"""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(EXPRESSIONS, min_size=4, max_size=4),
    st.sampled_from(["", "Enum", "TypedDict", "NamedTuple"]),
    st.sampled_from(["", "@dataclass"]),
)
def test_any_expression_is_read(expressions, base, decorator):
    """Whatever stands in a module, only our errors come out, and JSON."""
    one, two, three, four = expressions
    source = (
        f"{PREAMBLE}\nX = {one}\n{decorator}\nclass Foo({base}):\n"
        f"    a: {two} = {three}\n    b = auto()\n\n"
        f"def f(x: {four}, y: Foo = {three}, *, z: '{one}' = Foo): ..."
    )
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return
    found = schema_in(source)
    assert json_problem(found.schema) is None
    assert list(found.schema["properties"]) == ["x", "y", "z"]
