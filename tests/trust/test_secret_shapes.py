"""No secret of a block shows, in whatever shape its class holds it."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import itertools
import json
import sqlite3
import traceback
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple, Union

import attrs
import pytest

from flowpack import (
    Block,
    DeploymentSpec,
    FileStorageBlock,
    KVServerStorageBlock,
    StorageBlock,
    deploy,
    plan,
)
from flowpack.blocks.secret import MASK, Secret, SecretMapping
from flowpack.cli import main
from flowpack.exceptions import BlockError, FlowpackError
from tests.clients import SCRIPT
from tests.trust.invariants import CANARY
from tests.todays_server import TodaysServer

URL = f"https://ann:{CANARY}@host/x/"


@attrs.frozen
class Login(Block):
    """A block to stand within others."""

    user: str
    token: Secret


@attrs.frozen
class Account(Block):
    """A block that holds such a block."""

    number: int
    login: Login


@attrs.frozen
class Named(Block):
    """A block whose secret is plain text."""

    secret_fields = ("password",)

    user: str
    password: str


class Choice(enum.Enum):
    """A choice of one."""

    ONE = Secret(CANARY)


class Memory:
    """Keeps bytes in this process, and tells a URL by which workers could read them."""

    objects: ClassVar[Dict[str, bytes]] = {}

    def write(self, data):
        """Keep *data*."""
        token = hashlib.sha256(data).hexdigest()
        self.objects[token] = data
        return token

    def write_from(self, file, sha256):
        """Keep what *file* holds."""
        return self.write(file.read())

    def read(self, token):
        """Give what was kept."""
        return self.objects[token]

    def holds(self, token, sha256, size):
        """Tell whether it was kept."""
        return token in self.objects

    def location(self, token):
        """Tell an address."""
        return f"https://host/{token}"


@attrs.frozen
class Kept(Memory, StorageBlock):
    """A storage without fields."""


_numbers = itertools.count()


def storage_class(annotation, *, secret=(), base=Kept, **options):
    """Return a storage class of a name of its own with one more field, ``held``."""
    name = f"Shape{next(_numbers)}"
    body = {
        "__annotations__": {"held": annotation},
        "held": attrs.field(kw_only=True, **options),
        "__module__": __name__,
    }
    if secret:
        body["secret_fields"] = secret
    return attrs.frozen(type(name, (base,), body))


@attrs.frozen
class Own(Memory, FileStorageBlock):
    """File Storage that asks nobody."""

    block_type_name = "Own"


@attrs.frozen
class Web(Own):
    """Names a secret besides that of its base."""

    block_type_name = "Web"
    secret_fields = ("key",)

    key: str = ""


@attrs.frozen
class Further(Web):
    """Names none, and inherits two."""

    block_type_name = "Further"


@attrs.frozen
class Furthest(Further):
    """Names one of its own, as text that was meant to be a tuple."""

    block_type_name = "Furthest"
    secret_fields = "more"  # type: ignore[assignment]  # the mistake

    more: str = ""


def held(annotation, value, **options):
    """Return what makes a storage that holds *value*, given the secret."""
    cls = storage_class(annotation, **options)
    return lambda secret: cls(held=value(secret))


def web(cls, **fields):
    """Return what makes a File Storage of a class below it."""

    def make(secret):
        options = {"headers": {"Authorization": secret}}
        more = {name: secret for name in fields}
        return cls("https://host/x", options=options, **more)

    return make


#: What a class declares as secret, and what holds a password in a URL.
SHAPES = {
    "secret": held(Secret, Secret),
    "text for a secret": held(Secret, str),
    "optional": held(Optional[Secret], Secret),
    "union": held(Union[str, Secret, None], str),
    "list": held(List[Secret], lambda it: [Secret("x"), Secret(it)]),
    "list of text": held(List[Secret], lambda it: [it]),
    "tuple": held(Tuple[Secret, ...], lambda it: (Secret(it),)),
    "places": held(Tuple[str, Secret], lambda it: ("x", Secret(it))),
    "set": held(FrozenSet[Secret], lambda it: frozenset([Secret(it)])),
    "mapping": held(Mapping[str, Secret], lambda it: {"a": Secret(it)}),
    "mapping of text": held(Dict[str, Secret], lambda it: {"a": it}),
    "dotted keys": held(Dict[str, Secret], lambda it: {"a.b": Secret(it), "*": it}),
    "two mappings": held(Dict[str, Dict[str, Secret]], lambda it: {"a": {"b": it}}),
    "three mappings": held(
        Dict[str, Dict[str, Dict[str, Secret]]],
        lambda it: {"a": {"b": {"c": Secret(it)}}},
    ),
    "mapping of lists": held(Dict[str, List[Secret]], lambda it: {"a": [it]}),
    "block": held(Login, lambda it: Login("ann", Secret(it))),
    "optional block": held(Optional[Login], lambda it: Login("ann", Secret(it))),
    "block or text": held(Union[Login, str, None], lambda it: Login("ann", it)),
    "block or mapping": held(
        Union[Login, Dict[str, Any]], lambda it: {"token": Secret(it), "more": 1}
    ),
    "mapping of blocks": held(Dict[str, Login], lambda it: {"a": Login("ann", it)}),
    "mapping of mappings of blocks": held(
        Dict[str, Dict[str, Login]], lambda it: {"a": {"b": Login("ann", Secret(it))}}
    ),
    "plain for blocks": held(
        Dict[str, Login], lambda it: {"a": {"user": "ann", "token": it}}
    ),
    "list of blocks": held(List[Login], lambda it: [Login("ann", Secret(it))]),
    "tuple of blocks": held(Tuple[Login, ...], lambda it: (Login("ann", it),)),
    "two deep": held(Account, lambda it: Account(1, Login("ann", Secret(it)))),
    "lists two deep": held(
        Dict[str, List[Account]], lambda it: {"a": [Account(1, Login("ann", it))]}
    ),
    "named": held(str, str, secret=("held",)),
    "named anything": held(Any, Secret, secret=("held",)),
    "named mapping": held(Dict[str, Any], lambda it: {"a": [it]}, secret=("held",)),
    "named list": held(List[str], lambda it: [it], secret=("held",)),
    "named below": held(Dict[str, Named], lambda it: {"a": Named("ann", it)}),
    "inherited": web(Web, key=True),
    "inherited twice": web(Further, key=True),
    "inherited and added to": web(Furthest, key=True, more=True),
    "inherited below": held(Web, lambda it: Web("/x", options={"a": it}, key=it)),
    "address": held(str, lambda it: f"https://ann:{it}@host/x?a={it}"),
    "addresses": held(List[str], lambda it: ["x", f"https://ann:{it}@host/x"]),
    "addresses in text": held(str, lambda it: f"https://a/x and https://b:{it}@c/"),
    "address of a block": held(
        FileStorageBlock, lambda it: FileStorageBlock(f"https://ann:{it}@host/x")
    ),
    "addresses of blocks": held(
        Dict[str, KVServerStorageBlock],
        lambda it: {"a": KVServerStorageBlock(f"https://ann:{it}@host/x")},
    ),
    "own address": lambda it: Own(f"https://ann:{it}@host/x"),
}

#: What is a secret and no class says so.
UNDECLARED = {
    "anything": held(Any, Secret),
    "in a mapping": held(Dict[str, Any], lambda it: {"a": Secret(it)}),
    "in a list in a mapping": held(Dict[str, Any], lambda it: {"a": [Secret(it)]}),
    "in mappings": held(Any, lambda it: {"a": {"b": (Secret(it),)}}),
    "in a set": held(Any, lambda it: {Secret(it)}),
    "where text was to be": held(str, Secret),
    "block": held(Any, lambda it: Login("ann", Secret(it))),
    "block with text": held(Any, lambda it: [Login("ann", it)]),
    "block in a set": held(Any, lambda it: {Login("ann", Secret(it))}),
    "block that names it": held(Any, lambda it: {"a": Named("ann", it)}),
    "block two deep": held(Any, lambda it: [Account(1, Login("ann", it))]),
    "another key": held(
        Union[Login, Dict[str, Any]], lambda it: {"other": Secret(it)}
    ),
    "a storage of any class": held(
        StorageBlock, lambda it: FileStorageBlock("/x", options={"a": it})
    ),
    "a class below": held(Kept, lambda it: SHAPES["secret"](it)),
    "headers": held(Any, lambda it: SecretMapping({"a": it})),
    "enum": held(Any, lambda it: Choice.ONE),
}


def shapes(table):
    """Parametrise a test with the shapes of *table*."""
    return pytest.mark.parametrize("make", table.values(), ids=table)


@pytest.fixture
def script(tmp_path):
    """A script with one flow."""
    path = tmp_path / "hello.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def spec(script):
    """Makes a spec of a storage."""
    return lambda storage, **more: DeploymentSpec(
        name="d", flow_location=script, flow_storage=storage, **more
    )


def told(found):
    """Return all that a plan prints."""
    actions = [attrs.asdict(action) for action in found.actions]
    return f"{found} {found!r} {found.to_json()} {actions}"


def rows(database):
    """Return the content of each table."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
        return {
            name: repr(connection.execute(f'SELECT * FROM "{name}"').fetchall())
            for (name,) in tables.fetchall()
        }


