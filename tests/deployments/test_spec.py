"""DeploymentSpec: what is refused at once, and what validate() fills in."""

import json
import sys
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any, Dict
from uuid import uuid4

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowpack
from flowpack import (
    UNSET,
    CronSchedule,
    DeploymentSpec,
    DockerFlowRunner,
    FileStorageBlock,
    SubprocessFlowRunner,
    deploy,
    load_flow_from_deployment,
    plan,
)
from flowpack.exceptions import (
    DeploymentValidationError,
    DiscoveryError,
    SpecError,
    FlowpackError,
    MissingFlowError,
    UnspecifiedFlowError,
)
from flowpack.deployments.specfiles import load_specs
from flowpack.loading import load_flow_from_script
from tests.http_server import serve
from tests.todays_server import TodaysServer

TWO_FLOWS = """\
from prefect import flow

@flow
def one(): ...

@flow(name="Second Flow", version="v2")
def two(): ...
"""


@pytest.fixture
def storage(tmp_path):
    return FileStorageBlock(str(tmp_path / "store"))


@pytest.fixture
def pair(tmp_path):
    """A script with two flows."""
    path = tmp_path / "pair.py"
    path.write_text(TWO_FLOWS)
    return path


@pytest.mark.parametrize("name", ["a/b", "a%", "a&b", "a>", "<", 5, b"x"])
def test_bad_name_is_refused_at_once(name):
    """A name that no server takes is refused before anything is read."""
    with pytest.raises(DeploymentValidationError):
        DeploymentSpec(name=name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", [1]),
        ("parameters", {1: 2}),
        ("parameters", {"x": float("nan")}),
        ("parameters", {"x": object()}),
        ("tags", "abc"),
        ("tags", [1]),
        ("tags", {"a": 1}),
        ("tags", ["\ud800"]),
        ("schedule", "daily"),
        ("schedule", {}),
        ("schedule", {"cron": "0 6 * * *", "interval": 5}),
        ("flow_runner", "submarine"),
        ("flow_runner", ""),
        ("flow_runner", SubprocessFlowRunner),
        ("flow_runner", {"type": "submarine"}),
        ("flow_runner", {"type": "universal", "extra": 1}),
        ("flow_runner", {"type": "", "config": {"env": {"A": "1"}}}),
        ("flow_storage", {"x": 1}),
        ("flow_storage", "somewhere://else"),
        ("flow_location", 5),
        ("flow_location", ""),
        ("flow_location", "s3://bucket/x.py"),
        ("flow_location", "a\0b"),
        ("flow_location", b"x.py"),
        ("flow", "hello"),
        ("flow", print),
        ("flow_name", 5),
        ("paused", "yes"),
        ("packager", "script"),
        ("concurrency_limit", 2**31),
        ("job_variables", {"env": {"A": ["secret"]}}),
    ],
)
def test_bad_value_is_refused_at_once(field, value):
    """What cannot be right is refused by the constructor, naming the field."""
    with pytest.raises(DeploymentValidationError) as caught:
        DeploymentSpec(**{field: value})
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, FlowpackError)
    if field not in ("schedule", "flow_runner", "flow_storage"):
        assert field in str(caught.value)


EMPTY = {
    "name": "{}",
    "flow_name": "{}",
    "flow_location": "{}",
    "entrypoint": "{}",
    "tags": ["a", "{}"],
    "work_pool": "{}",
    "work_queue": "{}",
    "pull": "{}",
    "pull_requires": "{}",
    "labels": {"{}": "x"},
    "flow_storage": "{}",
    "flow_runner": {"type": "{}"},
    "image": {"type": "docker", "config": {"image": "{}"}},
    "namespace": {"type": "kubernetes", "config": {"namespace": "{}"}},
    "schedule": {"cron": "{}"},
    "timezone": {"cron": "0 6 * * *", "timezone": "{}"},
    "rrule": {"rrule": "{}"},
}
FIELD_OF = {
    "image": "flow_runner",
    "namespace": "flow_runner",
    "timezone": "schedule",
    "rrule": "schedule",
}


@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "blank"])
@pytest.mark.parametrize("case", EMPTY)
def test_empty_value(tmp_path, case, blank):
    """A name or a place that is empty was not set; in files it is refused as well."""
    field = FIELD_OF.get(case, case)
    value = json.loads(json.dumps(EMPTY[case]).replace("{}", blank))
    with pytest.raises(FlowpackError):
        DeploymentSpec(**{field: value})
    path = tmp_path / "specs.json"
    path.write_text(json.dumps({"flow_location": "x.py", field: value}))
    with pytest.raises(SpecError, match=f"{field}: "):
        load_specs(path)


