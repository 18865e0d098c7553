"""``prefect.yaml``: what it means, and the errors of one that is wrong."""

from __future__ import annotations

import json
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from flowpack import (
    UNSET,
    CronSchedule,
    DeploymentSchedule,
    IntervalSchedule,
    LocalStorageBlock,
    S3StorageBlock,
    RRuleSchedule,
)
from flowpack.deployments.prefect_yaml import load_prefect_yaml
from flowpack.deployments.specfiles import load_specs
from flowpack.deployments.spec import collecting
from flowpack.exceptions import SpecError
from flowpack.schedules import parse_schedule
from tests.todays_server import TodaysServer

STOCK = json.loads((Path(__file__).parent / "data" / "stock_deploys.json").read_text())

SCRIPT = '''\
from prefect import flow


@flow
def hello_flow(n: int = 1, s: str = "x"):
    """Say hello."""


@flow(name="other name", version="7")
def other():
    pass
'''

#: Needs no warning.
SHARED = S3StorageBlock("bucket")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a ``prefect.yaml`` beside its scripts."""
    (tmp_path / "hello.py").write_text(SCRIPT)
    for below in ("flows/etl.py", "pkg/mod.py", "src/lib/__init__.py"):
        (tmp_path / below).parent.mkdir(parents=True)
        (tmp_path / below).write_text(SCRIPT)

    def write(text, name="prefect.yaml"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), "utf-8")
        return path

    return write


@pytest.fixture
def one(write):
    """Return a function that reads a deployment whose further keys are given."""

    def one(keys="", **options):
        text = "deployments:\n- name: d\n  entrypoint: hello.py:hello_flow\n"
        path = write(text + textwrap.indent(textwrap.dedent(keys), "  "))
        return load_prefect_yaml(path, **options)

    return one


def problems(call, *args, **options):
    """Return the problems of a file that cannot be read."""
    with pytest.raises(SpecError) as caught:
        call(*args, **options)
    return list(caught.value.problems)


# --- as the stock client reads it -------------------------------------------------------


def as_sent(spec):
    """Return a spec by the names and with the defaults of the stock client's request."""
    limit, options = spec.concurrency_limit, None
    if limit is not None and not isinstance(limit, int):
        options = {key: value for key, value in limit.items() if key != "limit"}
        limit = limit["limit"]
    schedules = () if spec.schedules is UNSET else spec.schedules
    return {
        "name": spec.name,
        "tags": list(spec.tags),
        "parameters": dict(spec.parameters),
        "paused": spec.paused is True,
        "work_pool_name": spec.work_pool,
        "work_queue_name": None if spec.work_queue is UNSET else spec.work_queue,
        "job_variables": dict(spec.job_variables),
        "concurrency_limit": limit,
        "concurrency_options": options,
        "schedules": [
            (each.schedule, each.active, dict(each.parameters or {}), each.slug)
            for each in schedules
        ],
    }


def to_schedule(sent):
    """Return a schedule as the stock client sent it."""
    schedule = dict(sent["schedule"])
    if "rrule" in schedule:  # The client adds a start.
        start = "DTSTART:20200101T000000\n"
        schedule["rrule"] = schedule["rrule"].removeprefix(start)
    return parse_schedule(schedule), sent["active"], sent.get("parameters", {}), sent.get("slug")


@pytest.mark.parametrize("case", STOCK)
def test_what_the_stock_client_sent(write, case):
    """Each field is what the stock client sent for the same file, recorded from 3.9.1."""
    specs = load_prefect_yaml(write(STOCK[case]["yaml"])).specs
    assert len(specs) == len(STOCK[case]["sent"])
    for spec, sent in zip(specs, STOCK[case]["sent"]):
        expected = dict(sent)
        expected.setdefault("job_variables", sent.get("infra_overrides"))
        expected["schedules"] = [to_schedule(each) for each in sent["schedules"]]
        made = as_sent(spec)
        if STOCK[case]["release"].startswith("2."):
            made["schedules"] = [
                (CronSchedule(each[0].cron, timezone=each[0].timezone), *each[1:])
                for each in made["schedules"]  # Only from 3.4.23 on day_or is sent.
            ]
        common = made.keys() & expected.keys()
        assert len(common) > 6
        assert {key: made[key] for key in common} == {
            key: expected[key] for key in common
        }
        assert spec.version in (UNSET, sent["version"])
        assert spec.description in (UNSET, sent["description"])


