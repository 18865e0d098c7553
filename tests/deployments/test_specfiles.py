"""Files of specs: what they may hold, and the errors of those that are wrong."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Dict
from uuid import UUID, uuid4

import attrs
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowpack import (
    UNSET,
    CronSchedule,
    DeploymentSchedule,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    FlowpackError,
    IntervalSchedule,
    RRuleSchedule,
    LocalStorageBlock,
    SubprocessFlowRunner,
    TempStorageBlock,
    deploy,
    plan,
)
from flowpack.deployments import datafiles
from flowpack.deployments.datafiles import parse_yaml
from flowpack.deployments.specfiles import KEYS, is_spec_file, load_specs, runs_code
from flowpack.deployments.spec import collecting
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    ScriptError,
    SpecError,
    printable,
)

DATA = Path(__file__).parent / "data"
ID = UUID("7c0e1c6e-3c0b-4f5e-9c53-5c8b7f1f2a11")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file of specs and returns its path."""

    def write(name, text):
        path = tmp_path / name
        content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
        path.write_bytes(content)
        return path

    return write


def problems(path):
    """Return what is wrong with the file at *path*."""
    with pytest.raises(SpecError) as caught:
        load_specs(path)
    assert caught.value.where == str(path)
    assert str(caught.value).startswith(f"{printable(path)}: ")
    return list(caught.value.problems)


def only_problem(path):
    """Return the one thing that is wrong with the file at *path*."""
    (problem,) = problems(path)
    return problem


def yaml_parameters(write, text):
    """Return the parameters in a YAML file of one spec."""
    path = write("deploy.yaml", f"flow_location: a.py\nparameters:\n  {text}\n")
    (spec,) = load_specs(path)
    return spec.parameters


# What a file holds


def test_reference_file():
    """A file that the reference deployed is read as it was there."""
    one, two = load_specs(DATA / "deploy.yaml")
    script = str(DATA / "pair.py")
    assert one == DeploymentSpec(
        name="yaml-one",
        flow_location=script,
        flow_name="first-flow",
        flow_runner=SubprocessFlowRunner(),
        tags=["a"],
        parameters={"x": 7},
        schedule=IntervalSchedule(3600),
    )
    assert two == DeploymentSpec(
        name="yaml-two",
        flow_location=script,
        flow_name="Second Flow",
        flow_runner=SubprocessFlowRunner(stream_output=False, env={"COLOR": "blue"}),
        schedule=CronSchedule("0 6 * * *", timezone="Europe/Paris"),
    )


def test_source_is_file_and_line():
    """Each spec has the line on which its document starts."""
    sources = [spec.source for spec in load_specs(DATA / "deploy.yaml")]
    assert sources == [f"{DATA / 'deploy.yaml'}:{line}" for line in (1, 13)]


WRITTEN: Dict[str, Any] = {
    "name": "nightly",
    "flow_name": "first-flow",
    "flow_location": "pair.py",
    "parameters": {"x": 1, "deep": [{"y": None}, 1.5, True, "é"]},
    "schedule": {"interval": 60, "anchor_date": "2020-01-01T00:00:00+01:00"},
    "tags": ["a", "b"],
    "paused": True,
    "flow_runner": {"type": "docker", "config": {"image": "me/mine:1"}},
    "flow_storage": str(ID),
}


@pytest.mark.parametrize("suffix", [".json", ".yaml", ".yml", ".YAML"])
def test_every_key(write, tmp_path, suffix):
    """A file can hold all fields of a spec, and JSON is YAML too."""
    (spec,) = load_specs(write(f"deploy{suffix}", json.dumps(WRITTEN)))
    assert spec == DeploymentSpec(
        name="nightly",
        flow_name="first-flow",
        flow_location=tmp_path / "pair.py",
        parameters=WRITTEN["parameters"],
        schedule=IntervalSchedule(
            timedelta(minutes=1),
            anchor_date=datetime(2019, 12, 31, 23, tzinfo=timezone.utc),
        ),
        tags=("a", "b"),
        paused=True,
        flow_runner=DockerFlowRunner(image="me/mine:1"),
        flow_storage=ID,
    )


def test_keys_are_the_fields_of_a_spec():
    """Files take a new field of DeploymentSpec at once."""
    fields = {field.name for field in attrs.fields(DeploymentSpec)}
    assert set(KEYS) == fields - {"flow", "packager", "source"} | {"project"}
    assert set(WRITTEN) <= set(KEYS)


def test_left_out_is_unset(write):
    """A key that is left out is kept as the server has it, and null clears."""
    (spec,) = load_specs(write("deploy.yaml", "flow_location: a.py\ntags:\n"))
    assert spec.tags == ()
    assert spec.parameters is UNSET
    assert spec.schedule is UNSET
    assert spec.paused is UNSET


