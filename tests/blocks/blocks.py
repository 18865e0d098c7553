"""Block classes that tests use."""

from __future__ import annotations

import datetime
import enum
import hashlib
import pathlib
from decimal import Decimal
from typing import Any, ClassVar, Dict, List, Literal, Optional, Set, Tuple, Union
from uuid import UUID

import attrs

from flowpack.blocks.block import Block
from flowpack.blocks.secret import Secret
from flowpack.blocks.storage import StorageBlock
from flowpack.exceptions import ObjectMissingError


class Colour(enum.Enum):
    """Colours."""

    RED = "red"
    BLUE = "blue"


@attrs.frozen
class Inner(Block):
    """What stands in another block."""

    block_type_name = "Inner Block"

    a: int
    token: Optional[Secret] = None


@attrs.frozen
class Everything(Block):
    """One field of each kind."""

    text: str
    whole: int
    number: float
    flag: bool
    choice: Literal["one", "two"]
    colour: Colour
    maybe: Optional[int]
    either: Union[int, str, List[int]]
    texts: List[str]
    places: Tuple[int, str]
    many: Tuple[int, ...]
    unique: Set[int]
    mapping: Dict[str, int]
    inner: Inner
    moment: datetime.datetime
    day: datetime.date
    hour: datetime.time
    span: datetime.timedelta
    path: pathlib.Path
    id: UUID
    price: Decimal
    secret: Secret
    anything: Any
    raw: bytes
    defaulted: int = 3


EVERYTHING = Everything(
    text="é",
    whole=-1,
    number=1.5,
    flag=True,
    choice="two",
    colour=Colour.BLUE,
    maybe=None,
    either=[1, 2],
    texts=["b", "a"],
    places=(1, "x"),
    many=(3, 2, 1),
    unique={2, 1},
    mapping={"z": 1, "a": 2},
    inner=Inner(1, Secret("inner secret")),
    moment=datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc),
    day=datetime.date(2024, 2, 29),
    hour=datetime.time(12, 30),
    span=datetime.timedelta(days=1, microseconds=5),
    path=pathlib.Path("/x/y"),
    id=UUID(int=7),
    price=Decimal("1.10"),
    secret=Secret("outer secret"),
    anything={"b": [None, 1], "a": {}},
    raw=b"raw",
)


@attrs.frozen
class MemoryStorage(StorageBlock):
    """A user's own storage, with the two methods that it must have."""

    shelf: str

    kept: ClassVar[Dict[str, bytes]] = {}

    def write(self, data: bytes) -> str:
        token = f"{self.shelf}/{hashlib.md5(data).hexdigest()}"
        self.kept[token] = data
        return token

    def read(self, token: str) -> bytes:
        if token not in self.kept:
            raise ObjectMissingError("memory", token, "there is nothing")
        return self.kept[token]