def test_minimum(one, tmp_path):
    """What is not said of tags, parameters, job variables and limit is cleared."""
    (spec,) = one().specs
    assert spec.entrypoint == f"{tmp_path}/hello.py:hello_flow"
    assert spec.source == f"{tmp_path}/prefect.yaml:2"
    assert (spec.tags, spec.parameters, spec.job_variables) == ((), {}, {})
    assert spec.concurrency_limit is None
    for field in ("paused", "schedules", "schedule", "description", "version"):
        assert getattr(spec, field) is UNSET
    assert spec.work_pool is None
    assert spec.find_flow().name == "hello-flow"


def test_null_is_nothing(one):
    """A key that is null is as one that is not there."""
    keys = "version tags description schedule schedules paused concurrency_limit parameters"
    nulls = "".join(f"{key}: null\n" for key in (*keys.split(), "work_pool", "flow_name"))
    assert one(nulls).specs == one().specs
    assert not one(nulls).notes
    assert one("work_pool: {name: null, work_queue_name: null}").specs == one().specs


def test_values_are_what_pyyaml_makes_of_them(one):
    """YAML 1.1 is what the stock client reads: yes is true, 010 is 8, dates are text."""
    (spec,) = one("""\
        parameters:
          a: yes
          b: 010
          c: 1:30
          d: 1e3
          e: 2024-01-02
          f: 2024-01-02 03:04:05
          g: 2024-01-02T03:04:05Z
          h: 1_000
          i: "yes"
          j: ~
    """).specs
    assert spec.parameters == {
        "a": True,
        "b": 8,
        "c": 90,
        "d": "1e3",
        "e": "2024-01-02",
        "f": "2024-01-02T03:04:05",
        "g": "2024-01-02T03:04:05Z",
        "h": 1000,
        "i": "yes",
        "j": None,
    }


@pytest.mark.parametrize(
    "value", ["2024-13-45", "!!python/none x", "!!binary aGk=", "!!int x", "0x" + "f" * 4500]
)
def test_scalars_that_are_none(one, value):
    """What PyYAML fails on is an error with its line."""
    (problem,) = problems(one, f"parameters: {{a: {value}}}")
    assert problem.startswith("line 4: parameters")


def test_anchors_and_merges(write):
    """Definitions are for anchors; keys of the deployment itself win over merged ones."""
    path = write("""\
        definitions:
          common: &common
            entrypoint: hello.py:hello_flow
            tags: [a]
            work_pool: &pool {name: p, job_variables: {image: i}}
        deployments:
        - <<: *common
          name: x
        - <<: *common
          name: y
          tags: [b]
          work_pool:
            <<: *pool
            name: q
    """)
    first, second = load_prefect_yaml(path).specs
    assert (first.tags, first.work_pool) == (("a",), "p")
    assert (second.tags, second.work_pool) == (("b",), "q")
    assert first.job_variables == second.job_variables == {"image": "i"}


@pytest.mark.parametrize(
    ("entrypoint", "found"),
    [
        ("flows/etl.py:other", "flows/etl.py:other"),
        ("./flows/etl.py:other", "flows/etl.py:other"),
        ("./flows/../hello.py:other", "hello.py:other"),
        ("hello.py:Job.run", "hello.py:Job.run"),
        ("pkg.mod.other", "pkg/mod.py:other"),
        ("pkg.mod:other", "pkg/mod.py:other"),
        ("pkg.mod.Job.run", "pkg/mod.py:Job.run"),
        ("hello.other", "hello.py:other"),
        ("lib:other", "src/lib/__init__.py:other"),
        ("{{ $HERE }}.py:other", "hello.py:other"),
    ],
)
def test_entrypoints(write, tmp_path, monkeypatch, entrypoint, found):
    """Paths and modules are found from the file's folder, wherever one is."""
    monkeypatch.setenv("HERE", "hello")
    path = write(f"deployments: [{{name: d, entrypoint: '{entrypoint}'}}]")
    monkeypatch.chdir(tmp_path.parent)
    assert load_prefect_yaml(path).specs[0].entrypoint == f"{tmp_path}/{found}"