def test_texts_as_on_the_command_line(tmp_path):
    """Storage, schedule and runner are taken as text, in files too."""
    spec = DeploymentSpec(
        flow_storage=f"file:{tmp_path}", schedule="0 6 * * *", flow_runner="docker"
    )
    assert spec.flow_storage == FileStorageBlock(str(tmp_path))
    assert spec.schedule == CronSchedule("0 6 * * *")
    assert spec.flow_runner == DockerFlowRunner()
    path = tmp_path / "specs.json"
    written = {"flow_storage": "file:.", "schedule": "0 6 * * *", "flow_runner": "docker"}
    path.write_text(json.dumps({"flow_location": "x.py", **written}))
    (read,) = load_specs(path)
    assert attrs.evolve(read, flow_location=None) == spec


@pytest.mark.parametrize("text", ["daily", "1h", "every day", "0 6 * *", "PT", "FREQ=OFTEN"])
def test_text_that_is_no_schedule(text):
    """A text that means none is refused at once."""
    with pytest.raises(DeploymentValidationError, match="schedule"):
        DeploymentSpec(schedule=text)


def test_empty_texts_that_clear():
    """Description and version are texts, and may be empty."""
    spec = DeploymentSpec(description="", version="", labels={"a": ""})
    assert (spec.description, spec.version, spec.labels) == ("", "", {"a": ""})


def test_values_are_made_plain():
    """Mappings become schedules and runners, sequences tuples, paths absolute."""
    spec = DeploymentSpec(
        flow_location="flows/x.py",
        schedule={"cron": "0 6 * * *", "timezone": "Europe/Paris"},
        flow_runner={"type": "subprocess"},
        tags={"b", "a"},
        parameters={"x": (1, 2)},
        flow_storage=str(uuid4()),
    )
    assert spec.schedule == CronSchedule("0 6 * * *", timezone="Europe/Paris")
    assert spec.flow_runner == SubprocessFlowRunner()
    assert spec.tags == ("a", "b")
    assert spec.parameters == {"x": [1, 2]}
    assert spec.flow_location == str(Path.cwd() / "flows" / "x.py")


def test_nothing_is_set_by_default():
    """What is not given is UNSET, which is not empty."""
    spec = DeploymentSpec()
    assert (spec.parameters, spec.tags, spec.schedule, spec.paused) == (UNSET,) * 4
    empty = DeploymentSpec(parameters=None, tags=None, schedule=None)
    assert (empty.parameters, empty.tags, empty.schedule) == ({}, (), None)


def test_validate_fills_in_what_is_missing(client, script, storage):
    """Names, version and runner come from script and storage; nothing changes."""
    spec = DeploymentSpec(flow_location=script, flow_storage=storage)
    complete = spec.validate(client)
    assert (complete.name, complete.flow_name) == ("hello", "hello")
    assert complete.full_name == "hello/hello"
    assert complete.flow.script.content == script.read_bytes()
    assert complete.flow.version == complete.flow.script.md5
    assert complete.flow_runner.typename == "universal"
    assert spec == DeploymentSpec(flow_location=script, flow_storage=storage)


def test_script_is_not_run(client, tmp_path, storage):
    """A script that would fail, or do harm, is packaged without being run."""
    path = tmp_path / "harm.py"
    touched = tmp_path / "touched"
    path.write_text(
        f"from prefect import flow\nopen({str(touched)!r}, 'w')\nraise SystemExit(3)\n"
        "@flow\ndef f(): ...\n"
    )
    spec = DeploymentSpec(flow_location=path, flow_storage=storage)
    assert spec.validate(client).flow_name == "f"
    assert not touched.exists()


def spec_of(tmp_path, lines, variable):
    """Return a spec of a flow object, which running a script of *lines* makes."""
    path = tmp_path / "made.py"
    path.write_text("import os\nfrom flowpack import flow\n" + lines)
    namespace: Dict[str, Any] = {}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    return DeploymentSpec(flow=namespace[variable])


def test_flow_object_tells_what_the_source_does_not(tmp_path):
    """The name is that of the object; parameters and entry point are from the source."""
    spec = spec_of(tmp_path, "def f(a: int): ...\nx = flow(f, name=f'job-{os.name}')\n", "x")
    found = spec.find_flow()
    assert (found.name, found.entrypoint) == (spec.flow.name, "made.py:x")
    assert found.parameters == {"a": "int"}


