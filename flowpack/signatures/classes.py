"""Classes of a script: of which kind they are, and what fields they have."""

from __future__ import annotations

import ast
import enum
from typing import Any, Dict, Mapping, Optional, Tuple

import attrs

from flowpack.signatures.evaluate import evaluate
from flowpack.signatures.values import (
    ENUMERATIONS,
    UNKNOWN,
    Call,
    Class,
    Function,
    Subscripted,
    Symbol,
    Undefined,
    is_call_of,
)

_DATACLASSES = ("dataclasses.dataclass", "pydantic.dataclasses.dataclass")
_MODELS = frozenset({"pydantic.BaseModel", "pydantic.main.BaseModel"})
_FIELD_CALLS = ("dataclasses.field", "pydantic.Field", "pydantic.fields.Field")

#: What may stand above or beside a class that is nothing but a class: its
#: instances are taken as they are.
_PLAIN_MODULES = frozenset(
    "builtins typing abc attr attrs collections functools".split()
)


class Kind(enum.Enum):
    """What a class is to those who make a JSON schema of it."""

    ENUMERATION = "enumeration"
    DATACLASS = "dataclass"
    TYPED_DICT = "typed dict"
    NAMED_TUPLE = "named tuple"
    MODEL = "model"
    PLAIN = "plain"
    UNKNOWN = "unknown"


@attrs.frozen(kw_only=True)
class Field:
    """A field of a class.

    Attributes:
        name: The attribute's name.
        key: Its name in JSON.
        annotation: An expression, or what it stands for.
        owner: The class whose body has it; names in *annotation* are looked up
            there.
        required: Whether the field has no default.
        default: The default; UNKNOWN if there is none or it comes from *factory*.
        factory: What makes the default; None if there is no such thing.
        is_argument: Whether the constructor takes it.
        positional: Whether the constructor takes it by position.
        options: What ``Field(...)`` was given besides.
    """

    name: str
    key: str
    annotation: Any
    owner: Class
    required: bool
    default: object = UNKNOWN
    factory: object = None
    is_argument: bool = True
    positional: bool = True
    options: Mapping[str, object] = attrs.field(factory=dict)


def kind_of(cls: Class) -> Kind:
    """Return the kind of *cls*."""
    if cls.is_a(*ENUMERATIONS):
        return Kind.ENUMERATION
    if cls.is_a(*_MODELS):
        return Kind.MODEL
    if cls.is_a("typing.TypedDict"):
        return Kind.TYPED_DICT
    if cls.is_a("typing.NamedTuple"):
        return Kind.NAMED_TUPLE
    lineage = cls.lineage
    if any(_is_dataclass(each) for each in lineage):
        return Kind.DATACLASS
    parts = [part for each in lineage for part in (*each.bases, *each.decorators)]
    return Kind.PLAIN if all(map(_is_plain, parts)) else Kind.UNKNOWN


def is_pydantic(cls: Class) -> bool:
    """Tell whether pydantic makes the class, with validators that stay unseen."""
    return cls.is_a(*_MODELS) or _DATACLASSES[1] in map(_symbol_name, cls.decorators)


def _is_dataclass(cls: Class) -> bool:
    return any(_symbol_name(each) in _DATACLASSES for each in cls.decorators)


def _is_plain(part: object) -> bool:
    if isinstance(part, Class):
        return True  # its own bases are in the lineage
    return _symbol_name(part).partition(".")[0] in _PLAIN_MODULES


def _symbol_name(value: object) -> str:
    """Return the full name of the symbol in ``X``, ``X(...)`` or ``X[...]``."""
    if isinstance(value, Call):
        value = value.function
    if isinstance(value, Subscripted):
        value = value.origin
    return value.name if isinstance(value, Symbol) else ""


def fields_of(cls: Class) -> Tuple[Field, ...]:
    """Return the fields of *cls*, those of its bases first."""
    kind = kind_of(cls)
    found: Dict[str, Field] = {}
    for owner in cls.lineage:
        if kind is Kind.DATACLASS and not _is_dataclass(owner):
            continue
        keyword_only = _option(owner, "kw_only") is True
        for name, annotation in owner.annotations.items():
            outermost = _annotation_name(owner, annotation)
            if outermost == "dataclasses.KW_ONLY":
                keyword_only = True
            elif not _is_left_out(kind, name, outermost):
                field = _field(kind, owner, name, annotation)
                if keyword_only:
                    field = attrs.evolve(field, positional=False)
                found[field.name] = field
    if kind is Kind.DATACLASS:  # as in the constructor
        return tuple(sorted(found.values(), key=lambda field: not field.positional))
    return tuple(found.values())