@shapes(SHAPES)
def test_nothing_that_prints_a_block_shows_it(make):
    """Neither repr and str nor what is told of the class."""
    block = make(CANARY)
    assert CANARY in json.dumps(block.to_document_data())
    shown = [
        repr(block.to_document_data()),
        json.dumps(block.public_data()),
        json.dumps(block.schema()),
        repr(block.definition()),
    ]
    assert CANARY not in "".join(shown)


@shapes({name: make for name, make in SHAPES.items() if not name.startswith("addr")})
def test_repr_shows_nothing(make):
    """Whatever the value of a field, also where it is none that the class wants."""
    block = make(CANARY)
    spec = DeploymentSpec(name="d", flow_location="x.py", flow_storage=block)
    assert CANARY not in f"{block!r} {block} {spec!r} {spec}"
    assert type(block).__name__ in repr(block)


@shapes(SHAPES)
def test_plans_show_nothing(make, client, spec):
    """Neither the secret nor anything that tells it from another one."""
    one, other = (plan(spec(make(secret)), client) for secret in (CANARY, "other"))
    assert CANARY not in told(one)
    assert one.to_json() == other.to_json()


@shapes(SHAPES)
def test_update_shows_that_it_changed(make, client, spec):
    """That is all that a plan says of other secrets, and the same ones are no change."""
    deploy(spec(make(CANARY)), client)
    assert deploy(spec(make(CANARY)), client)[0].action == "unchanged"
    found = plan(spec(make("other")), client)
    assert CANARY not in told(found)
    [change] = found.actions[0].changes
    assert change.field == "storage"
    old = {key: value for key, value in change.old.items() if key != "document_id"}
    new = json.dumps(change.new)
    assert "(changed)" in new and old == json.loads(new.replace(" (changed)", ""))
    with pytest.raises(FlowpackError) as caught:
        deploy(spec(make(CANARY)), client, planned=found.to_json())
    assert CANARY not in f"{caught.value!r} {caught.value}"