@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [
        (".json", '\n\n{"flow_location": "a.py"}', [3]),
        (".json", '[{"flow_location": "a"},\n\n\n {"flow_location": "b"}]', [1, 4]),
        (".json", '[\r\n{"flow_location": "a"}]\r\n', [2]),
        (".yaml", "# first\n---\n# second\nflow_location: a", [4]),
        (".yaml", "- flow_location: a\n  name: x\n- flow_location: b\n", [1, 3]),
        (".yaml", "---\nflow_location: a\n---\n---\nflow_location: b\n...\n", [2, 5]),
        (".yaml", "flow_location: a\r\n---\r\nflow_location: b\r\n", [1, 3]),
        (".yaml", "\ufeffflow_location: a", [1]),
        (".json", '\ufeff{"flow_location": "a"}', [1]),
    ],
    ids=[
        "json object",
        "json list",
        "json crlf",
        "yaml comments",
        "yaml list",
        "yaml empty document",
        "yaml crlf",
        "yaml bom",
        "json bom",
    ],
)
def test_layouts(write, suffix, text, lines):
    """One spec or many, in documents or lists, are found with their lines."""
    path = write(f"deploy{suffix}", text.encode())
    assert [spec.source for spec in load_specs(path)] == [f"{path}:{n}" for n in lines]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("flow.py", "{folder}/flow.py"),
        ("./flows/../flow.py", "{folder}/flow.py"),
        ("/srv/flow.py", "/srv/flow.py"),
        ("~/flow.py", "{home}/flow.py"),
        ("file:///srv/flow.py", "/srv/flow.py"),
        ("https://example.invalid/flow.py", "https://example.invalid/flow.py"),
    ],
)
def test_relative_location(write, tmp_path, monkeypatch, written, meant):
    """It does not matter from where a file is deployed."""
    monkeypatch.chdir("/")
    (spec,) = load_specs(write("deploy.json", json.dumps({"flow_location": written})))
    home = os.environ["HOME"]
    assert spec.flow_location == meant.format(folder=tmp_path, home=home)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("./store", lambda folder: LocalStorageBlock(str(folder / "store"))),
        ("file:store", lambda folder: FileStorageBlock(str(folder / "store"))),
        ("file:///srv/a%20b", lambda folder: FileStorageBlock("/srv/a b")),
        ("temp:", lambda folder: TempStorageBlock()),
        (f"block:{ID}", lambda folder: ID),
        (str(ID), lambda folder: ID),
    ],
    ids=["folder", "file:", "file url", "temp:", "block:", "id"],
)
def test_storage(write, tmp_path, monkeypatch, written, meant):
    """A storage is given as on the command line; folders are relative to the file."""
    monkeypatch.chdir("/")
    content = {"flow_location": "a.py", "flow_storage": written}
    (spec,) = load_specs(write("deploy.json", json.dumps(content)))
    assert spec.flow_storage == meant(tmp_path)


def test_storage_by_name(write, tmp_path, client):
    """The names of a storage are looked up when the spec is validated."""
    saved = FileStorageBlock(str(tmp_path / "store")).save("prod", client)
    write("a.py", "from prefect import flow\n\n@flow\ndef f(): ...\n")
    text = "flow_location: a.py\nflow_storage: block:File Storage/prod\n"
    (spec,) = load_specs(write("deploy.yaml", text))
    (step,) = plan(spec, client).steps
    assert step.package and step.package.storage.document_id == saved.document_id


def test_unknown_storage_name(write, client):
    """A name that the server does not know is found before anything is written."""
    write("a.py", "from prefect import flow\n\n@flow\ndef f(): ...\n")
    text = "flow_location: a.py\nflow_storage: block:Local Storage/nope\n"
    specs = load_specs(write("deploy.yaml", text)) * 2
    with pytest.raises(SpecError, match=r"nope.*404.*deploy.yaml:1\)"):
        deploy(specs, client)


def test_runner_by_its_type(write):
    """A runner without settings is given by its type."""
    (spec,) = load_specs(write("a.yaml", "flow_location: a\nflow_runner: subprocess"))
    assert spec.flow_runner == SubprocessFlowRunner()


def test_no_flow_is_loaded(write):
    """JSON and YAML are read without a look at the scripts that they name."""
    write("a.py", "raise SystemExit('ran')")
    load_specs(write("a.yaml", "flow_location: a.py"))
    load_specs(write("b.yaml", "flow_location: not-there.py"))


def test_specs_count_for_a_file_that_loads_another(write):
    """A Python file may take specs from YAML; each is collected once."""
    path = write("a.yaml", "flow_location: a.py\nname: x\ntags: [b]\n")
    with collecting() as found:
        (spec,) = load_specs(path)
    assert found == [spec]


# All problems at once, with their lines


def test_all_problems_at_once(write):
    """The error has every problem of every document, in the order of the file."""
    path = write(
        "deploy.yaml",
        """\
        name: a/b
        flow_locatoin: x.py
        schedule:
          interval: -1
        tags: text
        ---
        - flow_location: x.py
          paused: 1
          flow: me
          flow_runner: {type: nope}
        - just text
        - flow_location:
          parameters: {x: .nan, y: {1: 2}}
        """,
    )
    found = problems(path)
    assert [problem.partition(":")[0] for problem in found] == [
        f"line {n}" for n in (1, 1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 13)
    ]
    wanted = [
        "name: the name 'a/b' contains /",
        "flow_location is missing",
        "has no 'flow_locatoin'; did you mean 'flow_location'?",
        "schedule: the interval",
        "tags: must be a list of texts, not str",
        "paused: must be true or false",
        "'flow' can be given in Python only",
        "flow_runner: no flow runner has the type 'nope'",
        "expected a mapping with name, flow_name, flow_location, ..., not text",
        "flow_location: give the path",
        "parameters.x: numbers must be finite",
        "parameters.y: a key is a number",
    ]
    assert all(message in problem for message, problem in zip(wanted, found))