def _is_left_out(kind: Kind, name: str, outermost: str) -> bool:
    if outermost == "typing.ClassVar":
        return True
    return kind is Kind.MODEL and (name.startswith("_") or name == "model_config")


def _annotation_name(owner: Class, annotation: object) -> str:
    """Return the full name of the outermost symbol of *annotation*."""
    if isinstance(annotation, ast.expr):
        try:
            annotation = evaluate(annotation, owner.scope)
        except Undefined:
            return ""
    return _symbol_name(annotation)


def _field(kind: Kind, owner: Class, name: str, annotation: object) -> Field:
    mangled = name
    if name.startswith("__") and not name.endswith("__"):
        mangled = f"_{owner.name.lstrip('_')}{name}"
    plain = Field(
        name=mangled, key=mangled, annotation=annotation, owner=owner, required=True
    )
    if kind is Kind.TYPED_DICT:
        return attrs.evolve(plain, required=_must_be_there(owner, annotation))
    if name not in owner.scope.names:
        return plain
    value = owner.scope.names[name]
    if not is_call_of(value, *_FIELD_CALLS) or not isinstance(value, Call):
        return attrs.evolve(plain, default=value, required=False)
    return _told_by_call(plain, value)


def _told_by_call(field: Field, call: Call) -> Field:
    """Return *field* with what ``field(...)`` or ``Field(...)`` says of it."""
    options = dict(call.keywords)
    if call.arguments:
        options["default"] = call.arguments[0]
    default = options.pop("default", ...)
    factory = options.pop("default_factory", None)
    alias = options.get("validation_alias", options.get("alias"))
    return attrs.evolve(
        field,
        key=alias if isinstance(alias, str) else field.key,
        required=default is ... and factory is None,
        default=UNKNOWN if default is ... else default,
        factory=factory,
        is_argument=options.get("init", True) is not False,
        positional=options.get("kw_only", False) is not True,
        options=options,
    )


def _must_be_there(owner: Class, annotation: object) -> bool:
    """Tell whether a key of a TypedDict is required."""
    outermost = _annotation_name(owner, annotation)
    if outermost in ("typing.Required", "typing.NotRequired"):
        return outermost == "typing.Required"
    return owner.keywords.get("total", True) is not False


def _option(cls: Class, name: str) -> object:
    """Return what the dataclass decorator of *cls* was given as *name*."""
    for decorator in cls.decorators:
        if isinstance(decorator, Call) and _symbol_name(decorator) in _DATACLASSES:
            return decorator.keywords.get(name)
    return None


def model_options(cls: Class) -> Mapping[str, object]:
    """Return the ``model_config`` of a pydantic model."""
    options: Dict[str, object] = {}
    for each in cls.lineage:
        config = each.scope.names.get("model_config")
        if isinstance(config, Call):
            options.update(config.keywords)
        elif isinstance(config, dict):
            options.update(config)
    return options


# Instances


def bound_arguments(call: Call, cls: Class) -> Optional[Dict[str, object]]:
    """Return what each field of the instance that *call* makes holds, by name.

    None if that cannot be told: the arguments do not fit, or the class has code of
    its own that sets fields.
    """
    if isinstance(cls.attribute("__init__"), Function) or _changes_itself(cls):
        return None
    fields = fields_of(cls)
    is_model = kind_of(cls) is Kind.MODEL
    positional = [f.name for f in fields if f.is_argument and f.positional]
    if len(call.arguments) > (0 if is_model else len(positional)):
        return None
    given: Dict[str, object] = dict(zip(positional, call.arguments))
    names = {field.key if is_model else field.name: field.name for field in fields}
    for key, value in call.keywords.items():
        if key not in names:
            return None
        given[names[key]] = value
    bound: Dict[str, object] = {}
    for field in fields:
        if field.required and field.name not in given:
            return None
        bound[field.name] = given.get(field.name, _default(field))
    return bound


def _changes_itself(cls: Class) -> bool:
    """Tell whether ``__post_init__`` sets anything."""
    after = cls.attribute("__post_init__")
    if not isinstance(after, Function):
        return False
    return any(
        isinstance(node, ast.Attribute)
        and (isinstance(node.ctx, ast.Store) or node.attr == "__setattr__")
        for node in ast.walk(after.node)
    )


def _default(field: Field) -> object:
    if field.factory is None:
        return field.default
    if isinstance(field.factory, Class):
        return Call(field.factory)
    if isinstance(field.factory, Function):
        return field.factory.returns
    if isinstance(field.factory, Symbol):
        makers = {"list": list, "tuple": tuple, "set": set, "dict": dict}
        maker = makers.get(field.factory.name.replace("builtins.", ""))
        return UNKNOWN if maker is None else maker()
    return UNKNOWN