def test_flow_object_that_the_script_does_not_give(tmp_path):
    """Where the script's own name is no flow, runs would not find it."""
    lines = "def keep(fn):\n    global kept\n    kept = fn\n@keep\n@flow\ndef f(): ...\n"
    with pytest.raises(DiscoveryError, match="what @keep makes of the flow is not known"):
        spec_of(tmp_path, lines, "kept").find_flow()


#: What a flow is made of, the parameters in its schema, and its note.
MADE = {
    "lambda": ("x = flow(lambda a, b=1: a, name='x')", ["a", "b"], None),
    "imported": ("from lib import fn\nx = flow(fn, name='x')", [], "which function the flow has"),
    "reassigned": ("def f(a): 1\ng = f\ndef f(b): 2\nx = flow(g, name='x')", ["a"], None),
    "second of a name": ("@flow\ndef x(a): 1\ny = x\n@flow\ndef x(b): 2", ["b"], None),
    "one of two": (
        "if os.environ.get('X'):\n    @flow\n    def x(a): 1\nelse:\n    @flow\n    def x(b): 2",
        [],
        "which function the flow has",
    ),
    "open default": (
        "N = 1\nif os.name == 'nt': N = 2\n@flow\ndef x(a: int = N): 1",
        ["a"],
        "what runs in line 4",
    ),
    "static method": ("class A:\n    @staticmethod\n    @flow\n    def x(a): 1", ["a"], None),
    "method": ("class A:\n    @flow\n    def x(self, a): 1", ["a"], "A.x on no instance"),
}


@pytest.mark.parametrize("lines, parameters, note", MADE.values(), ids=MADE)
def test_schema_is_that_of_the_function(tmp_path, storage, lines, parameters, note):
    """However a flow is made it can be deployed, and its schema refuses no run of it."""
    path = tmp_path / "made.py"
    path.write_text(f"import os\nfrom prefect import flow\n{lines}\n")
    server = TodaysServer()
    with server.client() as client:
        client.create_work_pool("pool", "process")
        name = "A.x" if "class" in lines else "x"
        spec = DeploymentSpec(
            name="d", entrypoint=f"{path}:{name}", flow_storage=storage, work_pool="pool"
        )
        (action,) = plan(spec, client).actions
        deploy(spec, client)
    schema = server.deployments["d"]["parameter_openapi_schema"]
    assert list(schema["properties"]) == parameters
    assert server.deployments["d"]["entrypoint"] == f"made.py:{name}"
    assert not schema.get("required") if not parameters else "properties" in schema
    if note is not None:
        assert any(note in each for each in action.notes)


def test_flow_in_a_class_is_loaded(tmp_path, storage):
    """What was deployed as ``Class.method`` is loaded by that."""
    path = tmp_path / "made.py"
    fallback = "try: from prefect import flow\nexcept ImportError: from flowpack import flow\n"
    lines = "class A:\n    @staticmethod\n    @flow\n    def f(a): return a\n"
    path.write_text(fallback + lines)
    with TodaysServer().client() as client:
        client.create_work_pool("pool", "process")
        spec = DeploymentSpec(entrypoint=f"{path}:A.f", flow_storage=storage, work_pool="pool")
        done = deploy(spec, client)[0]
        assert load_flow_from_deployment(done.id, client)("Eve") == "Eve"


def test_flow_in_a_class(client, tmp_path, storage):
    """Servers whose workers would not find it refuse a flow in a class."""
    path = tmp_path / "jobs.py"
    path.write_text("from prefect import flow\nclass A:\n    @flow\n    def f(self): ...\n")
    spec = DeploymentSpec(entrypoint=f"{path}:A.f", flow_storage=storage)
    assert spec.find_flow().entrypoint == "jobs.py:A.f"
    with pytest.raises(DeploymentValidationError, match="A.f is in a class.*Prefect 3.4.13"):
        spec.validate(client)


def test_several_flows_need_a_name(client, pair, storage):
    """The error lists the flows; a name, function or variable picks one."""
    spec = DeploymentSpec(flow_location=pair, flow_storage=storage)
    with pytest.raises(UnspecifiedFlowError, match="Second Flow.*one"):
        spec.validate(client)
    for name in ("Second Flow", "two"):
        chosen = DeploymentSpec(
            flow_location=pair, flow_storage=storage, flow_name=name
        )
        flow = chosen.validate(client).flow
        assert (flow.name, flow.version, flow.function) == ("Second Flow", "v2", "two")