def test_problem_does_not_hide_others_of_its_field(write):
    """Two values of one field are two problems."""
    text = "flow_location: a\nparameters:\n  x: no\n  y:\n    z: 1:30\n"
    path = write("a.yaml", text)
    assert [problem[:24] for problem in problems(path)] == [
        "line 3: parameters.x: re",
        "line 5: parameters.y.z: ",
    ]


def test_many_problems_are_cut(write):
    """A message stays of bounded length."""
    path = write("a.json", json.dumps([1] * 100_000))
    found = problems(path)
    assert len(found) == datafiles.MOST_PROBLEMS + 1
    assert found[-1] == "and more"


JSON_ERRORS = {
    "syntax": ('{"name": "x",\n "tags": [1,]\n}', "line 2, column 1[23]: .*not JSON"),
    "no comma": ("[{}\n {}]", "line 2, column 2: this is not JSON"),
    "no colon": ('{"name" "x"}', "line 1, column 9: this is not JSON"),
    "bare key": ("{name: 1}", "line 1, column 2: this is not JSON"),
    "unclosed": ('{"name": "x"', "line 1, column 13"),
    "after the end": ('{}\n{}', "line 2, column 1: this is not JSON"),
    "nothing but text": ('"name"', "line 1: expected a mapping .* not text"),
    "null in a list": ("[null]", "line 1: expected a mapping .* not null"),
    "list in a list": ("[[]]", "line 1: expected a mapping .* not a list"),
    "NaN": ('{"flow_location": "a",\n"tags": [NaN]}', r"line 2: tags\[0\]: this num"),
    "overflow": ('{"flow_location": "a", "tags": [1e999]}', r"tags\[0\]: numbers"),
    "control": ('{"name": "a\nb"}', "line 1, column 12: this is not JSON"),
    "half a pair": (
        '{"flow_location": "a", "parameters": {"x": "\\ud800"}}',
        "line 1: parameters: at x: the text holds half a surrogate pair",
    ),
    "double key": (
        '{"flow_location": "a",\n "parameters": {"x": 1,\n "x": 2}}',
        "line 3: parameters: the key 'x' stands twice, first on line 2",
    ),
    "double field": (
        '{"flow_location": "a",\n "flow_location": "b"}',
        "line 2: the key 'flow_location' stands twice, first on line 1",
    ),
    "deep": ("[" * 100_000, "nested more than 200 levels"),
    "deep value": (
        '{"flow_location": "a", "parameters": {"x": ' + "[" * 201 + "]" * 201 + "}}",
        "nested more than 200 levels",
    ),
}


@pytest.mark.parametrize(("text", "message"), JSON_ERRORS.values(), ids=JSON_ERRORS)
def test_bad_json(write, text, message):
    """The error of a JSON file is one line, with the place."""
    with pytest.raises(SpecError, match=message):
        load_specs(write("deploy.json", text.encode()))
    assert len(problems(write("deploy.json", text.encode()))) == 1


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("limit", [0, 4300])
def test_long_number(write, suffix, limit, request):
    """A number of thousands of digits is refused, whether this Python does or not."""
    if hasattr(sys, "set_int_max_str_digits"):
        request.addfinalizer(
            lambda old=sys.get_int_max_str_digits(): sys.set_int_max_str_digits(old)
        )
        sys.set_int_max_str_digits(limit)
    digits = "9" * 10_000
    text = '{"flow_location": "a", "parameters": {"x": %s}}' % digits
    problem = only_problem(write(f"deploy{suffix}", text))
    assert "too long to be read" in problem
    assert digits[:100] not in problem


YAML_ERRORS = {
    "syntax": ("name: [a\nb: c", "line 2, column 2: this is not YAML"),
    "tab": ("name:\n\t- x", "line 2, column 1: this is not YAML"),
    "undefined alias": ("name: *nobody", "line 1.*undefined alias"),
    "recursion": ("flow_location: a\nparameters: &a\n  x: *a", "line 2.*contains itself"),
    "NUL": ("name: é\nb: \0\n\n", "line 2: .*not YAML: .* control character"),
    "escape": ('name: "\\UFFFFFFFF"', "line 1.*this is not YAML: .* escape"),
    "text": ("just text", "line 1: expected a mapping .* not text"),
    "flag": ("- true", "line 1: expected a mapping .* not a truth value"),
    "python tag": ("!!python/object/apply:os.system\n- ls", "line [12]: readers of YAML do not"),
    "deep": ("- " * 300, "nested more than 200 levels"),
    "deep flow": ("[" * 100_000, "nested more than 200 levels"),
    "deep mappings": ("{a: " * 2000, "nested more than 200 levels"),
    "deep keys": ("? " * 2000, "nested more than 200 levels"),
    "deep on many lines": ("[\n" * 2000 + "]\n" * 2000, "line [0-9]+, column 1: nested"),
    "deep in a value": ("x: " + "[" * 1500 + "]" * 1500, "nested more than 200 levels"),
}

