"""What two plans say otherwise: the deployment and the field are named."""

import copy
import json
import pickle
from html.parser import HTMLParser

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowpack import DeploymentSpec, FileStorageBlock, UniversalFlowRunner, deploy, plan
from flowpack.deployments.actions import Deployments, parse_plan, plan_diff
from flowpack.exceptions import SpecError

PLAN = {
    "api": "http://127.0.0.1/api",
    "actions": [
        {
            "flow_name": "hello",
            "name": name,
            "kind": "update",
            "changes": [
                {"field": "tags", "old": ["a"], "new": ["b"]},
                {"field": "parameters", "old": {"n": 1}, "new": {"n": 2}},
            ],
            "upload": True,
            "sha256": "0" * 64,
            "size": 12,
            "notes": [],
        }
        for name in ("one", "two")
    ],
}


def other(change):
    """Return a plan that is changed by *change*."""
    plan = copy.deepcopy(PLAN)
    change(plan)
    return plan


def action(plan):
    return plan["actions"][0]


DIFFERENCES = {
    "api": (
        lambda plan: plan.update(api="http://other/api"),
        'the plan: api was "http://127.0.0.1/api", and is "http://other/api"',
    ),
    "gone": (lambda plan: plan["actions"].pop(), "hello/two is not to be deployed now"),
    "new": (
        lambda plan: plan["actions"].append({**action(plan), "name": "three"}),
        "hello/three was not planned",
    ),
    "order": (
        lambda plan: plan["actions"].reverse(),
        "the plan says other things than planned",
    ),
    "kind": (
        lambda plan: action(plan).update(kind="create"),
        'hello/one: kind was "update", and is "create"',
    ),
    "code": (
        lambda plan: action(plan).update(size=13),
        "hello/one: size was 12, and is 13",
    ),
    "upload": (
        lambda plan: action(plan).update(upload=False),
        "hello/one: upload was true, and is false",
    ),
    "new value": (
        lambda plan: action(plan)["changes"][0].update(new=["c"]),
        'hello/one: tags was to go from ["a"] to ["b"], and is to go from ["a"] to'
        ' ["c"]',
    ),
    "old value": (
        lambda plan: action(plan)["changes"][1].update(old={"n": True}),
        'hello/one: parameters was to go from {"n": 1} to {"n": 2}, and is to go from'
        ' {"n": true} to {"n": 2}',
    ),
    "no change": (
        lambda plan: action(plan)["changes"].pop(0),
        'hello/one: tags was to go from ["a"] to ["b"], and is to stay',
    ),
    "one more": (
        lambda plan: action(plan)["changes"].append(
            {"field": "paused", "old": False, "new": True}
        ),
        "hello/one: paused was to stay, and is to go from false to true",
    ),
    "something else": (
        lambda plan: plan.update(extra=1),
        "the plan says other things than planned",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_differences(change, sentence):
    """One thing that changed is one sentence that names it."""
    assert plan_diff(PLAN, other(change)) == (sentence,)


def test_several_differences():
    """All that changed is listed."""

    def change(plan):
        action(plan).update(kind="unchanged", changes=[], upload=False)
        plan["actions"][1].update(sha256="1" * 64)

    found = plan_diff(PLAN, other(change))
    assert [each.split(" was ")[0] for each in found] == [
        "hello/one: kind",
        "hello/one: upload",
        "hello/one: tags",
        "hello/one: parameters",
        "hello/two: sha256",
    ]


def test_format_does_not_count():
    """Spaces and the order of keys are no difference; types are."""
    text = json.dumps(dict(reversed(PLAN.items())), indent=None)
    assert plan_diff(parse_plan(text), PLAN) == ()
    one, real = parse_plan(text), parse_plan(text.replace('": 12,', '": 12.0,'))
    assert plan_diff(one, real) == ("hello/one: size was 12, and is 12.0",) + (
        "hello/two: size was 12, and is 12.0",
    )


def test_text_from_outside_is_escaped_and_bounded():
    """A plan file may come from anywhere."""

    def change(plan):
        action(plan).update(name="x\n\x1b[31m", kind="y" * 10_000)

    found = plan_diff(PLAN, other(change)) + plan_diff(other(change), PLAN)
    assert all(each.isprintable() for each in found)
    assert max(map(len, found)) < 1000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["actions", "api", "flow_name", "name", "kind", "changes"])
        | st.text(max_size=5),
        inner,
        max_size=5,
    ),
)


