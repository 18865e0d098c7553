"""What a plan shows of secrets: names, and that they moved; never the values."""

import json
from typing import List

import attrs
import pytest

from flowpack import Block, FileStorageBlock, S3StorageBlock, StorageBlock
from flowpack.blocks.secret import MASK
from flowpack.deployments.masking import mask_change, mask_storage
from flowpack.wire.dialect import Change

SECRET = "canary-91ab"

RUNNERS = {
    "orion": {"type": "universal", "config": {"env": {"A": SECRET, "name": SECRET}}},
    "variables": {"env": {"A": SECRET}, "image": "mine:1"},
    "overrides": {"env.A": SECRET, "image": "mine:1"},
    "manifest": {
        "job": {"spec": {"containers": [{"env": [{"name": "A", "value": SECRET}]}]}}
    },
    "source": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"key": SECRET}}}]},
    "patch": {
        "customizations": [
            {"op": "add", "path": "/x/env/-", "value": {"name": "A", "value": SECRET}}
        ]
    },
    "patched value": {
        "customizations": [{"op": "add", "path": "/x/env/0/value", "value": SECRET}]
    },
    "patched whole": {
        "customizations": [
            {"op": "add", "path": "/spec", "value": {"env": {"A": SECRET}}}
        ]
    },
}


def with_secret(value, secret):
    """Return *value* with another secret in place of SECRET."""
    return json.loads(json.dumps(value).replace(SECRET, secret))


@pytest.mark.parametrize("runner", RUNNERS.values(), ids=RUNNERS)
def test_values_of_variables(runner):
    """Whatever the shape, no value is shown; another value is marked as changed."""
    change = mask_change(Change("flow_runner", None, runner))
    shown = json.dumps(change.new)
    assert SECRET not in shown and MASK in shown and "changed" not in shown
    other = mask_change(Change("flow_runner", runner, with_secret(runner, "other")))
    assert other.old == change.new
    assert json.dumps(other.new) == shown.replace(MASK, f"{MASK} (changed)")
    same = mask_change(Change("flow_runner", runner, {**runner, "more": 1}))
    assert same.new == {**change.new, "more": 1}


def test_names_and_other_fields_are_shown():
    """Names of variables, and fields that are no variables, stand as they are."""
    shown = mask_change(Change("flow_runner", None, RUNNERS["orion"])).new
    assert shown["type"] == "universal"
    assert list(shown["config"]["env"]) == ["A", "name"]
    assert SECRET not in json.dumps(shown)
    assert mask_change(Change("flow_runner", None, RUNNERS["variables"])).new["image"]
    shown = mask_change(Change("flow_runner", None, RUNNERS["manifest"])).new
    assert shown["job"]["spec"]["containers"][0]["env"][0]["name"] == "A"
    assert mask_change(Change("flow_runner", None, {"env": {"A": ""}})).new == {
        "env": {"A": ""}
    }


STEP = {"flowpack.steps.pull": {"requires": SECRET, "globals": {"a": 1}}}


def test_pull_steps():
    """Their names are shown, and which have other inputs."""
    theirs = {"theirs": {"x": SECRET}}
    change = Change("pull_steps", [theirs, STEP], [theirs, with_secret(STEP, "other")])
    shown = mask_change(change)
    assert shown.old == ["theirs", "flowpack.steps.pull"]
    assert shown.new == ["theirs", "flowpack.steps.pull (changed)"]
    assert mask_change(Change("pull_steps", None, [STEP])).new == ["flowpack.steps.pull"]


def test_passwords_in_requirements():
    """Another password is a change, the address without it is shown."""
    old, new = f"git+https://u:{SECRET}@host/x", "git+https://u:other@host/x"
    shown = mask_change(Change("pull_requires", old, new))
    assert "host/x" in shown.old and SECRET not in shown.old
    assert shown.new == f"{shown.old} (changed)"


def test_other_fields_are_left_alone():
    """Parameters are shown as they are, whatever they are called."""
    change = Change("parameters", {"env": {"A": "1"}}, {"env": {"A": "2"}})
    assert mask_change(change) == change


@attrs.frozen
class Login(Block):
    """A block within another one."""

    secret_fields = ("password",)

    user: str
    password: str


@attrs.frozen
class Vault(StorageBlock):
    """A storage with secrets at two depths, and an address with a password."""

    secret_fields = ("key",)

    key: str
    login: Login
    places: List[str]

    def write(self, data):
        """Keep nothing."""

    def read(self, token):
        """Give nothing."""


@pytest.mark.parametrize(
    "storage",
    [
        FileStorageBlock(f"https://ann:{SECRET}@host/x"),
        FileStorageBlock("https://host/x", options={"headers": {"A": SECRET}}),
        S3StorageBlock("bucket", aws_secret_access_key=SECRET),
        Vault(SECRET, Login("ann", SECRET), [f"https://u:{SECRET}@host/"]),
    ],
    ids=lambda storage: type(storage).__name__,
)
def test_storages(storage):
    """A storage is shown by its type and its data, without what is secret."""
    shown = mask_storage(storage)
    assert shown["type"] == storage.block_type_name
    assert SECRET not in json.dumps(shown)
    assert len(shown) == 1 + len(storage.to_document_data())


def test_storages_of_other_secrets():
    """A plan that moves code between two keys to one bucket says what changed."""
    one, two = (S3StorageBlock("bucket", aws_secret_access_key=key) for key in ("a", "b"))
    shown = mask_storage(two, one)
    assert shown == {**mask_storage(two), "aws_secret_access_key": f"{MASK} (changed)"}
    assert mask_storage(one, one) == mask_storage(one) == mask_storage(two)