YAML_FIELD_ERRORS = {
    "tag": ("name: !!binary YQ==", "line 2: name: readers of YAML do not"),
    "text tag": ("parameters: {x: !!str 12}", "line 2: parameters.x: readers of YAML do not"),
    "int tag": ("parameters: {x: !!int '5'}", "line 2: parameters.x: readers of YAML do not"),
    "date": ("parameters: {x: 2020-01-01}", "line 2: parameters.x: readers of YAML do not"),
    "time": (
        "parameters:\n- x: 2020-01-01 00:00:00Z",
        r"line 3: parameters\[0\].x: readers of YAML do not agree",
    ),
    "date as name": ("name: 2020-01-01", "line 2: name: readers of YAML do not"),
    "day as time": (
        "schedule: {interval: 1, anchor_date: 2020-01-01}",
        "line 2: schedule: the anchor date '2020-01-01' .* is no time",
    ),
    "yes": ("parameters: {x: yes}", "line 2: parameters.x: readers of YAML do not"),
    "Norway": ("tags: [SE, NO]", r"line 2: tags\[1\]: readers of YAML do not"),
    "on as key": ("parameters: {on: 1}", "line 2: parameters: the key 'on' is not cl"),
    "octal": ("parameters: {x: 0123}", "line 2: parameters.x: readers of YAML do not"),
    "zip code": ("parameters: {x: 08540}", "line 2: parameters.x: readers of YAML do not"),
    "negative hex": ("parameters: {x: -0x1F}", "line 2: parameters.x: readers of YAML do not"),
    "base 60": ("parameters: {x: 12:30}", "line 2: parameters.x: readers of YAML do not"),
    "underscore": ("parameters: {x: 1_000}", "line 2: parameters.x: readers of YAML do not"),
    "exponent": ("parameters: {x: 1e3}", "line 2: parameters.x: readers of YAML do not"),
    "number as tag": ("tags: [1.10]", "line 2: tags: item 1 must be text, not float"),
    "infinity": ("parameters: {x: -.inf}", "line 2: parameters.x: numbers must be fin"),
    "double key": (
        "parameters:\n  x: 1\n  x: 2",
        "line 4: parameters: the key 'x' stands twice, first on line 3",
    ),
    "list as key": ("parameters: {[1]: 2}", "line 2: parameters: a key is a list"),
    "null as key": ("parameters: {~: 2}", "line 2: parameters: a key is null"),
    "merged text": ("<<: b", "line 2: << takes a mapping"),
    "merge as value": ("name: <<", "line 2: name: << stands for a merge"),
}
YAML_ERRORS.update(
    (name, (f"flow_location: a\n{text}", message))
    for name, (text, message) in YAML_FIELD_ERRORS.items()
)


@pytest.mark.parametrize(("text", "message"), YAML_ERRORS.values(), ids=YAML_ERRORS)
def test_bad_yaml(write, text, message):
    """The error of a YAML file is one line, with the place."""
    path = write("deploy.yaml", text.encode())
    with pytest.raises(SpecError, match=message):
        load_specs(path)
    assert len(problems(path)) == 1


#: PyYAML may have been built without libyaml.
LOADERS = [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("depth", [201, 1000, 1001, 20_000])
def test_own_nesting_limit(loader, depth):
    """flowpack's limit to nesting holds, whatever limit the parser has."""
    with pytest.raises(SpecError, match="nested more than 200 levels deep") as caught:
        parse_yaml("x: " + "[" * depth, "here", loader)
    assert "not YAML" not in str(caught.value)
    (document,) = parse_yaml("x: " + "[" * 190 + "]" * 190, "here", loader)
    assert document == parse_yaml(f"x: {'[' * 190}{']' * 190}", "here")[0]


@pytest.mark.parametrize("loader", LOADERS)
def test_both_parsers_of_pyyaml(loader):
    """It does not matter whether PyYAML was built with libyaml."""
    text = (DATA / "deploy.yaml").read_text()
    assert parse_yaml(text, "here", loader) == parse_yaml(text, "here")
    for text in ('x: "\\UFFFFFFFF"', "x: \x00", "%YAML 9" + "9" * 9999, "a: !%ff b"):
        with pytest.raises(SpecError, match="here: (line 1.*)?this is not YAML"):
            parse_yaml(text, "here", loader)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("x: true", True),
        ("x: False", False),
        ("x: null", None),
        ("x:", None),
        ("x: 'no'", "no"),
        ("x: y", "y"),
        ("x: 12", 12),
        ("x: 0x1F", 31),
        ("x: 1.50", 1.5),
        ("x: 1.0e+3", 1000.0),
        ("x: '1e3'", "1e3"),
        ("x: !!int 12", 12),
        ("x: =", "="),
        ("x: 1.2.3", "1.2.3"),
        ("x: '2020-01-01'", "2020-01-01"),
        ("x: |\n    two\n    lines", "two\nlines\n"),
        ("x: 123456789012345678901234567890", 123456789012345678901234567890),
    ],
)
def test_yaml_values(write, text, meant):
    """What all readers of YAML agree on is taken, and as they take it."""
    value = yaml_parameters(write, text)["x"]
    assert (value, type(value)) == (meant, type(meant))