@given(JSON, JSON)
def test_any_json(one, two):
    """Files that are no plans are refused; of others the differences are listed."""
    plans = []
    for value in (one, two):
        try:
            plans.append(parse_plan(json.dumps(value), "FILE"))
        except SpecError as exc:
            assert str(exc) == "FILE: this is no plan; flowpack plan --json writes one"
    if len(plans) == 2:
        same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
        assert bool(plan_diff(*plans)) is not same


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"actions": {}}', '{"actions": [1]}', "[" * 100_000],
    ids=lambda text: text[:20] or "empty",
)
def test_no_plan(text):
    """What is no plan is an error that names the file."""
    with pytest.raises(SpecError, match="plan.json: this is no plan"):
        parse_plan(text, "plan.json")


# As notebooks and loops have them


class Cells(HTMLParser):
    """Collects the cells of a table, and what else is in it."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
        elif tag == "br":
            self.rows[-1][-1] += "\n"

    def handle_data(self, data):
        self.rows[-1][-1] += data


MARKUP = "<script>alert('x')</script>&amp;"


@pytest.fixture
def made(client, script, tmp_path):
    """A plan and what it did, of two deployments: one with secrets and markup."""
    storage = FileStorageBlock(
        str(tmp_path / "store"), options={"headers": {"X": "hidden-header"}}
    )
    specs = [
        DeploymentSpec(
            name="one",
            flow_location=script,
            flow_storage=storage,
            tags=[MARKUP],
            flow_runner=UniversalFlowRunner(env={"TOKEN": "hidden-value"}),
        ),
        DeploymentSpec(
            name="two", flow_location=script, flow_storage=FileStorageBlock(str(tmp_path))
        ),
    ]
    return plan(specs, client), deploy(specs, client)


def test_plan_is_iterable(made, client):
    """A plan is gone through by its actions."""
    planned, _ = made
    assert [(each.kind, each.name) for each in planned] == [("create", "one"), ("create", "two")]
    assert len(planned) == 2 and list(planned) == list(planned.actions)
    assert list(plan([], client)) == []


def test_plan_as_a_table(made):
    """Notebooks show what the text says, escaped, with secrets masked."""
    planned, _ = made
    text = planned._repr_html_()
    assert "hidden" not in text and "<script" not in text
    headings, one, two = Cells(text).rows
    assert headings == ["Action", "Deployment", "Code", "Details"]
    assert one[:2] == ["create", "hello/one"] and two[:2] == ["create", "hello/two"]
    assert MARKUP in one[3]
    for cell, line in zip(one[3].split("\n"), str(planned).split("\n")[1:]):
        assert cell == line.strip()


def test_deployed_as_a_table(made):
    """What was done is a tuple, which notebooks show with links to the user interface."""
    _, done = made
    assert isinstance(done, tuple) and done == tuple(done) and hash(done) == hash(tuple(done))
    assert pickle.loads(pickle.dumps(done)) == done
    assert type(pickle.loads(pickle.dumps(done))) is Deployments
    one, two = done
    linked = Deployments(
        [
            attrs.evolve(one, url="http://ui/deployments/1?a=1&b='\">", notes=(MARKUP, "x")),
            attrs.evolve(two, url="javascript:alert(1)", storage_type=None, sha256=None),
        ]
    )
    table = Cells(linked._repr_html_())
    assert "<script" not in linked._repr_html_()
    assert [row[:2] for row in table.rows[1:]] == [
        ["created", "hello/one"],
        ["created", "hello/two"],
    ]
    assert table.rows[1][2:] == ["File Storage", one.sha256[:12], f"{MARKUP}\nx"]
    assert table.rows[2][2:] == ["", "", ""]
    links = [attributes for tag, attributes in table.tags if tag == "a"]
    assert links == [{"href": "http://ui/deployments/1?a=1&b='\">"}]


def test_nothing_as_a_table(client):
    """Tables of nothing have their headings."""
    assert len(Cells(Deployments()._repr_html_()).rows) == 1
    assert len(Cells(plan([], client)._repr_html_()).rows) == 1
