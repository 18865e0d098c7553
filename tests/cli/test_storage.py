"""``flowpack storage``: ls, show, save, default."""

from typing import List

import attrs
import pytest

from flowpack import Block, FileStorageBlock, StorageBlock, get_client
from flowpack.blocks.secret import MASK

SECRET = "canary-7f3a"


@attrs.frozen
class Login(Block):
    """A block within another one."""

    secret_fields = ("password",)

    user: str
    password: str


@attrs.frozen
class Vault(StorageBlock):
    """A storage with secrets at several depths."""

    secret_fields = ("key",)

    key: str
    login: Login
    places: List[str]

    def write(self, data):
        return "token"

    def read(self, token):
        return b""


@attrs.frozen
class Note(Block):
    """A block that is no storage."""

    text: str


def save(block, name):
    with get_client() as client:
        return str(block.save(name, client).document_id)


def test_save_and_list(flowpack, tmp_path):
    """What is saved is listed, with the default marked."""
    done = flowpack("storage", "save", "file:store", "flows")
    assert done.status == 0
    assert done.out.startswith("saved File Storage/flows (")
    assert flowpack("storage", "default", "--set", "flows").status == 0
    save(Note("x"), "flows")
    lines = flowpack("storage", "ls").out.splitlines()
    assert lines[0].split() == ["ID", "TYPE", "NAME", "DEFAULT"]
    assert len(lines) == 2
    assert lines[1].split() == [*(done.out.split("(")[1][:-2], "File", "Storage")] + [
        *("flows", "yes")
    ]
    (shown,) = flowpack("storage", "ls", "--json").json
    assert (shown["type"], shown["name"]) == ("File Storage", "flows")
    assert shown["default"] is True


def test_save_as_json(flowpack):
    """The JSON has the id."""
    shown = flowpack("storage", "save", "store", "mine", "--json").json
    assert list(shown) == ["id", "type", "name"]
    assert (shown["type"], shown["name"]) == ("Local Storage", "mine")


def test_list_without_names(flowpack, script):
    """--all lists the blocks that deployments made."""
    assert flowpack("storage", "ls").err.startswith("no storage blocks with a name")
    assert flowpack("storage", "ls", "--json").json == []
    done = flowpack("deploy", script, "--storage", "file:store", "--json")
    (shown,) = flowpack("storage", "ls", "--all", "--json").json
    assert shown["id"] == done.json["storage"]["document_id"]
    assert shown["name"] is None


def test_save_again(flowpack):
    """The same again is one block; other data needs --overwrite."""
    first = flowpack("storage", "save", "file:store", "s", "--json").json
    assert flowpack("storage", "save", "file:store", "s", "--json").json == first
    done = flowpack("storage", "save", "file:other", "s")
    assert (done.status, done.out) == (1, "")
    shown = flowpack("storage", "save", "file:other", "s", "--overwrite", "--json")
    assert shown.json == first
    shown = flowpack("storage", "show", "s", "--json").json
    assert shown["data"]["base_path"].endswith("/other/")


def test_save_a_block_again(flowpack):
    """What is registered already is no storage to save."""
    shown = flowpack("storage", "save", "store", "s", "--json").json
    done = flowpack("storage", "save", f"block:{shown['id']}", "t")
    assert done.status == 1
    assert "saved already" in done.err


def test_deploy_to_a_saved_block(flowpack, script):
    """A saved block is a place to deploy to, by its names and by its id."""
    shown = flowpack("storage", "save", "file:store", "my flows", "--json").json
    for where in ("block:File Storage/my flows", f"block:{shown['id']}"):
        done = flowpack("deploy", script, "-n", "d", "--storage", where, "--json")
        assert done.status == 0, done.err
        assert done.json["storage"]["document_id"] == shown["id"]
    assert done.json["action"] == "unchanged"


@pytest.mark.parametrize("how", ["name", "names", "id"])
def test_show(flowpack, tmp_path, how):
    """A block is found by its name, its type's and its own, or its id."""
    shown = flowpack("storage", "save", "file:store", "s", "--json").json
    text = {"name": "s", "names": "File Storage/s", "id": shown["id"]}[how]
    shown = flowpack("storage", "show", text, "--json").json
    assert shown == {
        **shown,
        "data": {
            "base_path": f"{tmp_path}/work/store/",
            "key_type": "hash",
            "options": {},
        },
    }
    lines = flowpack("storage", "show", text).out.splitlines()
    assert f"data.base_path  {tmp_path}/work/store/" in lines


@pytest.mark.parametrize("text", ["none", "File Storage/none", "None/s"])
def test_show_what_is_not_there(flowpack, text):
    """An unknown name is status 1."""
    flowpack("storage", "save", "file:store", "s")
    done = flowpack("storage", "show", text)
    assert (done.status, done.out) == (1, "")


def test_name_of_two_types(flowpack):
    """A name that two storages have is not guessed."""
    flowpack("storage", "save", "file:store", "s")
    flowpack("storage", "save", "store", "s")
    done = flowpack("storage", "show", "s")
    assert done.status == 1
    assert "File Storage/s, Local Storage/s" in done.err


def test_secrets_are_masked(flowpack):
    """Fields that are secret, at any depth, and credentials in addresses."""
    places = [f"https://u:{SECRET}@host/x"]
    save(Vault(SECRET, Login("me", SECRET), places), "v")
    done = flowpack("storage", "show", "v", "--json")
    assert done.json["data"] == {
        "key": MASK,
        "login": {"user": "me", "password": MASK},
        "places": ["https://host/x"],
    }
    headers = {"Authorization": f"Bearer {SECRET}"}
    save(FileStorageBlock("https://host/", options={"headers": headers}), "web")
    shown = flowpack("storage", "show", "web")
    assert f"data.options    {MASK}" in shown.out
    assert SECRET not in done.out + shown.out


def test_classes_that_are_not_known_show_no_value(flowpack):
    """Without the class it is unknown what is a secret."""

    def away():
        @attrs.frozen
        class Passing(StorageBlock):
            """Gone with this function."""

            hidden: str

            def write(self, data):
                return "token"

            def read(self, token):
                return b""

        save(Passing(SECRET), "p")
        return Passing.definition()

    definition = away()
    assert definition.type_name == "Passing"
    import gc

    gc.collect()
    done = flowpack("storage", "show", "p", "--json")
    assert done.json["type"] == "Passing"
    assert done.json["data"] == {"hidden": MASK}


def test_default(flowpack):
    """The default is shown, set by name or id, and cleared."""
    none = flowpack("storage", "default")
    assert (none.status, none.out) == (0, "")
    assert none.err.startswith("no default storage at ")
    assert flowpack("storage", "default", "--json").json is None
    shown = flowpack("storage", "save", "file:store", "s", "--json").json
    chosen = flowpack("storage", "default", "--set", shown["id"], "--json").json
    assert chosen["id"] == shown["id"]
    assert flowpack("storage", "default", "--json").json == chosen
    assert "File Storage" in flowpack("storage", "default").out
    assert flowpack("storage", "default", "--clear", "--json").json is None
    assert flowpack("storage", "default", "--json").json is None


def test_default_is_used(flowpack, script, tmp_path):
    """A deployment without --storage goes to the default."""
    shown = flowpack("storage", "save", "file:store", "s", "--json").json
    flowpack("storage", "default", "--set", "s")
    done = flowpack("deploy", script, "--json")
    assert done.json["storage"]["document_id"] == shown["id"]
    assert (tmp_path / "work" / "store" / done.json["key"]).exists()
