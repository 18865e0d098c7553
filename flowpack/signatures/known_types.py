"""Types whose JSON schema is fixed, as the official client's pydantic writes it."""

from __future__ import annotations

from typing import Any, Dict, Mapping

_Schema = Mapping[str, Any]


def _text(form: str) -> _Schema:
    return {"type": "string", "format": form}


def _at(types: str, schema: _Schema) -> Dict[str, _Schema]:
    return dict.fromkeys(types.split(), schema)


_STRING: _Schema = {"type": "string"}
_INTEGER: _Schema = {"type": "integer"}
_NUMBER: _Schema = {"type": "number"}
_BINARY = _text("binary")
_URL: _Schema = {"type": "string", "format": "uri", "minLength": 1}

#: Full names of types, and their schema.
SCHEMAS: Mapping[str, _Schema] = {
    **_at("builtins.object typing.Any", {}),
    **_at("builtins.str builtins.complex typing.Text", _STRING),
    **_at("builtins.int", _INTEGER),
    **_at("builtins.float", _NUMBER),
    **_at("builtins.bool", {"type": "boolean"}),
    **_at("builtins.bytes", _BINARY),
    **_at("types.NoneType", {"type": "null"}),
    **_at("datetime.datetime", _text("date-time")),
    **_at("datetime.date", _text("date")),
    **_at("datetime.time", _text("time")),
    **_at("datetime.timedelta", _text("duration")),
    **_at("zoneinfo.ZoneInfo", _text("zoneinfo")),
    **_at("uuid.UUID", _text("uuid")),
    **_at("pathlib.Path pathlib.PurePath pathlib.PosixPath", _text("path")),
    **_at("pathlib.PurePosixPath os.PathLike", _text("path")),
    **_at("re.Pattern typing.Pattern", _text("regex")),
    **_at("decimal.Decimal", {"anyOf": [_NUMBER, _STRING]}),
    **_at("fractions.Fraction", {"anyOf": [_NUMBER, _text("fraction")]}),
    **_at("typing.AnyStr", {"anyOf": [_BINARY, _STRING]}),
    **_at("ipaddress.IPv4Address", _text("ipv4")),
    **_at("ipaddress.IPv6Address", _text("ipv6")),
    **_at("ipaddress.IPv4Network", _text("ipv4network")),
    **_at("ipaddress.IPv6Network", _text("ipv6network")),
    **_at("ipaddress.IPv4Interface", _text("ipv4interface")),
    **_at("ipaddress.IPv6Interface", _text("ipv6interface")),
    **_at("pydantic.StrictStr pydantic.ImportString", _STRING),
    **_at("pydantic.StrictInt", _INTEGER),
    **_at("pydantic.StrictFloat pydantic.FiniteFloat", _NUMBER),
    **_at("pydantic.StrictBool", {"type": "boolean"}),
    **_at("pydantic.StrictBytes", _BINARY),
    **_at("pydantic.PositiveInt", {**_INTEGER, "exclusiveMinimum": 0}),
    **_at("pydantic.NegativeInt", {**_INTEGER, "exclusiveMaximum": 0}),
    **_at("pydantic.NonNegativeInt", {**_INTEGER, "minimum": 0}),
    **_at("pydantic.NonPositiveInt", {**_INTEGER, "maximum": 0}),
    **_at("pydantic.PositiveFloat", {**_NUMBER, "exclusiveMinimum": 0}),
    **_at("pydantic.NegativeFloat", {**_NUMBER, "exclusiveMaximum": 0}),
    **_at("pydantic.NonNegativeFloat", {**_NUMBER, "minimum": 0}),
    **_at("pydantic.NonPositiveFloat", {**_NUMBER, "maximum": 0}),
    **_at(
        "pydantic.SecretStr pydantic.SecretBytes",
        {**_text("password"), "writeOnly": True},
    ),
    **_at("pydantic.EmailStr", _text("email")),
    **_at("pydantic.HttpUrl pydantic.WebsocketUrl", {**_URL, "maxLength": 2083}),
    **_at("pydantic.AnyUrl pydantic.AnyHttpUrl pydantic.FileUrl", _URL),
    **_at("pydantic.FtpUrl pydantic.RedisDsn", _URL),
    **_at("pydantic.PostgresDsn", {**_URL, "format": "multi-host-uri"}),
    **_at("pydantic.FilePath", _text("file-path")),
    **_at("pydantic.DirectoryPath", _text("directory-path")),
    **_at("pydantic.NewPath", _text("path")),
    **_at("pydantic.UUID1", _text("uuid1")),
    **_at("pydantic.UUID3", _text("uuid3")),
    **_at("pydantic.UUID4", _text("uuid4")),
    **_at("pydantic.UUID5", _text("uuid5")),
    **_at("pydantic.AwareDatetime pydantic.NaiveDatetime", _text("date-time")),
    **_at("pydantic.PastDatetime pydantic.FutureDatetime", _text("date-time")),
    **_at("pydantic.PastDate pydantic.FutureDate", _text("date")),
    **_at("pydantic.Base64Str pydantic.Base64Bytes", _text("base64")),
    **_at("pydantic.IPvAnyAddress", _text("ipvanyaddress")),
}

