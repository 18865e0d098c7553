"""Classes of a script: their kinds, their fields, and what keeps them from being understood."""

from __future__ import annotations

import ast
import enum
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

import attrs

from flowpack.analysis.evaluate import evaluate, parse_and_evaluate
from flowpack.analysis.known_types import HARMLESS_OPTIONS, LIMITS, block_slug, is_harmless
from flowpack.analysis.values import (
    UNKNOWN,
    Attribute,
    Call,
    Class,
    Function,
    Scope,
    Subscripted,
    Symbol,
    Undefined,
    Unknown,
    is_plain,
)
from flowpack.exceptions import quoted

_BLOCKS = ("prefect.blocks.", "prefect.filesystems.")
_DATACLASSES = ("dataclasses.dataclass", "pydantic.dataclass")
_FIELD_CALLS = ("dataclasses.field", "pydantic.Field")
_CONFIGURATIONS = ("model_config", "Config", "__pydantic_config__")
#: Options that let a model take its fields by name beside the alias.
_BY_NAME = ("populate_by_name", "validate_by_name", "allow_population_by_field_name")


class Kind(enum.Enum):
    """What a class is to those who make a JSON schema of it."""

    ENUMERATION = "enumeration"
    DATACLASS = "dataclass"
    TYPED_DICT = "typed dict"
    NAMED_TUPLE = "named tuple"
    MODEL = "model"
    BLOCK = "block"
    PLAIN = "plain"


_MODELS = (Kind.MODEL, Kind.BLOCK)
#: Methods by which a class decides itself what values it takes.
_HOOKS = """
    __get_pydantic_core_schema__ __get_pydantic_json_schema__ __get_validators__ __modify_schema__
    """.split()
#: Those by which enumerations and models do.
_MAKERS = ["_missing_", "__new__", "__init__", "__init_subclass__", "__pydantic_init_subclass__"]


@attrs.frozen
class Field:
    """A field of a class."""

    name: str
    key: str  # Its name in JSON.
    annotation: Any  # What that stands for; Undefined if a name in it is not bound.
    owner: Class  # The class whose body has it; text in *annotation* is looked up there.
    required: bool  # Instances cannot be made without it.
    default: object  # UNKNOWN if there is none.
    positional: bool  # The constructor takes it by position.
    options: Mapping[str, object]  # What ``Field(...)`` was given besides the default.


def full_name(value: object) -> str:
    """Return the symbol's name in ``X``, ``X(...)`` or ``X[...]``; without pydantic's modules."""
    while isinstance(value, (Call, Subscripted)):
        value = value.function if isinstance(value, Call) else value.origin
    name = value.name if isinstance(value, Symbol) else ""
    if name.startswith("pydantic.") and not name.startswith("pydantic.v1"):
        return f"pydantic.{name.rpartition('.')[2]}"
    return name


def kind_of(cls: Class) -> Kind:
    """Return the kind of *cls*, by its bases and decorators."""
    if cls.is_enumeration:
        return Kind.ENUMERATION
    ancestors = {full_name(Symbol(name)) for name in cls.ancestors}
    if any(name.startswith(_BLOCKS) or block_slug(name) for name in ancestors):
        return Kind.BLOCK
    if "pydantic.BaseModel" in ancestors:
        return Kind.MODEL
    if "typing.TypedDict" in ancestors:
        return Kind.TYPED_DICT
    if "typing.NamedTuple" in ancestors:
        return Kind.NAMED_TUPLE
    is_dataclass = any(_dataclass_options(each) is not None for each in cls.lineage)
    return Kind.DATACLASS if is_dataclass else Kind.PLAIN


def _dataclass_options(cls: Class) -> Optional[Mapping[str, object]]:
    """Return what the dataclass decorator of *cls* was given; None if it has none."""
    for each in cls.decorators:
        if full_name(each) in _DATACLASSES:
            return each.keywords if isinstance(each, Call) else {}
    return None


# Fields