def test_yaml_words_where_flags_are_meant(write):
    """``yes`` is clear where nothing but true or false can stand."""
    text = """\
        flow_location: a.py
        paused: yes
        schedule: {cron: "@daily", day_or: off}
        flow_runner: {type: docker, config: {stream_output: no, auto_remove: on}}
        """
    (spec,) = load_specs(write("a.yaml", text))
    assert spec.paused is True
    assert spec.schedule == CronSchedule("@daily", day_or=False)
    assert spec.flow_runner == DockerFlowRunner(stream_output=False, auto_remove=True)


def test_yaml_times_where_times_are_meant(write):
    """A schedule's times need no quotes."""
    text = """\
        flow_location: a.py
        schedule: {interval: 1:30:00, anchor_date: 2020-01-01T00:00:00+00:00}
        """
    (spec,) = load_specs(write("a.yaml", text))
    anchor = datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert spec.schedule == IntervalSchedule(5400, anchor_date=anchor)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_list_of_schedules(write, suffix):
    """An item is a text or a mapping as in prefect.yaml."""
    schedules = [
        "0 6 * * *",
        {"interval": 3600, "active": False, "slug": "hourly"},
        {"rrule": "FREQ=DAILY", "parameters": {"x": 1}, "max_scheduled_runs": 2},
    ]
    entry = {
        "flow_location": "a.py",
        "schedules": schedules,
        "replace_schedules": True,
    }
    (spec,) = load_specs(write(f"a{suffix}", json.dumps(entry)))
    assert spec.replace_schedules is True
    assert spec.schedules == (
        DeploymentSchedule(CronSchedule("0 6 * * *")),
        DeploymentSchedule(IntervalSchedule(3600), active=False, slug="hourly"),
        DeploymentSchedule(RRuleSchedule("FREQ=DAILY"), True, {"x": 1}, None, 2),
    )
    entry["schedules"] = []
    (spec,) = load_specs(write(f"a{suffix}", json.dumps(entry)))
    assert spec.schedules == ()


def test_yaml_list_of_schedules(write):
    """Its times and flags need no quotes, either, nor does a text."""
    text = """\
        flow_location: a.py
        replace_schedules: no
        schedules:
        - 1:30:00
        - interval: 2:00:00
          anchor_date: 2020-01-01T00:00:00+00:00
          active: off
        - {cron: 0 6 * * *, day_or: no}
        - FREQ=DAILY
        """
    (spec,) = load_specs(write("a.yaml", text))
    anchor = datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert spec.replace_schedules is False
    assert spec.schedules == (
        DeploymentSchedule(IntervalSchedule(5400)),
        DeploymentSchedule(IntervalSchedule(7200, anchor_date=anchor), active=False),
        DeploymentSchedule(CronSchedule("0 6 * * *", day_or=False)),
        DeploymentSchedule(RRuleSchedule("FREQ=DAILY")),
    )
    (spec,) = load_specs(write("b.yaml", "{flow_location: a.py, schedule: 1:30:00}"))
    assert spec.schedule == IntervalSchedule(5400)


def test_problems_of_schedules_carry_their_lines(write):
    """Each is told on the line of its item."""
    text = """\
        flow_location: a.py
        schedules:
        - noon
        - cron: 0 6 * * *
          parameters: {x: no}
        ---
        flow_location: a.py
        schedules:
        - 0 6 * * *
        - cron: 0 7 * * *
          catchup: true
        ---
        flow_location: a.py
        schedule: "@daily"
        schedules: ["@daily"]
        ---
        flow_location: a.py
        schedules: ["@daily", 0 0 * * *, "@daily"]
        replace_schedules: perhaps
        """
    wanted = [
        (5, "schedules[1].parameters.x: readers of YAML do not"),
        (10, "schedules: item 2: a schedule with 'cron' has no 'catchup'"),
        (15, "schedules: schedule is given, too"),
        (18, "schedules: items 1 and 3 are equal"),
        (19, "replace_schedules: must be true or false"),
    ]
    found = problems(write("a.yaml", text))
    assert len(found) == len(wanted)
    for problem, (line, message) in zip(found, wanted):
        assert problem.startswith(f"line {line}: {message}")


def test_yaml_merges(write):
    """Deployments may share what they have in common; what is written wins."""
    text = """\
        - &common
          name: a
          flow_location: a.py
          parameters: &parameters {x: 1, y: 2}
          tags: [t]
        - <<: *common
          name: b
          parameters: {<<: [*parameters, {x: 7, z: 8}], y: 3}
        """
    one, two = load_specs(write("a.yaml", text))
    assert two == attrs.evolve(one, name="b", parameters={"x": 1, "y": 3, "z": 8})