@shapes(SHAPES)
def test_only_documents_hold_it_on_the_embedded_api(make, client, spec, fresh_home):
    """Flow, deployment, block type and schema do not."""
    deploy(spec(make(CANARY)), client)
    tables = rows(fresh_home / "flowpack.db")
    assert {name for name, held in tables.items() if CANARY in held} == {
        "block_document"
    }


@shapes(SHAPES)
def test_storage_show_shows_nothing(make, client, capsys):
    """Whether the block has its class or not."""
    make(CANARY).save("it", client)
    assert main(["storage", "show", "it"]) == 0
    assert main(["storage", "show", "it", "--json"]) == 0
    assert main(["storage", "ls", "--json"]) == 0
    printed = capsys.readouterr()
    assert CANARY not in printed.out + printed.err
    assert "it" in printed.out


@shapes(SHAPES)
def test_pull_steps_hold_nothing(make, spec):
    """What a server with work pools is told, documents aside, has no secret in it."""
    server = TodaysServer()
    with server.client() as client:
        found = plan(spec(make(CANARY), create_work_pool=True, work_pool="p"), client)
        deploy(spec(make(CANARY), create_work_pool=True, work_pool="p"), client)
    assert CANARY not in told(found)
    assert "pull_steps" in dict(server.bodies)["/deployments/"]
    others = [body for path, body in server.bodies if path != "/block_documents/"]
    assert CANARY not in json.dumps(others)


@shapes(SHAPES)
def test_errors_show_nothing(make):
    """A document that does not fit is told by the field."""
    block = make(CANARY)
    data = dict(block.to_document_data())
    for name in data:
        for wrong in (5, [CANARY], {CANARY: CANARY}, [{"x": [CANARY]}]):
            try:
                type(block).from_data({**data, name: wrong})
            except BlockError as exc:
                told = traceback.TracebackException.from_exception(exc)
                assert CANARY not in f"{exc!r} {''.join(told.format())}"


@shapes(UNDECLARED)
def test_secret_that_no_class_declares_is_refused(make, client, spec, fresh_home):
    """Once it is loaded nothing would tell it from other text."""
    block = make(CANARY)
    for use in (
        block.to_document_data,
        block.public_data,
        lambda: plan(spec(block), client),
        lambda: deploy(spec(block), client),
        lambda: block.save("it", client),
    ):
        with pytest.raises(BlockError, match="'held' holds a secret") as caught:
            use()
        assert CANARY not in f"{caught.value!r} {caught.value}"
    assert CANARY not in f"{block!r} {block} {block.schema()}"
    assert CANARY not in repr(rows(fresh_home / "flowpack.db"))