def fields_of(cls: Class) -> Tuple[Field, ...]:
    """Return the fields of *cls*, those of its bases first."""
    kind = kind_of(cls)
    found: Dict[str, Field] = {}
    for owner in cls.lineage:
        given = _dataclass_options(owner)
        if kind is Kind.DATACLASS and given is None:
            continue
        positional = (given or {}).get("kw_only") is not True
        for name, written in owner.annotations.items():
            annotation = _evaluated(written, owner)
            if full_name(annotation) == "dataclasses.KW_ONLY":
                positional = False
            elif not _is_left_out(kind, owner, name, full_name(annotation)):
                found[name] = _field(kind, owner, name, annotation, positional)
    if kind is not Kind.DATACLASS:
        return tuple(found.values())
    # In the order of the constructor; without those that only code of the class sets.
    kept = [f for f in found.values() if f.options.get("init") is not False or not f.required]
    return tuple(sorted(kept, key=lambda field: not field.positional))


def _evaluated(written: object, owner: Class) -> object:
    """Return what an annotation in the body of *owner* stands for, if it is bound."""
    try:
        value = evaluate(written, owner.scope) if isinstance(written, ast.expr) else written
        return parse_and_evaluate(value, owner.scope) if isinstance(value, str) else value
    except Undefined as exc:
        return exc


def _is_left_out(kind: Kind, owner: Class, name: str, outermost: str) -> bool:
    is_constant = outermost == "typing.Final" and name in owner.scope.names
    is_private = name.startswith("_") or name == "model_config"
    return outermost == "typing.ClassVar" or (kind in _MODELS and (is_constant or is_private))


def _field(kind: Kind, owner: Class, name: str, annotation: object, positional: bool) -> Field:
    options = field_options(annotation)
    value = owner.scope.names.get(name, ...)
    if full_name(value) in _FIELD_CALLS:
        options.update(options_of(value))
    elif value is not ...:
        options.pop("default_factory", None)
        options["default"] = value
    default = options.pop("default", ...)
    required = default is ... and "default_factory" not in options
    if default is ...:
        default = UNKNOWN
    if "default_factory" in options:
        made = Scope(names={"make": options["default_factory"]})
        default = parse_and_evaluate("make()", made)
    if kind is Kind.TYPED_DICT:
        outermost, total = full_name(annotation), owner.keywords.get("total", True)
        is_needed = outermost != "typing.NotRequired" and total is not False
        required = is_needed or outermost == "typing.Required"
    if name.startswith("__") and not name.endswith("__"):
        name = f"_{owner.name.lstrip('_')}{name}"
    alias = options.get("validation_alias", options.get("alias"))
    by_name = options.get("kw_only") is True or options.get("init") is False
    key, positional = alias if isinstance(alias, str) else name, positional and not by_name
    return Field(name, key, annotation, owner, required, default, positional, options)


def field_options(annotation: object) -> Dict[str, object]:
    """Return what ``Field(...)`` and limits in ``Annotated[X, ...]`` say."""
    options: Dict[str, object] = {}
    if isinstance(annotation, Subscripted) and full_name(annotation) == "typing.Annotated":
        for each in annotation.arguments[1:]:
            options.update(options_of(each))
    return options


def options_of(value: object) -> Mapping[str, object]:
    """Return what ``Field(...)`` or a limit in ``Annotated`` was given; else nothing."""
    names = LIMITS.get(full_name(value))
    if names is None or not isinstance(value, Call):
        return {}
    return {**dict(zip(names, value.arguments)), **value.keywords}


# Configuration


def options_of_model(cls: Class) -> Optional[Dict[str, object]]:
    """Return the configuration of a pydantic model, in its bases too; None if not known."""
    options: Dict[str, object] = {"extra": "allow"} if kind_of(cls) is Kind.BLOCK else {}
    for each in cls.lineage:
        written = [each.scope.names.get(name) for name in _CONFIGURATIONS]
        keywords = {} if kind_of(cls) is Kind.DATACLASS else each.keywords
        config = (_dataclass_options(each) or {}).get("config")
        for source in (*written, config, keywords):
            found = _options_in(source)
            if found is None:
                return None
            options.update(found)
    policy = options.get("extra")
    if isinstance(policy, Symbol):  # Extra.forbid
        options["extra"] = policy.name.rpartition(".")[2]
    return options