@pytest.mark.parametrize(
    ("entrypoint", "reason"),
    [
        ("hello.py", "names no flow; write path/file.py:function"),
        ("'flows/etl.py:'", "names no flow"),
        ("nowhere.mod:other", "no such module is found"),
        ("hello", "no such module is found"),
        ("[a]", "entrypoint: must be text"),
    ],
)
def test_entrypoints_that_are_none(write, entrypoint, reason):
    """The error says what to write."""
    (problem,) = problems(
        load_prefect_yaml, write(f"deployments:\n- name: d\n  entrypoint: {entrypoint}")
    )
    assert problem.startswith("line 3: entrypoint: ")
    assert reason.removeprefix("entrypoint: ") in problem


def test_schedules(one):
    """Each kind is read with what goes with it, and without what its kind does not know."""
    (spec,) = one("""\
        schedules:
        - {cron: 0 6 * * *, timezone: Europe/Paris, day_or: no, active: "false", slug: c}
        - {interval: 1:30, anchor_date: 2024-01-01, timezone: null, day_or: true}
        - {interval: 3600, anchor_date: "2024-01-01T00:00:00+02:00"}
        - {rrule: FREQ=DAILY, anchor_date: 2024-01-01, parameters: {n: 2}, max_scheduled_runs: 3}
        - {rrule: FREQ=DAILY, timezone: Europe/Rome, max_active_runs: null, catchup: false}
    """).specs
    utc = datetime(2024, 1, 1, tzinfo=timezone.utc)
    assert spec.schedules == (
        DeploymentSchedule(
            CronSchedule("0 6 * * *", timezone="Europe/Paris", day_or=False),
            active=False,
            slug="c",
        ),
        DeploymentSchedule(IntervalSchedule(90, anchor_date=utc)),
        DeploymentSchedule(IntervalSchedule(3600, anchor_date=utc - timedelta(hours=2))),
        DeploymentSchedule(
            RRuleSchedule("FREQ=DAILY", timezone="UTC"), parameters={"n": 2}, max_scheduled_runs=3
        ),
        DeploymentSchedule(RRuleSchedule("FREQ=DAILY", timezone="Europe/Rome")),
    )


def test_the_old_schedule(one):
    """One schedule under its old key is read; an empty one is nothing."""
    (spec,) = one("schedule: {cron: 0 6 * * *, active: false}").specs
    assert spec.schedules == (DeploymentSchedule(CronSchedule("0 6 * * *"), active=False),)
    assert one("schedule: {}").specs[0].schedules is UNSET
    assert one("schedule: {}\nschedules: []").specs[0].schedules == ()


@pytest.mark.parametrize(
    ("keys", "line", "reason"),
    [
        ("schedule: {cron: '* * * * *'}\nschedules: []", 4, "give schedules alone"),
        ("schedules: {cron: '* * * * *'}", 4, "must be a list of schedules, not dict"),
        ("schedules:\n- cron: '* * * * *'\n- {}", 6, "exactly one of"),
        ("schedules:\n- 0 6 * * *", 5, "must be a mapping with one of cron"),
        ("schedules:\n- {cron: a}", 5, "has 1 fields"),
        ("schedules:\n- {cron: '* * * * *', replaces: x}", 5, "replaces"),
        ("schedules:\n- {cron: '* * * * *', catchup: true}", 5, "catchup"),
        ("schedules:\n- {cron: '* * * * *', active: maybe}", 5, "active"),
        ("schedule: 0 6 * * *", 4, "must be a mapping"),
        ("version: 1.0", 4, "version: must be text, not float"),
        ("tags: [[a]]", 4, "tags: item 1 must be text, not list"),
        ("tags: [~]", 4, "tags: item 1 must be text, not NoneType"),
        ("tags: {a: b}", 4, "tags: must be a list of texts"),
        ("parameters: [1]", 4, "parameters: must be a mapping"),
        ("paused: maybe", 4, "paused: must be true or false"),
        ("concurrency_limit: many", 4, "concurrency_limit"),
        ("work_pool: p", 4, "work_pool: must be a mapping, not text"),
        ("work_pool:\n  job_variables: [1]", 5, "must be a mapping"),
        ("work_pool:\n  name: [1]", 5, "work_pool.name: must be text"),
        ("parameters:\n  a: .nan", 5, "parameters.a: numbers must be finite"),
        ("tags: [a]\ntags: [b]", 5, "stands twice, first on line 4"),
        ("parameters:\n  1: x", 5, "keys are text"),
    ],
)
def test_wrong_values(one, keys, line, reason):
    """An error has the line and the key."""
    (problem,) = problems(one, keys)
    assert problem.startswith(f"line {line}: ")
    assert reason in problem