def test_flow_that_is_not_there(client, pair, storage):
    """The error names what was looked for and what was found."""
    spec = DeploymentSpec(flow_location=pair, flow_storage=storage, flow_name="three")
    with pytest.raises(MissingFlowError, match="three"):
        spec.validate(client)


@pytest.mark.parametrize("what", ["missing", "folder", "broken", "empty"])
def test_script_that_cannot_be_read(client, tmp_path, storage, what):
    """Each is an error that names the file."""
    path = tmp_path / f"{what}.py"
    if what == "folder":
        path.mkdir()
    elif what != "missing":
        path.write_text("def f(:\n" if what == "broken" else "")
    spec = DeploymentSpec(flow_location=path, flow_storage=storage)
    with pytest.raises(DiscoveryError, match=what):
        spec.validate(client)


def test_neither_flow_nor_location(client):
    """A spec without a flow is refused."""
    with pytest.raises(DeploymentValidationError, match="flow or flow_location"):
        DeploymentSpec(name="x").validate(client)


def test_flow_object_gives_its_file(client, script, storage):
    """A flow object's own file is packaged, under the flow's name and version."""
    flow = load_flow_from_script(script).with_options(version="7")
    spec = DeploymentSpec(name="d", flow=flow, flow_storage=storage)
    complete = spec.validate(client)
    assert (complete.flow_name, complete.flow.version) == ("hello", "7")
    assert complete.flow.script.content == script.read_bytes()
    assert complete.flow.entrypoint == "hello.py:hello"


def test_flow_renamed_outside_its_script(client, transport, script, storage):
    """Where runs go by the name, there is no such flow; the error says what to do."""
    flow = load_flow_from_script(script).with_options(name="weekly")
    spec = DeploymentSpec(name="d", flow=flow, flow_storage=storage)
    advice = r"no flow called 'weekly'.*renamed = hello\.with_options\(name='weekly'\)"
    for act in (spec.validate, partial(plan, spec), partial(deploy, spec)):
        with pytest.raises(DeploymentValidationError, match=advice):
            act(client)
    assert transport.writes() == [] and not Path(storage.base_path).exists()
    text = script.read_text() + "renamed = hello.with_options(name='weekly')\n"
    script.write_text(text)
    complete = spec.validate(client)
    assert (complete.flow_name, complete.flow.variable) == ("weekly", "renamed")


def test_flow_renamed_whose_name_only_running_tells(client, script, storage):
    """The flow object knows both names."""
    script.write_text(script.read_text().replace("@flow", "@flow(name='a' + str(1))"))
    flow = load_flow_from_script(script)
    spec = DeploymentSpec(name="d", flow=flow, flow_storage=storage)
    assert spec.validate(client).flow_name == "a1"
    spec = attrs.evolve(spec, flow=flow.with_options(name="weekly"))
    with pytest.raises(DeploymentValidationError, match="no flow called 'weekly'"):
        spec.validate(client)


def test_flow_renamed_where_workers_go_by_the_entry_point(script, storage):
    """It is deployed, and comes back under its new name; so does its own."""
    flow = load_flow_from_script(script)
    with TodaysServer().client() as client:
        client.create_work_pool("pool", "process")
        spec = DeploymentSpec(flow_storage=storage, work_pool="pool")
        for name in ("hello", "weekly"):
            given = flow.with_options(name=name)
            done = deploy(attrs.evolve(spec, name=name, flow=given), client)[0]
            loaded = load_flow_from_deployment(done.id, client)
            assert (loaded.name, loaded()) == (name, "Hello world!")
            assert Path(loaded.fn.__code__.co_filename).name == "hello.py"


@pytest.mark.parametrize("start", ["file://", "file://localhost"])
def test_location_as_a_file_url(script, start):
    """It is a path of this machine."""
    assert DeploymentSpec(flow_location=f"{start}{script}").flow_location == str(script)


def test_file_url_of_another_machine():
    """It is refused; a path could not be meant."""
    with pytest.raises(SpecError, match="another machine"):
        DeploymentSpec(flow_location="file://elsewhere/x.py")