def _options_in(written: object) -> Optional[Mapping[str, Any]]:
    if isinstance(written, Call) and full_name(written) == "pydantic.ConfigDict":
        return None if written.arguments else written.keywords
    if isinstance(written, Class):  # pydantic 1 has a class in the class
        named = written.scope.names.items()
        return None if written.bases else {k: v for k, v in named if k[:2] != "__"}
    if written is None:
        return {}
    return written if isinstance(written, Mapping) else None


# What is not understood


def problem_of(cls: Class) -> str:
    """Return why *cls* may take values other than its fields say; empty if it does not."""
    for part, value in _unclear_parts(cls):
        name = value if isinstance(value, str) else full_name(value) or getattr(value, "name", "")
        shown = f"{part} {quoted(name)}" if name else part
        why = f": {value.why}" if isinstance(value, Unknown) and value.why else ""
        return f"its {shown} is not understood{why}"
    return ""


def _unclear_parts(cls: Class) -> Iterator[Tuple[str, object]]:
    """Yield what is not understood: which part of *cls* it is, and its name or its value."""
    kind = kind_of(cls)
    for each in cls.lineage:
        yield from _foreign_parts(each)
    for name in _HOOKS + (_MAKERS if kind in (*_MODELS, Kind.ENUMERATION) else []):
        if cls.defines(name):
            yield "method", name
    if kind in (*_MODELS, Kind.DATACLASS):
        for each in cls.lineage:
            yield from _validators(each)
        yield from _options_and_fields(cls)


def _foreign_parts(cls: Class) -> Iterator[Tuple[str, object]]:
    for name, annotation in cls.annotations.items():
        if isinstance(annotation, Unknown):
            yield "conditional field", name
    for origin in cls.origins:
        if not (isinstance(origin, Class) or is_harmless(full_name(origin))):
            yield "base", origin
    for decorator in cls.decorators:
        if not is_harmless(full_name(decorator)):
            yield "decorator", decorator.function if isinstance(decorator, Call) else decorator


def _validators(cls: Class) -> Iterator[Tuple[str, object]]:
    """Yield what in the body of *cls* may run before the types are checked."""
    for name, value in cls.scope.names.items():
        if name in cls.annotations or name in _CONFIGURATIONS or isinstance(value, Class):
            continue
        parts = value.decorators if isinstance(value, Function) else (value,)
        if not all(map(_keeps_types, parts)):
            yield "validator", name


def _keeps_types(part: object) -> bool:
    """Return True if *part* of a class, a decorator or a value, leaves its fields' types alone."""
    if isinstance(part, Attribute):  # @size.setter
        return isinstance(part.owner, Function) and part.name in ("setter", "deleter")
    while isinstance(part, Call) and isinstance(part.function, Call):
        part = part.function  # validator("a")(check)
    name = full_name(part)
    keywords = part.keywords if isinstance(part, Call) else {}
    if name in ("pydantic.field_validator", "pydantic.model_validator"):
        return keywords.get("mode", "after") == "after"
    if name in ("pydantic.validator", "pydantic.root_validator"):
        return keywords.get("pre", False) is False
    return is_harmless(name) or is_plain(part)


def _options_and_fields(cls: Class) -> Iterator[Tuple[str, object]]:
    options, fields = options_of_model(cls), fields_of(cls)
    if options is None:
        yield "configuration", ""
    unaliased = all(field.key == field.name for field in fields)
    for name, value in (options or {}).items():
        understood = {
            **dict.fromkeys(HARMLESS_OPTIONS, True),
            "extra": value in ("allow", "forbid", "ignore"),
            "title": isinstance(value, str),
            "json_schema_extra": isinstance(value, dict),
            **dict.fromkeys(_BY_NAME, unaliased or value is False),
        }
        if not understood.get(name, False):
            yield "option", name
    for field in fields:
        alias = field.options.get("validation_alias", field.options.get("alias"))
        extra = field.options.get("json_schema_extra") or {}
        if not (alias is None or isinstance(alias, str)):
            yield "alias of the field", field.name
        if "coerce_numbers_to_str" in field.options or not isinstance(extra, dict):
            yield "field", field.name