def test_texts_that_stand_for_values(one, monkeypatch):
    """As for the stock client, text is read as a number or truth value where one is meant."""
    monkeypatch.setenv("N", "3")
    (spec,) = one("""\
        paused: "True"
        enforce_parameter_schema: "no"
        concurrency_limit: "{{ $N }}"
        tags: prod
    """).specs
    assert (spec.paused, spec.enforce_parameter_schema) == (True, False)
    assert (spec.concurrency_limit, spec.tags) == (3, ("prod",))
    assert one("tags: [1, true, ' ', a]").specs[0].tags == ("1", "True", "a")
    assert one("concurrency_limit: 5.0").specs[0].concurrency_limit == 5
    assert one("concurrency_limit: {limit: null}").specs[0].concurrency_limit is None
    assert one("concurrency_limit: {limit: '2', collision_strategy: null}").specs[
        0
    ].concurrency_limit == {"limit": 2}


# --- placeholders -----------------------------------------------------------------------


def test_environment(one, monkeypatch):
    """Every value is filled, with text, once."""
    monkeypatch.setenv("A", "{{ $B }}")
    monkeypatch.setenv("B", "7")
    (spec,) = one("""\
        description: "on {{$A}}, {{ $B }}."
        tags: ["{{ $B }}"]
        parameters: {x: ["{{ $B }}"], y: {z: "{{ $A }}"}, w: "{{ B }"}
        work_pool: {name: "p{{ $B }}", job_variables: {env: {N: "{{ $B }}"}}}
        schedules: [{cron: "{{ $B }} 6 * * *"}]
    """).specs
    assert (spec.description, spec.tags) == ("on {{ $B }}, 7.", ("7",))
    assert spec.parameters == {"x": ["7"], "y": {"z": "{{ $B }}"}, "w": "{{ B }"}
    assert (spec.work_pool, spec.job_variables) == ("p7", {"env": {"N": "7"}})
    assert spec.schedules[0].schedule.cron == "7 6 * * *"


def test_placeholders_for_workers_stay_in_job_variables(one):
    """Workers fill blocks, variables and contexts there, so nothing is looked up."""
    env = {
        "A": "{{ prefect.blocks.secret.x }}",
        "B": "a-{{ prefect.variables.y }}",
        "C": "{{ ctx.flow_run.id }}",
    }
    (spec,) = one(f"work_pool: {{name: p, job_variables: {{env: {json.dumps(env)}}}}}").specs
    assert spec.job_variables == {"env": env}