@pytest.mark.filterwarnings("ignore:.*are not stored with it:UserWarning")
def test_flow_object_under_a_decorator(client, tmp_path, storage):
    """The file is the function's, not the one that wraps it comes from."""
    decorator = (
        "import functools\ndef twice(fn):\n    @functools.wraps(fn)\n"
        "    def both(*args): return fn(*args), fn(*args)\n    return both\n"
    )
    (tmp_path / "decorators_of_test_spec.py").write_text(decorator)
    path = tmp_path / "wrapped.py"
    text = "from decorators_of_test_spec import twice\nfrom flowpack import flow\n"
    path.write_text(f"{text}@flow\n@twice\ndef f(): return 1\n")
    flow = load_flow_from_script(path)
    assert flow() == (1, 1)
    complete = DeploymentSpec(flow=flow, flow_storage=storage).validate(client)
    assert complete.flow.script.content == path.read_bytes()
    assert complete.flow.version == flow.version == complete.flow.script.md5


def test_flow_of_another_file_is_refused(client, script, pair, storage):
    """flow and flow_location must be of one file."""
    flow = load_flow_from_script(script)
    spec = DeploymentSpec(flow=flow, flow_location=pair, flow_storage=storage)
    with pytest.raises(DeploymentValidationError, match="was defined in"):
        spec.validate(client)


def test_flow_name_must_match_the_flow(client, script, storage):
    """flow and flow_name must say the same."""
    flow = load_flow_from_script(script)
    spec = DeploymentSpec(flow=flow, flow_name="other", flow_storage=storage)
    with pytest.raises(DeploymentValidationError, match="must match"):
        spec.validate(client)


def test_flow_of_no_file_is_refused(client, storage):
    """A flow of a REPL or a notebook has no script; the error says what to do."""
    space: Dict[str, Any] = {"flow": flowpack.flow}
    exec(compile("@flow\ndef f(): ...", "<stdin>", "exec"), space)
    spec = DeploymentSpec(flow=space["f"], flow_storage=storage)
    with pytest.raises(DeploymentValidationError, match="notebook.*Save it"):
        spec.validate(client)


def test_flow_from_a_url(client, transport, storage, monkeypatch):
    """A script is fetched from an address, once, and deployed from there."""
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    with serve_text(b"from prefect import flow\n@flow\ndef f(): ...\n") as url:
        spec = DeploymentSpec(flow_location=url + "/f.py", flow_storage=storage)
        assert spec.validate(client).flow.entrypoint == "f.py:f"
        with pytest.raises(DiscoveryError, match="answered 404"):
            DeploymentSpec(flow_location=url + "/g.py", flow_storage=storage).validate(
                client
            )
    with pytest.raises(DiscoveryError, match="cannot be fetched"):
        spec.validate(client)


def test_flow_that_prefect_does_not_know_is_refused_for_a_server(
    client, transport, tmp_path, storage
):
    """A flow of flowpack's own decorator only cannot run on a server's agents."""
    path = tmp_path / "own.py"
    path.write_text("from flowpack import flow\n@flow\ndef f(): ...\n")
    spec = DeploymentSpec(flow_location=path, flow_storage=storage)
    assert spec.validate(client).flow_name == "f"
    with serve(transport) as url, flowpack.Client(url) as remote:
        with pytest.raises(DeploymentValidationError, match="from prefect import flow"):
            spec.validate(remote)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "name",
                "parameters",
                "tags",
                "schedule",
                "flow_runner",
                "flow_location",
                "flow_name",
                "paused",
            ]
        ),
        JSON,
    )
)
def test_any_values_give_a_spec_or_our_error(values):
    """Whatever a file says, the constructor raises nothing but our error."""
    try:
        DeploymentSpec(**values)
    except DeploymentValidationError as exc:
        assert str(exc).isprintable() or "\n" in str(exc)


def serve_text(content):
    """Serve *content* as /f.py over HTTP."""
    import contextlib
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = self.path == "/f.py"
            self.send_response(200 if found else 404)
            self.send_header("Content-Length", str(len(content) if found else 0))
            self.end_headers()
            self.wfile.write(content if found else b"")

        def log_message(self, *args):
            pass

    @contextlib.contextmanager
    def running():
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    return running()


def test_module_is_not_left_behind(client, script, storage):
    """Validation leaves no trace of the script among the modules."""
    before = set(sys.modules)
    DeploymentSpec(flow_location=script, flow_storage=storage).validate(client)
    assert not [name for name in set(sys.modules) - before if "hello" in name]


@pytest.mark.parametrize("tags", [dict.fromkeys("ba").keys(), deque("ba")], ids=["keys", "deque"])
def test_tags_of_any_collection(tags):
    """What type checkers take as a collection of texts is one, in its order."""
    assert DeploymentSpec(tags=tags).tags == ("b", "a")