BOMB = "&a [x, x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"  {one}: &{one} [{', '.join([f'*{before}'] * 10)}]"
    for before, one in zip("abcdefgh", "bcdefghi")
)
MERGES = "&m0 {a: 1}\n" + "\n".join(
    f"  m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}]}}" for n in range(1, 60)
)


@pytest.mark.parametrize("text", [BOMB, MERGES], ids=["aliases", "merges"])
def test_yaml_bombs(write, text):
    """A few lines that stand for billions of values are refused."""
    path = write("a.yaml", f"flow_location: a\nparameters:\n  a: {text}\n")
    assert "holds more than" in only_problem(path)


def test_many_merges(write):
    """A merge of a merge, and so on without end in sight, is refused."""
    chain = "\n".join(f"  m{n}: &m{n} {{<<: *m{n - 1}}}" for n in range(1, 5000))
    path = write("a.yaml", f"flow_location: a\nparameters:\n  m0: &m0 {{}}\n{chain}")
    assert "nested more than 200 levels deep" in problems(path)[0]


@pytest.mark.parametrize("secret", ["0123456", "[hunter2]", "2020-01-01", "!x hunter2"])
def test_values_are_not_shown(write, secret):
    """An environment's values may be secret, so no message shows them."""
    runner = f"{{type: subprocess, config: {{env: {{KEY: {secret}}}}}}}"
    path = write("a.yaml", f"flow_location: a\nflow_runner: {runner}")
    problem = only_problem(path)
    assert secret.strip("[]!x ") not in problem


def test_yaml_needs_the_extra(write, monkeypatch):
    """Without PyYAML the error names what to install; JSON needs none."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    problem = only_problem(write("a.yaml", "flow_location: a.py"))
    assert problem.endswith("pip install 'flowpack[yaml]'")
    load_specs(write("a.json", '{"flow_location": "a.py"}'))


# Files that cannot be read


@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
@pytest.mark.parametrize("text", ["", " \n\n", "[]"], ids=["empty", "blank", "list"])
def test_no_deployments(write, name, text):
    """An empty file is an error, for nobody means that."""
    assert only_problem(write(name, text)) == "there are no deployments in it"


@pytest.mark.parametrize("text", ["# only this", "---\n---\n", "~"])
def test_empty_documents(write, text):
    """Comments and empty documents are nothing."""
    assert "no deployments" in only_problem(write("a.yaml", text))


@pytest.mark.parametrize("name", ["a.toml", "a", "a.txt", ".yaml"])
def test_other_suffixes(write, name):
    """The suffix decides, and the error lists those there are."""
    path = write(name, "flow_location: a.py")
    assert ".py, .json, .yaml, .yml" in only_problem(path)


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n\xff", "line 2: this is not UTF-8"),
        ("name: é".encode("latin-1"), "line 1: this is not UTF-8"),
        ("{}".encode("utf-16"), "line 1: this is not UTF-8"),
        (b"#" * (datafiles.SIZE_LIMIT + 1), "too long"),
    ],
    ids=["bytes", "latin-1", "utf-16", "long"],
)
def test_content_that_is_not_text(write, suffix, content, message):
    """What is not UTF-8, or endless, is an error."""
    assert message in only_problem(write(f"a{suffix}", content))


def test_missing_file(tmp_path):
    """A file that is not there is named."""
    assert only_problem(tmp_path / "a.json") == "there is no such file"
    with pytest.raises(DiscoveryError, match="no such file"):
        load_specs(tmp_path / "a.py")


def test_folder(tmp_path):
    """A folder is no file of specs."""
    (tmp_path / "a.json").mkdir()
    assert "folder" in only_problem(tmp_path / "a.json")


@pytest.mark.skipif(sys.platform == "win32", reason="has no FIFOs")
def test_fifo(tmp_path):
    """A FIFO without a writer does not keep us waiting."""
    os.mkfifo(tmp_path / "a.yaml")
    assert "no regular file" in only_problem(tmp_path / "a.yaml")


def test_path_with_nul():
    """What is no path at all is an error of ours."""
    assert "no path" in only_problem("a\0.json")


def test_unreadable_file(tmp_path):
    """The error has the reason of the system."""
    assert "cannot be read: " in only_problem(tmp_path / f"{'a' * 300}.json")


def test_relative_path(write, tmp_path, monkeypatch):
    """Messages name the file as it was given; specs carry where it is."""
    write("a.yaml", "flow_location: a.py")
    monkeypatch.chdir(tmp_path)
    (spec,) = load_specs("a.yaml")
    assert spec.source == f"{tmp_path / 'a.yaml'}:1"
    write("a.yaml", "")
    assert only_problem("a.yaml")


# Python files

INLINE = """\
from flowpack import DeploymentSpec, SubprocessFlowRunner, flow

@flow
def inline_flow(n: int = 3):
    return n

DeploymentSpec(
    flow=inline_flow,
    name="inline",
    parameters={"n": 5},
    flow_runner=SubprocessFlowRunner(),
)
for name in ("a", "b"):
    DeploymentSpec(flow=inline_flow, name=name)