def test_placeholders_that_cannot_be_filled(one):
    """All are errors at once, each with its line, and repeated by aliases said once."""
    found = problems(one, """\
        description: "{{ prefect.variables.a }}"
        parameters: &p
          x: "{{ $NOT_SET }} {{ prefect.blocks.secret.b }}"
        work_pool:
          name: "{{ ctx.c }}"
          job_variables:
            image: "{{ build-image.image }}"
            p: *p
    """)
    assert found == [
        "line 4: description: {{ prefect.variables.a }} can stand in job_variables only,"
        " for workers to fill",
        "line 6: parameters.x: {{ $NOT_SET }} is not set in the environment",
        "line 6: parameters.x: {{ prefect.blocks.secret.b }} can stand in job_variables"
        " only, for workers to fill",
        "line 6: work_pool.job_variables.p.x: {{ $NOT_SET }} is not set in the environment",
        "line 8: work_pool.name: {{ ctx.c }} can stand in job_variables only, for workers"
        " to fill",
        "line 10: work_pool.job_variables.image: {{ build-image.image }} comes from a step,"
        " and flowpack runs none; write the value",
    ]


def test_only_what_is_chosen_is_filled(write, monkeypatch):
    """A deployment that nobody asks for may lack its variables, and be wrong."""
    path = write("""\
        deployments:
        - {name: dev, entrypoint: hello.py:other}
        - {name: "prod-{{ $R }}", entrypoint: hello.py:other, tags: [[1]]}
        - {name: bad, entrypoint: "{{ $NOT_SET }}"}
    """)
    assert len(load_prefect_yaml(path, ["dev"]).specs) == 1
    assert any("not set" in each for each in problems(load_prefect_yaml, path, ["prod*"]))
    monkeypatch.setenv("R", "eu")
    assert problems(load_prefect_yaml, path, ["prod-eu"]) == [
        "line 3: tags: item 1 must be text, not list"
    ]


# --- which deployments ------------------------------------------------------------------

SEVERAL = """\
deployments:
- {name: named, entrypoint: "hello.py:other"}
- {name: named-two, entrypoint: "hello.py:hello_flow"}
- {name: named, entrypoint: "hello.py:hello_flow"}
- {name: mod, entrypoint: pkg.mod.other}
- {entrypoint: "hello.py:other"}
"""


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        ((), [2, 3, 4, 5]),
        (["named"], [2, 4]),
        ("mod", [5]),
        (["mod", "named-two"], [3, 5]),
        (["named", "named"], [2, 4]),
        (["other/named"], [2]),
        (["other name/named"], [2]),
        (["other-name/named"], None),
        (["hello-flow/named"], [4]),
        (["hello_flow/named"], [4]),
        (["*"], [2, 3, 4, 5]),
        (["named*"], [3]),
        (["*med"], [2, 4]),
        (["hello*/named*"], [3]),
        (["hello-flow/*"], [3, 4]),
        (["*/mod"], [5]),
        (["other/m*", "*two"], [3, 5]),
        (["nam?d"], None),
        (["named", "nmd"], None),
        (["hello-flow/mod"], None),
        (["/named"], None),
        (["*/*/*"], None),
    ],
)
def test_selection(write, names, chosen):
    """A name, a flow's or its function's before it, and patterns; what fits nothing fails."""
    path = write(SEVERAL)
    if chosen is None:
        assert "there is no deployment" in problems(load_prefect_yaml, path, names)[0]
        return
    specs = load_prefect_yaml(path, names).specs
    assert [int(str(spec.source).rpartition(":")[2]) for spec in specs] == chosen


def test_a_name_that_is_not_there(write):
    """The error lists what there is, and says what may have been meant."""
    (problem,) = problems(load_prefect_yaml, write(SEVERAL), ["named-too"])
    assert problem == (
        "there is no deployment 'named-too'; it has 'named', 'named-two', 'mod'; did you"
        " mean 'named-two'?"
    )


