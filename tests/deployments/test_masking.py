"""What a plan shows of secrets: names, and that they moved; never the values."""

import json
from typing import List

import attrs
import pytest

from flowpack import Block, FileStorageBlock, S3StorageBlock, StorageBlock
from flowpack.blocks.secret import MASK
from flowpack.deployments.masking import masked, shown_storage
from flowpack.wire.base import Change

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
    """Whatever the shape, no value is told; another value is told otherwise."""
    change = masked(Change("flow_runner", None, runner))
    told = json.dumps(change.new)
    assert SECRET not in told and MASK in told
    assert masked(Change("flow_runner", None, runner)) == change
    other = masked(Change("flow_runner", None, with_secret(runner, "other")))
    assert other != change
    assert masked(Change("flow_runner", runner, None)).old == change.new


def test_names_and_the_rest_are_told():
    """Names of variables, and fields that are no variables, stand as they are."""
    told = masked(Change("flow_runner", None, RUNNERS["orion"])).new
    assert told["type"] == "universal"
    assert list(told["config"]["env"]) == ["A", "name"]
    assert SECRET not in json.dumps(told)
    assert masked(Change("flow_runner", None, RUNNERS["variables"])).new["image"]
    told = masked(Change("flow_runner", None, RUNNERS["manifest"])).new
    assert told["job"]["spec"]["containers"][0]["env"][0]["name"] == "A"
    assert masked(Change("flow_runner", None, {"env": {"A": ""}})).new == {
        "env": {"A": ""}
    }


def test_one_value_under_two_names_looks_like_two():
    """Equal secrets of different variables cannot be seen to be equal."""
    env = {"A": SECRET, "B": SECRET}
    told = masked(Change("flow_runner", None, {"env": env})).new["env"]
    assert told["A"] != told["B"]


def test_other_fields_are_left_alone():
    """Parameters are shown as they are, whatever they are called."""
    change = Change("parameters", {"env": {"A": "1"}}, {"env": {"A": "2"}})
    assert masked(change) == change


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
    """A storage is told by its type and its data, without what is secret."""
    told = shown_storage(storage)
    assert told["type"] == storage.block_type_name
    assert SECRET not in json.dumps(told)
    assert len(told) == 1 + len(storage.to_document_data())


def test_storages_of_other_secrets_look_different():
    """So two plans with other keys to one bucket are not equal."""
    one, two = (
        S3StorageBlock("bucket", aws_secret_access_key=key) for key in ("a", "b")
    )
    assert shown_storage(one) != shown_storage(two)
    assert shown_storage(one) == shown_storage(one)