#: Types of which JSON schema has no notion; a parameter that holds one anywhere
#: gets no type at all.
WITHOUT_SCHEMA = frozenset(
    "typing.Callable collections.abc.Callable builtins.callable".split()
)

_LISTS = """
    builtins.list typing.List typing.Sequence collections.abc.Sequence
    typing.MutableSequence collections.abc.MutableSequence typing.Iterable
    collections.abc.Iterable typing.Generator collections.abc.Generator
    collections.deque typing.Deque
"""
_SETS = """
    builtins.set builtins.frozenset typing.Set typing.FrozenSet typing.AbstractSet
    collections.abc.Set typing.MutableSet collections.abc.MutableSet
"""
_MAPPINGS = """
    builtins.dict typing.Dict typing.Mapping collections.abc.Mapping
    typing.MutableMapping collections.abc.MutableMapping collections.OrderedDict
    typing.OrderedDict collections.defaultdict typing.DefaultDict
"""

#: Generic types by what they are in JSON and in annotations.
GENERICS: Mapping[str, str] = {
    **dict.fromkeys(_LISTS.split(), "list"),
    **dict.fromkeys(_SETS.split(), "set"),
    **dict.fromkeys(_MAPPINGS.split(), "mapping"),
    "collections.Counter": "counter",
    "typing.Counter": "counter",
    "builtins.tuple": "tuple",
    "typing.Tuple": "tuple",
    "typing.Union": "union",
    "typing.Optional": "optional",
    "typing.Literal": "literal",
    "typing.Annotated": "annotated",
    "typing.Final": "inner",
    "typing.Required": "inner",
    "typing.NotRequired": "inner",
    "typing.ReadOnly": "inner",
    "dataclasses.InitVar": "inner",
}

#: Functions of pydantic that make a limited type, and the type.
LIMITED_TYPES: Mapping[str, str] = {
    "pydantic.conint": "builtins.int",
    "pydantic.confloat": "builtins.float",
    "pydantic.constr": "builtins.str",
    "pydantic.conbytes": "builtins.bytes",
    "pydantic.condecimal": "decimal.Decimal",
    "pydantic.conlist": "builtins.list",
    "pydantic.conset": "builtins.set",
    "pydantic.confrozenset": "builtins.frozenset",
}

#: Limits beside a type in ``Annotated``, and the options that their positional
#: arguments stand for.
LIMITS: Mapping[str, tuple[str, ...]] = {
    "pydantic.Field": ("default",),
    "pydantic.fields.Field": ("default",),
    "pydantic.StringConstraints": (),
    "annotated_types.Ge": ("ge",),
    "annotated_types.Gt": ("gt",),
    "annotated_types.Le": ("le",),
    "annotated_types.Lt": ("lt",),
    "annotated_types.Interval": (),
    "annotated_types.MultipleOf": ("multiple_of",),
    "annotated_types.Len": ("min_length", "max_length"),
    "annotated_types.MinLen": ("min_length",),
    "annotated_types.MaxLen": ("max_length",),
}

_NUMBERS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}

#: What limits are called in JSON schema, by the ``type`` that they limit.
KEYWORDS: Mapping[str, Mapping[str, str]] = {
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "string": {
        "min_length": "minLength",
        "max_length": "maxLength",
        "pattern": "pattern",
    },
    "array": {"min_length": "minItems", "max_length": "maxItems"},
    "object": {"min_length": "minProperties", "max_length": "maxProperties"},
}