def test_one_without_a_name(write):
    """It is left out, as by the stock client, and noted."""
    assert load_prefect_yaml(write(SEVERAL)).notes == (
        "line 6: without a name, so it is left out",
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "name: x\n",
        "deployments:\n",
        "deployments: []\n",
        "---\nname: null\ndeployments:\n  -  # base\n    name: null\n    schedule: {}\n"
        "    entrypoint: null\n    parameters: {}\n    work_pool: {name: null}\n",
        "deployments:\n-\n",
    ],
)
def test_files_without_deployments(write, text):
    """So are those that ``prefect init`` writes."""
    assert problems(load_prefect_yaml, write(text)) == [
        "there are no deployments with a name in it"
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- name: x", "line 1: must be a mapping, not a list"),
        ("hello", "line 1: must be a mapping, not text"),
        ("deployments: {name: x}", "line 1: deployments: must be a list, not a mapping"),
        ("deployments:\n- x", "line 2: deployments: must be a mapping, not text"),
        ("a: 1\n---\nb: 2", "line 3: here starts a second document; a prefect.yaml is one"),
        ("deployments:\n- name: x", "line 2: entrypoint is missing; give path/file.py:function"),
        ("a: [", "line 2, column 1: this is not YAML"),
        ("deployments: &d [*d]", "line 1: deployments: it contains itself"),
    ],
)
def test_files_of_another_form(write, text, problem):
    """The error says where, and what was expected."""
    (found,) = problems(load_prefect_yaml, write(text))
    assert found.startswith(problem)


def test_all_problems_at_once(write):
    """What has another form hides nothing of the others, and a name that is not clear counts."""
    path = write("""\
        deployments:
        - {name: a, entrypoint: "hello.py:other", tags: 5}
        - just text
        - {name: !!python/name:os.system x, entrypoint: "hello.py:other"}
    """)
    found = problems(load_prefect_yaml, path)
    assert [each[:13] for each in found] == ["line 2: tags:", "line 3: deplo", "line 4: name:"]
    assert len(problems(load_prefect_yaml, path, ["b"])) == 3
    (found,) = problems(load_prefect_yaml, write(SEVERAL), ["nope/named"])
    assert "did you mean" not in found


def test_scripts_beside_other_problems(write):
    """Scripts and flows that are not there are listed with what is wrong with the file."""
    path = write("""\
        deployments:
        - {name: a, entrypoint: "nope.py:other"}
        - {name: b, entrypoint: "hello.py:nope"}
        - {name: c, entrypoint: "hello.py:other", schedules: [{interval: 60}, {interval: 60}]}
        - {name: d, entrypoint: "hello.py:other"}
    """)
    found = problems(load_prefect_yaml, path)
    lines = ["line 2: entrypoint", "line 3: entrypoint", "line 4: schedules:"]
    assert [each[:18] for each in found] == lines


def test_missing_file(tmp_path):
    """A file that is not there is an error, not an empty one."""
    (problem,) = problems(load_prefect_yaml, tmp_path / "prefect.yaml")
    assert problem == "there is no such file"


# --- what flowpack does otherwise -------------------------------------------------------


def test_pull_is_replaced(write):
    """One note names the steps, of the file and of a deployment alike."""
    path = write("""\
        pull:
        - prefect.deployments.steps.git_clone: {repository: "{{ $NOT_SET }}"}
        - prefect.deployments.steps.pip_install_requirements: {directory: d}
        deployments:
        - {name: a, entrypoint: "hello.py:other"}
        - {name: b, entrypoint: "hello.py:other"}
        - {name: c, entrypoint: "hello.py:other", pull: {prefect.x.other_step: {}}}
        - {name: d, entrypoint: "hello.py:other", pull: null}
    """)
    assert load_prefect_yaml(path).notes == (
        "pull (git_clone, pip_install_requirements, other_step) is replaced: workers fetch the"
        " code that flowpack stores, and run none of these steps",
    )
    assert not load_prefect_yaml(path, ignore=["pull"]).notes
    assert not load_prefect_yaml(path, ["d"]).notes


STEPS = """\
build:
- prefect_docker.deployments.steps.build_docker_image: {id: build-image}
push: []
deployments:
- {name: a, entrypoint: "hello.py:other"}
- {name: b, entrypoint: "hello.py:other", build: null}
- {name: c, entrypoint: "hello.py:other", build: [], push: [{s: {}}], triggers: [{}], sla: [{}]}
"""


