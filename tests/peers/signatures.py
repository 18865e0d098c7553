"""Signatures of flows as people write them, for comparison with the stock client.

Each is a function ``f``. The modules of others that they import are stood in for by
``STUBS``, since the environment of the stock client has Prefect and nothing besides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Modules of others, as far as the signatures need them.
STUBS = {
    "pandas": "class DataFrame: ...\n",
    "lib": """
import enum, pydantic
from typing import Annotated
N = 3
class Thing: ...
class Base(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(alias_generator=str.upper)
class Mixin:
    @pydantic.model_validator(mode="before")
    def fill(cls, values): return {"a": 1, **values}
class Settings(pydantic.BaseModel):
    a: int = 1
class Color(enum.Enum):
    RED = "red"
LISTED = pydantic.BeforeValidator(lambda text: text.split(",") if text == str(text) else text)
CONFIG = pydantic.ConfigDict(populate_by_name=True)
def register(cls):
    cls.model_fields["a"].default = 3
    cls.model_rebuild(force=True)
    return cls
""",
    "prefect_aws": """
from typing import Optional
from prefect.blocks.core import Block
class AwsCredentials(Block):
    _block_type_name = "AWS Credentials"
    region_name: Optional[str] = None
class S3Bucket(Block):
    _block_type_name = "S3 Bucket"
    bucket_name: str
    credentials: AwsCredentials = AwsCredentials()
""",
}

PYDANTIC = """
from pydantic import (
    AfterValidator, AliasChoices, AliasPath, BaseModel, BeforeValidator, ByteSize,
    ConfigDict, Discriminator, Field, HttpUrl, InstanceOf, Json, PlainValidator,
    PositiveInt, PrivateAttr, RootModel, SecretStr, SkipValidation, StringConstraints,
    Tag, WithJsonSchema, WrapValidator, computed_field, conint, conlist, constr,
    create_model, field_validator, model_validator, root_validator, validator,
)
from pydantic.alias_generators import to_camel
"""

PREAMBLE = PYDANTIC + """
import collections, collections.abc, dataclasses, datetime, decimal, enum, ipaddress, logging
import os, pathlib, re, typing, uuid
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass, field
from datetime import date, datetime as dt, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import *
from typing_extensions import LiteralString, NotRequired, TypedDict, Unpack
from uuid import UUID
from zoneinfo import ZoneInfo
import pandas as pd
import pydantic

class Color(Enum):
    RED = "red"
    BLUE = "blue"
class Level(IntEnum):
    LOW = 1
    HIGH = 2
class Mode(str, Enum):
    FAST = "fast"
    SLOW = "slow"
class Plain:
    def __init__(self, a: int = 1): self.a = a
@dataclass
class Point:
    x: int
    y: float = 0.5
    tags: List[str] = field(default_factory=list)
class Row(TypedDict):
    id: int
    name: NotRequired[str]
class Pair(NamedTuple):
    left: int
    right: str = "r"
class Address(BaseModel):
    city: str
    zip_code: Optional[str] = None
class Person(BaseModel):
    '''A person.'''
    name: str = Field(min_length=1, description="How to call them")
    age: conint(ge=0, le=150) = 30
    address: Optional[Address] = None
    friends: List["Person"] = []
    color: Color = Color.RED
class Strict(BaseModel, extra="forbid"):
    a: int
class Loose(BaseModel):
    model_config = ConfigDict(extra="allow", title="Anything goes")
    a: int = 1
class Aliased(BaseModel):
    source_id: int = Field(alias="sourceId")
class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9
class Dog(BaseModel):
    kind: Literal["dog", "wolf"]
Pet = Annotated[Union[Cat, Dog], Field(discriminator="kind")]
N = 3
PosInt = Annotated[int, Field(gt=0)]
Ids = List[PosInt]
"""

#: Parameters that follow ``def f(``, below the preamble.
PARAMETERS = """
x
x: int
x: float
x: str
x: bool
x: bytes
x: Any
x: object
x: None
x: list
x: dict
x: set
x: tuple
x: Optional[int]
x: Optional[int] = None
x: int | None = None
x: int = None
x: str = None
x: date = None
x: List[int] = None
x: Person = None
x: Union[int, str]
x: Union[int, str, None] = "a"
x: int | float | str = 1
x: Union[bool, int, List[int]] = True
x: Literal["a", "b"] = "a"
x: Literal[1, "a", None] = None
x: Optional[Literal["a", "b"]] = None
x: Color
x: Color = Color.RED
x: Optional[Color] = None
x: List[Color] = [Color.RED, Color.BLUE]
x: Level = Level.HIGH
x: Mode = Mode.FAST
x: Dict[Color, int] = {}
x: Literal[Color.RED] = Color.RED
x: date
x: dt
x: dt = dt(2020, 1, 2, 3, 4, 5)
x: Optional[dt] = None
x: time = time(1, 2)
x: timedelta
x: timedelta = timedelta(days=1, hours=2)
x: Path
x: Path = Path("data") / "in.csv"
x: Union[str, Path] = "."
x: UUID
x: UUID = UUID("12345678-1234-5678-1234-567812345678")
x: Decimal
x: Decimal = Decimal("1.50")
x: SecretStr
x: Optional[SecretStr] = None
x: SecretStr = SecretStr("a")
x: HttpUrl
x: constr(min_length=2, max_length=3)
x: constr(pattern="^a+$") = "a"
x: conint(gt=0, le=10) = 5
x: conlist(int, min_length=1, max_length=2)
x: PositiveInt = 1
x: Annotated[int, Field(ge=1, lt=10)] = 5
x: Annotated[str, Field(min_length=1, description="A name", title="Name")]
x: Annotated[Optional[int], Field(ge=1)] = None
x: Annotated[int, "words"]
x: Annotated[List[Annotated[int, Field(gt=0)]], Field(min_length=1)]
x: Annotated[str, StringConstraints(pattern="^a")] = "a"
x: Annotated[str, AfterValidator(str.upper)] = "a"
x: Annotated[List[str], BeforeValidator(lambda value: value)]
x: Annotated[int, PlainValidator(int)]
x: Annotated[int, WrapValidator(lambda value, handler: handler(value))]
x: Annotated[int, WithJsonSchema({"type": "string"})]
x: Annotated[Plain, WithJsonSchema({"type": "string"})]
x: Annotated[int, SkipValidation]
x: SkipValidation[int]
x: InstanceOf[Plain]
x: Json
x: Json[List[int]]
x: ByteSize
x: int = Field(ge=1)
x: int = Field(3, ge=1, description="Three")
x: int = Field(default=3, title="T")
x: Optional[int] = Field(default=None, description="Maybe")
x: List[int] = Field(default_factory=list)
x: Row
x: List[Row]
x: Pair
x: Pair = Pair(1)
x: Point
x: Point = Point(1, 2.0)
x: Optional[Point] = None
x: Dict[str, Point]
x: Person
x: Person = Person(name="a")
x: Optional[Person] = None
x: List[Person] = []
x: Dict[str, Person]
x: Tuple[Person, int]
x: Strict
x: Loose = Loose()
x: Aliased
x: Aliased = Aliased(sourceId=1)
x: Union[Strict, Loose]
x: Pet
x: List[Pet]
x: Optional[Pet] = None
x: Union[Cat, Dog]
x: List[int]
x: List[Optional[int]]
x: List[List[float]] = [[1.0]]
x: list[str] = ["a"]
x: Dict[str, Any] = {"a": 1}
x: Dict[str, int]
x: Dict[int, str]
x: Dict[str, List[Dict[str, int]]]
x: dict[str, str] | None = None
x: Tuple[int, str]
x: Tuple[int, ...] = (1, 2)
x: Set[int] = {1}
x: frozenset[str]
x: Sequence[int]
x: Iterable[str]
x: Mapping[str, float]
x: deque[int]
x: defaultdict[str, int]
x: OrderedDict[str, int]
x: pd.DataFrame
x: Optional[pd.DataFrame] = None
x: List[pd.DataFrame]
x: Union[pd.DataFrame, str]
x: Plain = Plain()
x: Callable
x: Callable[[int], int]
x: Optional[Callable[[int], int]] = None
x: Type[Plain]
x: type
x: logging.Logger
x: re.Pattern
x: ipaddress.IPv4Address
x: "int"
x: "Person"
x: "Later"
x: "List[Later]" = ()
x: "Missing"
x: "Optional[Missing]" = None
x: TypeVar("T")
x: NewType("Id", int)
x = 1
x = None
x = "a"
x = [1, 2]
x = {"a": 1}
x = Color.RED
x = Person(name="a")
x = N
x = N * 2
x = lambda: 1
x = print
x = float("inf")
x: float = float("nan")
x: int = os.getpid()
x: str = os.environ.get("HOME", "a")
x: dict = {1: 2}
x: bytes = b"a"
*args
**kwargs
*args: int
**kwargs: str
a, *args: Person, b: int = 1, **kwargs: Any
*args: Callable, **kwargs: Optional[int]
a, b: int = 2, /, c: int = 3
a, /, *, b: str
*, a: int, b: int = 2
self, x: int
copy: int, json: str = "a", schema: dict = None
x: Annotated[list[str], Field(default_factory=list)] = []
x: Dict[str, Union[int, List[str]]] = {"a": 1, "b": ["c"]}
x: dt = dt.now()
x: date = date.today()
x: Iterator[int]
x: AsyncIterator[int]
x: Hashable
x: type[BaseModel]
x: Type[Enum]
x: Annotated[dt, "utc"]
x: Annotated[str, Field(pattern="^a")] | None = None
x: constr(strip_whitespace=True, to_lower=True, max_length=5) = "a"
x: Annotated[date, Field(gt=date(2020,1,1))]
x: Dict[Color, int] = {Color.RED: 1}
x: Person = Person.model_validate({"name": "a"})
x: Optional[str] = Field(None, max_length=3)
x: int = Field(..., gt=3)
x: collections.namedtuple("P", "a b")
x: NamedTuple("P", [("a", int)])
x: pydantic.types.PositiveInt
x: pydantic.SecretStr
x: pydantic.networks.HttpUrl
x: Optional[List[Optional[Dict[str, Optional[int]]]]] = None
x: Union[Person, Dict[str, Any]]
x: Union[List[Person], Person]
x: Union[None, Person, str]
x: Tuple[Optional[int], ...]
x: Tuple[()]
x: Annotated[Optional[Annotated[int, Field(ge=3)]], Field(description="d")] = None
x: Annotated[Union[int, str], Field(description="d")]
x: Annotated[float, Field(gt=0, le=1, multiple_of=0.1)] = 0.5
x: Annotated[List[int], Field(max_length=3)] = [1]
x: Annotated[Dict[str, int], Field(min_length=1)]
x: Annotated[bytes, Field(max_length=3)]
x: Annotated[Path, Field(description="p")] = Path(".")
x: Annotated[int, Field(strict=True)]
x: LiteralString
x: "Annotated[int, Field(ge=3)]"
x: "list[Person] | None" = None
x: Counter[str]
x: range
x: slice = slice(1)
x: complex
x: os.PathLike
x: logging.Logger = logging.getLogger()
x: ZoneInfo
x: Literal[Mode.FAST, "b"]
x: Literal[True, False] = True
x: Literal[None] = None
x: Union[Literal["a"], Literal["b"], int]
x: Union[Color, str] = "a"
x: Union[Color, Level] = Level.LOW
x: List[Union[Color, int]]
x: Color = "red"
x: Level = 1
x: List[Color] = ["red"]
x: Person = {"name": "a"}
x: Person = Person(name="a", address=Address(city="b"), friends=[Person(name="c")])
x: Point = None
x: int = "a"
x: int = 1.5
x: bool = 1
x: float = 1
x: str = 1
x: Optional[int] = "a"
x: List[int] = (1, 2)
x: Path = "a"
x: date = "2020-01-01"
x: timedelta = 60
x: Annotated[int, Field(default=3)]
x: Annotated[int, Field(alias="y")]
x: Annotated[int, Field(validation_alias="y")] = 3
x: int = Field(alias="y")
x: int = Field(validation_alias="y", default=1)
x: Unpack[Tuple[int, ...]]
*args: Any, **kwargs: Any
**kwargs: Unpack[Row]
*args: Unpack[Tuple[int, str]]
x: int, *args: "Person", **kwargs: "List[int]"
x: Union[Person, "Missing"]
x: Pair = (1, "a")
x: Row = {"id": 1}
x: Type["Person"]
x: PosInt
x: Ids
x: Json[Any] = "1"
x: Mapping
x: typing.Sequence[typing.Mapping[str, "Person"]]
x: collections.abc.Callable[..., int] = print
x: Union[Callable, str] = "a"
x: Dict[str, Callable]
x: Annotated[Callable, "a"]
x: Optional[type] = None
x: Dict[Tuple[int, int], str]
x: Dict[date, int]
x: Dict[Path, int]
x: Dict[constr(min_length=2), int]
x: Dict[Literal["a", "b"], int]
x: Dict[Optional[str], int]
x: OrderedDict
x: deque = deque([1], maxlen=3)
x: re.Pattern = re.compile("a")
x: bytes = b"\\xff"
x: set = {1, 2}
x: frozenset = frozenset({1})
x: Any = ...
x: int = ...
"""

MODEL = "from typing import *\n" + PYDANTIC


def _model(*lines: str, head: str = "class M(BaseModel):", before: str = "") -> str:
    """Return a script with a model of *lines*, and a flow that takes one."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"{MODEL}{before}\n{head}\n{body}\ndef f(x: M): ...\n"


#: Whole scripts, and values of ``x`` that the flow takes.
SCRIPTS: dict[str, tuple[str, list[Any]]] = {
    "alias generator": (
        _model("model_config = ConfigDict(alias_generator=to_camel)", "my_id: int"),
        [{"myId": 1}],
    ),
    "alias generator in class keyword": (
        _model("my_id: int", head="class M(BaseModel, alias_generator=to_camel):"),
        [{"myId": 1}],
    ),
    "alias generator in base": (
        _model(
            "my_id: int",
            before="class B(BaseModel):\n    model_config = {'alias_generator': to_camel}\n",
            head="class M(B):",
        ),
        [{"myId": 1}],
    ),
    "alias generator in old config": (
        _model("my_id: int", "class Config:", "    alias_generator = to_camel"),
        [{"myId": 1}],
    ),
    "config of elsewhere": (
        _model("model_config = lib.CONFIG", "a: int = Field(alias='b')", before="import lib"),
        [{"a": 1}, {"b": 1}],
    ),
    "populate by name": (
        _model("model_config = {'populate_by_name': True}", "a: int = Field(alias='b')"),
        [{"a": 1}, {"b": 1}],
    ),
    "alias choices": (
        _model("a: int = Field(validation_alias=AliasChoices('b', 'c'))"),
        [{"b": 1}, {"c": 1}],
    ),
    "alias path": (_model("a: int = Field(validation_alias=AliasPath('b', 0))"), [{"b": [1]}]),
    "validation alias": (_model("a: int = Field(validation_alias='b')"), [{"b": 1}]),
    "alias in Annotated": (_model("a: Annotated[int, Field(alias='b')]"), [{"b": 1}]),
    "default in Annotated": (_model("a: Annotated[int, Field(default=1)]"), [{}, {"a": 2}]),
    "alias of elsewhere": (
        _model("a: int = Field(alias=lib.Thing.__name__)", before="import lib"),
        [{"Thing": 1}],
    ),
    "field of elsewhere": (
        _model("a: int = make()", before="def make(): return Field(alias='b')"),
        [{"b": 1}],
    ),
    "before validator": (
        _model(
            "a: List[int]",
            "@field_validator('a', mode='before')",
            "def split(cls, v): return v.split(',') if isinstance(v, str) else v",
        ),
        [{"a": "1,2"}, {"a": [1]}],
    ),
    "quoted annotations": (
        _model("a: 'Annotated[int, Field(alias=\"b\")]'", "c: 'ClassVar[int]' = 1"),
        [{"b": 1}],
    ),
    "after validator": (
        _model("a: int", "@field_validator('a')", "def check(cls, v): return v"),
        [{"a": 1}],
    ),
    "old validator": (
        _model("a: int", "@validator('a', pre=True)", "def check(cls, v): return len(v)"),
        [{"a": "abc"}],
    ),
    "model validator": (
        _model(
            "a: int", "@model_validator(mode='before')", "def fill(cls, v): return {'a': 1, **v}"
        ),
        [{}],
    ),
    "model validator after": (
        _model("a: int", "@model_validator(mode='after')", "def check(self): return self"),
        [{"a": 1}],
    ),
    "root validator": (
        _model("a: int", "@root_validator(pre=True)", "def fill(cls, v): return {'a': 1, **v}"),
        [{}],
    ),
    "validators in base": (
        _model(
            "b: int = 1",
            before="class B(BaseModel):\n    a: int\n    @model_validator(mode='before')\n"
            "    def fill(cls, v): return {'a': 1, **v}\n",
            head="class M(B):",
        ),
        [{}],
    ),
    "validators of elsewhere": (
        _model("a: int", before="import lib", head="class M(lib.Mixin, BaseModel):"),
        [{}],
    ),
    "own __init__": (
        _model(
            "a: int", "def __init__(self, **values):", "    super().__init__(**{'a': 1, **values})"
        ),
        [{}],
    ),
    "core schema of a model": (
        _model(
            "a: int",
            "@classmethod",
            "def __get_pydantic_core_schema__(cls, source, handler):",
            "    from pydantic_core import core_schema as c",
            "    wrap = lambda v: {'a': v} if v == 3 else v",
            "    return c.no_info_before_validator_function(wrap, handler(source))",
        ),
        [3],
    ),
    "core schema of a class": (
        _model(
            "@classmethod",
            "def __get_pydantic_core_schema__(cls, source, handler):",
            "    from pydantic_core import core_schema as c",
            "    return c.str_schema()",
            head="class M:",
        ),
        ["a"],
    ),
    "JSON schema of a model": (
        _model(
            "a: int = 1",
            "@classmethod",
            "def __get_pydantic_json_schema__(cls, core_schema, handler):",
            "    return {'type': 'object', 'title': 'M'}",
        ),
        [{"a": 1}, {"b": 1}],
    ),
    "json_schema_extra": (
        _model("model_config = {'json_schema_extra': {'examples': [{'a': 1}]}}", "a: int"),
        [{"a": 1}],
    ),
    "annotated validator in field": (
        _model("a: Annotated[List[int], BeforeValidator(lambda v: [int(v)])]"),
        [{"a": "1"}],
    ),
    "annotated validator of elsewhere": (
        _model("a: Annotated[List[str], lib.LISTED]", before="import lib"),
        [{"a": "a,b"}, {"a": ["a"]}],
    ),
    "base of elsewhere": (
        _model("my_id: int", before="from lib import Base", head="class M(Base):"),
        [{"MY_ID": 1}],
    ),
    "decorated model": (
        _model("a: int", before="import lib", head="@lib.register\nclass M(BaseModel):"),
        [{}],
    ),
    "field exclusions": (
        _model("a: int = Field(exclude=True)", "b: ClassVar[int] = 1", "_c: int = 1"),
        [{"a": 1}],
    ),
    "computed field": (
        _model("a: int", "@computed_field", "@property", "def b(self) -> int: return 1"),
        [{"a": 1}],
    ),
    "private attributes": (_model("a: int", "_b: int = PrivateAttr(1)"), [{"a": 1}]),
    "strict config": (
        _model("model_config = ConfigDict(strict=True, frozen=True)", "a: int"),
        [{"a": 1}],
    ),
    "coerced numbers": (
        _model("model_config = ConfigDict(coerce_numbers_to_str=True)", "a: str"),
        [{"a": 1}],
    ),
    "forbidden extra": (_model("model_config = {'extra': 'forbid'}", "a: int"), [{"a": 1}]),
    "extra in old config": (_model("a: int", "class Config:", "    extra = 'forbid'"), [{"a": 1}]),
    "inherited config": (
        _model(
            "b: int = 1",
            before="class B(BaseModel):\n    model_config = {'extra': 'forbid'}\n    a: int\n",
            head="class M(B, title='Big'):",
        ),
        [{"a": 1}],
    ),
    "discriminated field": (
        _model(
            "pet: Union[Cat, Dog] = Field(discriminator='kind')",
            "pets: List[Annotated[Union[Cat, Dog], Field(discriminator='kind')]] = []",
            before="class Cat(BaseModel):\n    kind: Literal['cat']\n"
            "class Dog(BaseModel):\n    kind: Literal['dog'] = 'dog'\n",
        ),
        [{"pet": {"kind": "cat"}}],
    ),
    "discriminated by enumeration": (
        _model(
            "pet: Union[Cat, Dog] = Field(discriminator='kind')",
            before="from enum import Enum\nclass K(Enum):\n    CAT = 'cat'\n    DOG = 'dog'\n"
            "class Cat(BaseModel):\n    kind: Literal[K.CAT]\n"
            "class Dog(BaseModel):\n    kind: Literal[K.DOG]\n",
        ),
        [],
    ),
    "callable discriminator": (
        _model(
            "pet: Annotated[Union[Annotated[Cat, Tag('c')], Annotated[Dog, Tag('d')]],"
            " Discriminator(lambda v: 'c' if 'lives' in v else 'd')]",
            before="class Cat(BaseModel):\n    lives: int\nclass Dog(BaseModel):\n    bone: int\n",
        ),
        [{"pet": {"lives": 1}}],
    ),
    "root model": (_model("root: List[int]", head="class M(RootModel):"), [[1]]),
    "generic root model": (_model("...", head="class M(RootModel[Dict[str, int]]):"), [{"a": 1}]),
    "generic model": (
        f"{MODEL}T = TypeVar('T')\nclass M(BaseModel, Generic[T]):\n    a: T\n"
        "def f(x: M[int]): ...\n",
        [{"a": 1}],
    ),
    "bare generic model": (
        f"{MODEL}T = TypeVar('T')\nclass M(BaseModel, Generic[T]):\n    a: T\n"
        "def f(x: M): ...\n",
        [{"a": 1}, {"a": "b"}],
    ),
    "created model": (
        f"{MODEL}M = create_model('M', a=(int, 1))\ndef f(x: M): ...\n",
        [{}, {"a": 2}],
    ),
    "enum with _missing_": (
        "from enum import Enum\nclass E(Enum):\n    A = 'a'\n    @classmethod\n"
        "    def _missing_(cls, value): return cls.A\ndef f(x: E): ...\n",
        ["a", "b"],
    ),
    "enum with aliases": (
        "from enum import Enum\nclass E(Enum):\n    A = 'a'\n    B = 'b'\n    C = 'a'\n"
        "    def label(self): ...\n    @property\n    def upper(self): ...\n"
        "def f(x: E = E.C): ...\n",
        ["a"],
    ),
    "enum with labels": (
        "from enum import Enum\nclass E(str, Enum):\n    A = 'a', 'Label'\n"
        "    def __new__(cls, value, label):\n        made = str.__new__(cls, value)\n"
        "        made._value_ = value\n        return made\ndef f(x: E): ...\n",
        ["a"],
    ),
    "enum of elsewhere": ("from lib import Color\ndef f(x: Color = Color.RED): ...\n", ["red"]),
    "things of elsewhere": (
        "import lib\nfrom lib import *\ndef f(x: lib.Thing = None, y: lib.Settings = None,"
        " z: int = lib.N): ...\n",
        [],
    ),
    "pydantic dataclass": (
        "from pydantic import ConfigDict\nfrom pydantic.dataclasses import dataclass\n"
        "@dataclass(config=ConfigDict(extra='forbid'))\nclass M:\n    a: int\n    b: int = 1\n"
        "def f(x: M): ...\n",
        [{"a": 1}],
    ),
    "pydantic dataclass with alias": (
        "from pydantic import Field\nfrom pydantic.dataclasses import dataclass\n"
        "@dataclass(config={'populate_by_name': True})\nclass M:\n"
        "    a: int = Field(alias='b')\ndef f(x: M): ...\n",
        [{"a": 1}, {"b": 1}],
    ),
    "dataclass with validators": (
        "from pydantic import field_validator\nfrom pydantic.dataclasses import dataclass\n"
        "@dataclass\nclass M:\n    a: int\n    @field_validator('a', mode='before')\n"
        "    def count(cls, v): return len(v)\ndef f(x: M): ...\n",
        [{"a": "abc"}],
    ),
    "dataclass fields": (
        "from dataclasses import *\nfrom typing import *\n@dataclass\nclass B:\n    a: int\n"
        "@dataclass\nclass M(B):\n    b: int = field(default=1)\n    c: ClassVar[int] = 3\n"
        "    d: int = field(init=False, default=2)\n    e: InitVar[int] = 3\n"
        "    f: list = field(default_factory=list, repr=False)\n    _: KW_ONLY\n    g: int = 3\n"
        "def f(x: M, y: M = M(1)): ...\n",
        [{"a": 1}],
    ),
    "dataclass fields set later": (
        "from dataclasses import *\n@dataclass\nclass M:\n    a: int\n"
        "    b: int = field(init=False)\n    c: list = field(init=False, default_factory=list)\n"
        "    def __post_init__(self): self.b = 1\ndef f(x: M): ...\n",
        [],
    ),
    "pydantic dataclass fields set later": (
        "from dataclasses import field\nfrom pydantic.dataclasses import dataclass\n@dataclass\n"
        "class M:\n    a: int\n    b: int = field(init=False)\n"
        "    def __post_init__(self): self.b = 1\ndef f(x: M): ...\n",
        [],
    ),
    "dataclass with a base of elsewhere": (
        "import lib\nfrom dataclasses import dataclass\n@dataclass\nclass M(lib.Thing):\n"
        "    a: int\ndef f(x: M): ...\n",
        [{"a": 1}],
    ),
    "typed dicts": (
        "from typing_extensions import NotRequired, Required, TypedDict\n"
        "class A(TypedDict, total=False):\n    a: int\nclass M(A):\n    b: Required[str]\n"
        "    c: NotRequired[int]\ndef f(x: M): ...\n",
        [{"b": "c"}],
    ),
    "postponed": (
        "from __future__ import annotations\nfrom typing import *\n"
        "from pydantic import BaseModel\nclass M(BaseModel):\n    a: Optional[N] = None\n"
        "class N(BaseModel):\n    b: List[M]\n"
        "def f(x: M, *args: N, y: list[M] | None = None): ...\n",
        [{"a": {"b": []}}],
    ),
    "postponed and bound anew": (
        "from __future__ import annotations\nfrom typing import *\n"
        "from pydantic import BaseModel\nT = int\nclass M(BaseModel):\n    a: T\n"
        "    b: Optional[N] = None\nclass N(BaseModel):\n    b: List[T]\nT = str\n"
        "def f(x: M): ...\n",
        [{"a": 1}],
    ),
    "type checking only": (
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import pandas as pd\n"
        "def f(x: pd.DataFrame, y: int = 1): ...\n",
        [],
    ),
    "docstring": (
        "def f(x: int, *args: str, y: str = 'a', **kwargs):\n    '''Runs.\n\n    Args:\n"
        "        x: How often\n            to run.\n        y (str, optional): What.\n"
        "        *args: More.\n    Returns:\n        Nothing.\n    '''\n",
        [1],
    ),
    "secret block": ("from prefect.blocks.system import Secret\ndef f(x: Secret): ...\n", []),
    "blocks": (
        "from typing import *\nfrom prefect.filesystems import LocalFileSystem\n"
        "from prefect_aws import S3Bucket\nfrom prefect_aws import AwsCredentials as A\n"
        "def f(x: S3Bucket, y: LocalFileSystem = LocalFileSystem(basepath='a'),"
        " z: Optional[A] = None, w: List[S3Bucket] = [], u: Union[A, str] = ''): ...\n",
        [{"bucket_name": "a"}],
    ),
    "own blocks": (
        "from typing import *\nfrom prefect.blocks.core import Block\n"
        "from pydantic import SecretStr\n"
        "class Inner(Block):\n    a: int\n"
        "class M(Block):\n    '''Mine.'''\n    _block_type_name = 'My Own'\n"
        "    _logo_url = 'https://example.com'\n    token: SecretStr\n"
        "    inner: Optional[Inner] = None\n    def get(self): ...\n"
        "class Easy(Block):\n    a: int = 1\ndef f(x: M, y: Inner, z: Easy): ...\n",
        [{"token": "a"}, {"token": "a", "inner": {"a": 1}}],
    ),
    "block of a block": (
        "from prefect_aws import S3Bucket\nclass M(S3Bucket):\n    folder: str = ''\n"
        "def f(x: M): ...\n",
        [{"bucket_name": "a"}],
    ),
    "model with a block": (
        _model("bucket: S3Bucket", before="from prefect_aws import S3Bucket"),
        [{"bucket": {"bucket_name": "a"}}],
    ),
}


def every_signature() -> dict[str, tuple[str, list[Any]]]:
    """Return each signature's script and values of ``x`` that its flow takes, by a name."""
    later = "\nclass Later(BaseModel):\n    a: int\n"
    written: dict[str, tuple[str, list[Any]]] = {
        line: (f"{PREAMBLE}\ndef f({line}): ...\n{later}", [])
        for line in PARAMETERS.strip().splitlines()
    }
    more = Path(__file__).with_suffix(".txt").read_text("utf-8").split("\n=== ")[1:]
    for name, _, source in (each.partition("\n") for each in more):
        written[name] = (source if "__future__" in source else MODEL + source, [])
    return {**written, **SCRIPTS}