def test_block_without_its_secret_may_stand_anywhere():
    """Only what is there is refused."""
    make = held(Any, lambda it: {"a": FileStorageBlock("/x")})
    assert make("").to_document_data()["held"]["a"]["base_path"] == "/x/"
    assert held(Any, lambda it: {FileStorageBlock("/x").base_path})("")


DEFAULTS = {
    "secret": (Secret, Secret(CANARY)),
    "text for a secret": (Secret, CANARY),
    "union": (Union[str, Secret], CANARY),
    "tuple": (Tuple[Secret, ...], (Secret(CANARY),)),
    "mapping": (Dict[str, Secret], {"a": CANARY}),
    "block": (Login, Login("ann", Secret(CANARY))),
    "two deep": (Tuple[Account, ...], (Account(1, Login("ann", Secret(CANARY))),)),
    "named below": (Optional[Named], Named("ann", CANARY)),
    "anything": (Any, Secret(CANARY)),
    "block anywhere": (Any, {"a": Named("ann", CANARY)}),
    "mapping of anything": (Dict[str, Any], {"a": [Secret(CANARY)]}),
    "address": (str, URL),
    "address of a block": (FileStorageBlock, FileStorageBlock(URL)),
}


@pytest.mark.parametrize("annotation, default", DEFAULTS.values(), ids=DEFAULTS)
def test_schemas_hold_no_default_that_is_secret(
    client, fresh_home, annotation, default
):
    """They are shown to all who may see the type, and kept in clear."""
    cls = storage_class(annotation, default=default)
    cls.register(client)
    server = TodaysServer()
    with server.client() as pools:
        cls.register(pools)
    assert CANARY not in json.dumps([cls.schema(), server.bodies])
    assert "default" in json.dumps(cls.schema())
    assert CANARY not in repr(rows(fresh_home / "flowpack.db"))


@pytest.mark.parametrize("annotation", [str, Optional[str], Any], ids=str)
def test_schemas_hold_no_default_of_a_named_field(client, fresh_home, annotation):
    """Nor those of blocks within."""
    named = storage_class(annotation, secret=("held",), default=CANARY)
    inner = storage_class(annotation, secret=("held",), default=CANARY)
    outer = storage_class(Optional[inner], default=None)
    below = storage_class(str, base=named, default=CANARY)
    for cls in (named, outer, below):
        cls.register(client)
        assert CANARY not in json.dumps(cls.schema())
    assert CANARY not in repr(rows(fresh_home / "flowpack.db"))


def test_steps_of_an_earlier_release_are_told_without_secrets(spec):
    """What once went to the server in clear is not printed, and is replaced."""
    server = TodaysServer()
    make = SHAPES["mapping of blocks"]
    wanted = spec(make(CANARY), create_work_pool=True, work_pool="p")
    with server.client() as client:
        deploy(wanted, client)
        [values] = server.deployments["d"]["pull_steps"][0].values()
        data = values["globals"]["flow_data"]["storage_data"]
        data["held"]["a"]["token"] = CANARY
        found = plan(wanted, client)
        assert CANARY not in told(found)
        assert found.actions[0].kind == "update"
        deploy(wanted, client)
        assert CANARY not in json.dumps(server.deployments)
        assert deploy(wanted, client)[0].action == "unchanged"


def test_steps_of_an_unknown_class_tell_no_value(spec):
    """Without the class nobody can tell what is a secret, there neither."""
    server = TodaysServer()
    pool: Any = {"create_work_pool": True, "work_pool": "p"}
    with server.client() as client:
        deploy(spec(SHAPES["mapping of blocks"](CANARY), **pool), client)
        [values] = server.deployments["d"]["pull_steps"][0].values()
        values["globals"]["flow_data"]["storage_data"]["held"] = CANARY
        found = plan(spec(Kept(), **pool), client)
    assert CANARY not in told(found)
    assert MASK in str(found)


def test_mapping_of_blocks_is_told_apart_by_key(client, spec):
    """Public parts and the names of secret ones are told."""
    make = held(
        Dict[str, Named], lambda it: {"a": Named("ann", it), "b": Named("bob", it)}
    )
    [change] = [
        change
        for change in plan(spec(make(CANARY)), client).actions[0].changes
        if change.field == "storage"
    ]
    shown = change.new["held"]
    assert (shown["a"]["user"], shown["b"]["user"]) == ("ann", "bob")
    assert shown["a"]["password"] == shown["b"]["password"] == MASK


def test_class_that_cannot_be_told_shows_no_value():
    """Where an annotation cannot be read, nobody knows what is secret."""
    cls = storage_class("Missing")
    assert CANARY not in repr(cls(held=CANARY))
    with pytest.raises(BlockError):
        cls.definition()