def test_what_flowpack_does_not_do(write):
    """Sections that are not empty are refused by name, unless they are ignored."""
    path = write(STEPS)
    assert [each.split(";")[0] for each in problems(load_prefect_yaml, path)] == [
        "line 1: build: flowpack runs no build steps",
        "line 7: push: flowpack runs no push steps",
        "line 7: triggers: flowpack makes no automations",
        "line 7: sla: flowpack sets no service levels",
    ]
    assert not load_prefect_yaml(path, ["b"]).notes
    (problem,) = problems(load_prefect_yaml, path, ["c"], ignore=["push", "sla"])
    assert "give --ignore triggers (ignore=) to deploy without" in problem
    at_top = write("triggers: [{}]\n" + SEVERAL)
    assert problems(load_prefect_yaml, at_top)[0].startswith("line 1: triggers: ")
    path = write(STEPS)
    every = ("build", "push", "triggers", "sla")
    assert len(load_prefect_yaml(path, ignore=every).specs) == 3


def test_keys_without_effect(write):
    """What the stock client passes over is noted with its lines and its right place."""
    path = write("""\
        deployments:
        - name: a
          entrypoint: hello.py:other
          job_variables: {image: x}
          flow_name: x
          version_type: vcs:git
          enforce_parameters_schema: true
          work_pool: {name: p, queue: x, work_queue_nam: y}
        - name: b
          entrypoint: hello.py:other
          job_variables: {image: x}
          something: x
          cron: x
          working_dir: /x
    """)
    assert load_prefect_yaml(path).notes == (
        "lines 4, 11: 'job_variables' has no effect here; it belongs under work_pool",
        "line 6: version_type is not sent",
        "line 7: 'enforce_parameters_schema' has no effect; did you mean"
        " 'enforce_parameter_schema'?",
        "line 8: 'work_pool.queue' has no effect",
        "line 8: 'work_pool.work_queue_nam' has no effect; did you mean 'work_queue_name'?",
        "line 12: 'something' has no effect",
        "line 13: 'cron' has no effect here; it belongs in an item of schedules",
        "line 14: 'working_dir' has no effect here; it belongs under job_variables of"
        " work_pool",
    )


@pytest.mark.parametrize(
    ("version", "enforced", "has_version", "paused"),
    [
        ("3.9.1", UNSET, True, UNSET),
        ("3.2.0", UNSET, False, UNSET),
        ("2.20.25", False, False, UNSET),
        ("2.14.21", False, False, True),
        ("2.10.21", False, False, True),
    ],
)
def test_what_clients_of_the_release_do(one, version, enforced, has_version, paused):
    """What the file leaves open is as the stock client of the server's release has it."""
    server = TodaysServer(version)
    keys = "schedule: {cron: 0 6 * * *, active: false}\nwork_pool: {name: pool}"
    with server.client() as client:
        spec = one(keys, flow_storage=SHARED).specs[0].validate(client)
        more = "version: x\ndescription: y\nenforce_parameter_schema: true"
        given = one(f"{keys}\n{more}", flow_storage=SHARED).specs[0].validate(client)
    assert spec.enforce_parameter_schema is enforced
    assert spec.version == (spec.flow.version if has_version else None)
    assert spec.description == spec.flow.description == "Say hello."
    assert (given.enforce_parameter_schema, given.version, given.description) == (True, "x", "y")
    assert spec.paused is paused
    assert spec.schedules[0].active is (paused is True)


# --- from Python ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prefect.yaml", "prefect.yml"])
def test_load_specs(write, name):
    """The file is known by its name, and its specs are collected by nobody."""
    path = write(SEVERAL, name)
    with collecting() as specs:
        assert len(load_specs(path)) == 4
    assert len(specs) == 4


def test_further_fields(one):
    """What a file does not have may be given for all deployments."""
    storage = LocalStorageBlock(storage_path="/x")
    (spec,) = one(flow_storage=storage, create_work_pool=True).specs
    assert (spec.flow_storage, spec.create_work_pool) == (storage, True)
    assert not one(replace_schedules=True).specs[0].replace_schedules
    assert one("schedules: []", replace_schedules=True).specs[0].replace_schedules


def test_other_names_are_spec_files(write):
    """A prefect.yaml of another name is not known; the error says how to give it."""
    found = problems(load_specs, write(SEVERAL, "prod.yaml"))
    assert any("--prefect-file" in each for each in found)
