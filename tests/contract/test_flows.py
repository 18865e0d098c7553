"""Flows."""

from __future__ import annotations

import uuid

import pytest

from flowpack.exceptions import APIStatusError, ObjectNotFound
from tests.contract.records import unique


def test_flow_is_made_once(client):
    """A name that exists gives the flow that has it, unchanged."""
    name = unique("flow")
    flow_id = client.create_flow(name)
    flow = client.read_flow(flow_id)
    assert (flow.name, flow.tags, flow.extra) == (name, (), {})
    assert client.create_flow(name) == flow_id
    assert client.read_flow(flow_id) == flow


@pytest.mark.parametrize(
    "name", ["a b", "ä😀", "a?b#c", "a:b|c", "..", "a\\b", "a+b", "{x}", "'\""]
)
def test_names_come_back(client, name):
    """A name is found again, however it is to be encoded."""
    name = unique("flow") + name
    flow_id = client.create_flow(name)
    assert client.read_flow_by_name(name).id == flow_id
    assert [each.id for each in client.read_flows(names=[name])] == [flow_id]


@pytest.mark.parametrize("character", "/%&<>")
def test_refused_names(client, character):
    """Characters that paths and pages need are in no name."""
    with pytest.raises(APIStatusError) as caught:
        client.create_flow(f"a{character}b")
    assert caught.value.status == 422
    assert character in str(caught.value)


def test_missing_flow(client):
    """What is not there is not found."""
    for read, what in [
        (client.read_flow, uuid.uuid4()),
        (client.read_flow_by_name, unique("flow")),
    ]:
        with pytest.raises(ObjectNotFound, match="Flow not found"):
            read(what)


def test_lists(client):
    """Flows come by name; names and ids may be asked for, and both must fit."""
    names = [unique(prefix) for prefix in ("cat", "Ada", "bob")]
    ids = dict(zip(names, map(client.create_flow, names)))
    found = client.read_flows(names=names)
    assert [flow.name for flow in found] == sorted(names)
    assert [flow.id for flow in client.read_flows(ids=[ids[names[1]]])] == [ids[names[1]]]
    assert client.read_flows(names=names[:1], ids=[ids[names[1]]]) == ()
    assert client.read_flows(names=[]) == ()
    everything = client.read_flows()
    assert all(flow in everything for flow in found)