def not_called():
    DeploymentSpec(name="never")

if __name__ == "__main__":
    DeploymentSpec(name="never either")
"""


def test_python_file(write, client):
    """Specs are collected in order, and a flow of the same file is found in it."""
    path = write("deploy.py", INLINE)
    specs = load_specs(path)
    assert [spec.name for spec in specs] == ["inline", "a", "b"]
    assert specs[0].parameters == {"n": 5}
    assert [spec.source for spec in specs] == [f"{path}:{n}" for n in (7, 14, 14)]
    complete = attrs.evolve(
        specs[0], flow_storage=FileStorageBlock(str(path.parent / "store"))
    ).validate(client)
    assert complete.flow.script.content == path.read_bytes()
    assert complete.flow_name == "inline-flow"


@pytest.mark.parametrize(
    "flows", ["", "@flow\ndef a(): ...\n@flow\ndef b(): ...\n"], ids=["none", "two"]
)
def test_python_file_about_other_flows(write, tmp_path, monkeypatch, flows):
    """Which flows the file defines itself is all the same; paths are Python's."""
    path = write(
        "deploy.py",
        "from flowpack import DeploymentSpec, flow\n"
        f"{flows}DeploymentSpec(flow_location='pair.py', flow_name='first-flow')\n",
    )
    monkeypatch.chdir(DATA)
    (spec,) = load_specs(path)
    assert spec.flow_location == str(DATA / "pair.py")


def test_python_file_without_specs(write):
    """A file that makes none is an error."""
    path = write("deploy.py", "x = 1\n")
    with pytest.raises(SpecError, match="it has no deployments") as caught:
        load_specs(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "line", ["1 / 0", "raise SystemExit(3)", "import not_there"], ids=str
)
def test_python_file_that_fails(write, line):
    """What the file raises is the cause of one error that names it."""
    path = write("deploy.py", f"from flowpack import DeploymentSpec\n{line}\n")
    with pytest.raises(ScriptError, match="deploy.py") as caught:
        load_specs(path)
    assert caught.value.__cause__ is caught.value.user_exc


def test_bad_spec_in_python_file(write):
    """The error of a spec that cannot be right has its line."""
    path = write(
        "deploy.py",
        """\
        from flowpack import DeploymentSpec

        def make(name):
            return DeploymentSpec(name=name)

        make("a")
        make("b/c")
        """,
    )
    with pytest.raises(DeploymentValidationError, match="'b/c' contains /") as caught:
        load_specs(path)
    assert caught.value.where == f"{path}:4"
    assert isinstance(caught.value.__cause__, ScriptError)


def test_broken_python_file(write):
    """A file that is no Python is named with the line."""
    path = write("deploy.py", "from flowpack import DeploymentSpec\nDeploymentSpec(\n")
    with pytest.raises((DiscoveryError, ScriptError), match="deploy.py"):
        load_specs(path)


# Which files are files of specs


@pytest.mark.parametrize(
    "source",
    [
        "from flowpack import DeploymentSpec\nDeploymentSpec()",
        "from flowpack import DeploymentSpec as D\nspecs = [D(name=n) for n in 'ab']",
        "from flowpack import *\nDeploymentSpec()",
        "import flowpack\nflowpack.DeploymentSpec()",
        "import flowpack as fp\nfp.DeploymentSpec()",
        "import flowpack.deployments.spec\nflowpack.DeploymentSpec()",
        "import flowpack.deployments.spec as s\ns.DeploymentSpec()",
        "from flowpack.deployments import spec\nspec.DeploymentSpec()",
        "from flowpack.deployments.spec import DeploymentSpec\nDeploymentSpec()",
        "def f():\n from flowpack import DeploymentSpec as D\n D()\nf()",
        "try:\n from flowpack import DeploymentSpec\nexcept ImportError: raise\n"
        "DeploymentSpec()",
        "# coding: latin-1\n# \xe9\n"
        "from flowpack import DeploymentSpec\nDeploymentSpec()",
        "from flowpack import DeploymentSpec as D\nSpec = D\nSpec()",
        "import flowpack\nmake = flowpack.DeploymentSpec\nfor n in 'ab': make(name=n)",
        "import os\nfrom flowpack import DeploymentSpec as D\nif os.environ:\n D()",
        "import flowpack\nclass A:\n x = flowpack.DeploymentSpec()",
    ],
)
def test_spec_file(write, source):
    """Who imports flowpack's DeploymentSpec and calls it makes specs."""
    assert is_spec_file(write("a.py", source.encode("latin-1")))


@pytest.mark.parametrize(
    "source",
    [
        "",
        "from flowpack import flow\n# DeploymentSpec()",
        "from flowpack import DeploymentSpec",
        "from flowpack import DeploymentSpec\ndef f(spec: DeploymentSpec): ...",
        "def DeploymentSpec(): ...\nDeploymentSpec()",
        "import flowpack\nflowpack.deploy('DeploymentSpec')",
        "from prefect.deployments import DeploymentSpec\nDeploymentSpec()",
        "from .flowpack import DeploymentSpec\nDeploymentSpec()",
        "from flowpack import DeploymentSpec\nif __name__ == '__main__':\n"
        "    DeploymentSpec().create()",
        "from flowpack import DeploymentSpec\nDeploymentSpec(",
        "from flowpack import DeploymentSpec\nDeploymentSpec()\0",
        "from flowpack import DeploymentSpec\ndef DeploymentSpec(): ...\nDeploymentSpec()",
        "from flowpack import DeploymentSpec\ndef f(DeploymentSpec):\n DeploymentSpec()",
        "from flowpack import DeploymentSpec\nif False:\n DeploymentSpec()",
    ],
)
def test_no_spec_file(write, source):
    """A script to deploy is not run, nor what cannot be parsed."""
    assert not is_spec_file(write("a.py", source.encode()))


def test_suffix_tells(tmp_path):
    """JSON and YAML are data, whatever is in them; only Python is run."""
    names = ["a.json", "a.yaml", "a.yml", "a.YML", "a.toml", "a", "a.py"]
    assert [is_spec_file(tmp_path / name) for name in names] == [True] * 4 + [False] * 3
    assert [runs_code(tmp_path / name) for name in names] == [False] * 6 + [True]
    assert not is_spec_file(DATA / "deploy_inline.py")


# Whatever is in a file

_SCRAPS = [
    *("name: ", "flow_location: a.py\n", "parameters: ", "schedule: ", "tags: "),
    *("- ", "\n", "  ", "{", "}", "[", "]", ",", ": ", "? ", "&a ", "*a", "<<: "),
    *('"', "'", "\\", "\\ud800", "\\x", "|", ">", "!", "!!int ", "!%ff", "%YAML 1.1\n"),
    *("---\n", "...\n", "#", "\t", "\r", "\x85", "\u2028", "\ufeff", "\0", "é"),
    *("0x", "1:30", "1e999", ".nan", "no", "2020-01-01", "~", "=", "@", "null", "NaN"),
    *('{"flow_location": "a"', "interval", "cron", '"type": ', "flow_runner: "),
]


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@given(
    content=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.sampled_from(_SCRAPS), max_size=20)
        .map("".join)
        .map(str.encode),
    )
)
def test_any_content(tmp_path_factory, suffix, content):
    """Whatever a file holds, there are specs or there is an error of ours."""
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    try:
        specs = load_specs(path)
    except FlowpackError as exc:
        assert str(exc).isprintable() or "\n" in str(exc)
    else:
        assert specs


_JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(
    spec=st.dictionaries(
        st.sampled_from(KEYS),
        _JSON
        | st.fixed_dictionaries({"interval": _JSON}, optional={"timezone": _JSON})
        | st.fixed_dictionaries({"cron": _JSON}, optional={"day_or": _JSON})
        | st.fixed_dictionaries({"rrule": _JSON})
        | st.fixed_dictionaries(  # type: ignore[misc,unused-ignore]
            {"type": st.sampled_from(["docker", "kubernetes"])},
            optional={
                "config": st.dictionaries(
                    st.sampled_from(["env", "image", "job", "labels"]), _JSON
                )
            },
        ),
    )
)
def test_any_values(tmp_path_factory, spec):
    """Whatever the fields hold, there are specs or there is an error of ours."""
    path = tmp_path_factory.getbasetemp() / "values.json"
    path.write_text(json.dumps(spec))
    try:
        load_specs(path)
    except FlowpackError as exc:
        assert str(exc).startswith(str(path))


@given(parameters=st.dictionaries(st.text(max_size=10), _JSON, max_size=4))
def test_json_and_yaml_keep_parameters(tmp_path_factory, parameters):
    """What JSON or PyYAML writes is read as it was."""
    try:
        text = json.dumps(
            {"flow_location": "a", "parameters": parameters},
            allow_nan=False,
            ensure_ascii=False,
        ).encode()
    except ValueError:
        return  # Not JSON: NaN, or half a surrogate pair.
    folder = tmp_path_factory.getbasetemp()
    (folder / "keep.json").write_bytes(text)
    written = yaml.safe_dump(json.loads(text)).encode()
    (folder / "keep.yaml").write_bytes(written)
    assert load_specs(folder / "keep.json")[0].parameters == parameters
    try:
        (spec,) = load_specs(folder / "keep.yaml")
    except SpecError as exc:
        # PyYAML writes without quotes what other readers take for a number.
        assert all("readers of YAML" in problem for problem in exc.problems)
    else:
        assert spec.parameters == parameters


def test_ids_are_told_apart_from_folders(write):
    """What is no id is a folder beside the file."""
    for text in (str(uuid4()), uuid4().hex):
        content = {"flow_location": "a", "flow_storage": text}
        (spec,) = load_specs(write("a.json", json.dumps(content)))
        assert spec.flow_storage == UUID(text)


def test_entry_point_stands_for_location_and_flow(write, tmp_path):
    """Its path is relative to the file, as that of a location is."""
    path = write("specs.json", '[{"name": "a", "entrypoint": "sub/flows.py:etl"}]')
    (spec,) = load_specs(path)
    assert spec.entrypoint == f"{tmp_path}/sub/flows.py:etl"
