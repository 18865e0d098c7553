"""``flowpack verify``: what it prints, and its status."""

import pytest

from flowpack import DataDocument, DeploymentCreate, get_client


@pytest.fixture
def store(flowpack, script, tmp_path):
    """The folder that ``hello/a`` and ``hello/b`` have their bytes in."""
    for name in ("a", "b"):
        script.write_text(f"{script.read_text()}# {name}\n")
        done = flowpack("deploy", script, "-n", name, "--storage", "file:store")
        assert done.status == 0
    return tmp_path / "work" / "store"


def key_of(flowpack, name):
    return flowpack("inspect", name, "--json").json["key"]


def register(name, document):
    """Make a deployment as others do."""
    with get_client() as client:
        flow_id = client.create_flow("hello")
        new = DeploymentCreate(name=name, flow_id=flow_id, flow_data=document)
        client.create_deployment(new)


def test_nothing_to_verify(flowpack):
    """No deployments are no error."""
    done = flowpack("verify")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("no deployments at embedded:")
    assert flowpack("verify", "--json").json["deployments"] == []


def test_all_well(flowpack, store):
    """One line for each, and a sum on standard error."""
    done = flowpack("verify")
    assert done.status == 0
    assert done.out == "ok            hello/a\nok            hello/b\n"
    assert done.err == "verified 2 deployments: 2 ok\n"


def test_faults(flowpack, store):
    """The problems are printed with both digests, and the status is 1."""
    keys = [key_of(flowpack, name) for name in ("hello/a", "hello/b")]
    (store / keys[0]).write_bytes(b"other")
    (store / keys[1]).unlink()
    done = flowpack("verify")
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0] == "corrupt       hello/a"
    assert keys[0] in lines[1] and "found d9298a10d1b0735837dc4bd85dac641b" in lines[1]
    assert lines[2] == "missing       hello/b"
    assert done.err == (
        "flowpack: error: 2 of 2 deployments cannot be run as they were deployed"
        " (1 corrupt, 1 missing)\n"
    )


def test_json(flowpack, store):
    """The JSON has every fact, and comes with status 1 as well."""
    key = key_of(flowpack, "hello/a")
    (store / key).write_bytes(b"other")
    done = flowpack("verify", "--json")
    assert done.status == 1
    assert list(done.json) == ["api", "deployments", "unreferenced"]
    shown = done.json["deployments"][0]
    assert list(shown) == [
        *("name", "id", "status", "reason", "storage", "key"),
        *("expected", "found", "size"),
    ]
    assert (shown["name"], shown["status"]) == ("hello/a", "corrupt")
    assert (shown["storage"], shown["key"], shown["size"]) == ("File Storage", key, 5)
    assert shown["expected"] == key != shown["found"]
    assert done.json["deployments"][1]["reason"] is None
    assert done.json["unreferenced"] == []


def test_only_some(flowpack, store):
    """Named deployments only; what is unreferenced is unknown then."""
    (store / key_of(flowpack, "hello/a")).unlink()
    done = flowpack("verify", "hello/b")
    assert (done.status, done.out) == (0, "ok            hello/b\n")
    assert flowpack("verify", "hello/b", "--json").json["unreferenced"] is None
    assert flowpack("verify", "hello/b", "hello/a").status == 1
    missing = flowpack("verify", "hello/none")
    assert (missing.status, missing.out) == (1, "")
    assert "404" in missing.err
    assert "write FLOW/DEPLOYMENT" in flowpack("verify", "hello").err


def test_unreferenced_objects(flowpack, store):
    """They are printed for information, and stay."""
    old = key_of(flowpack, "hello/a")
    flowpack("delete", "hello/a")
    done = flowpack("verify")
    assert done.status == 0
    assert done.out == f"ok            hello/b\nunreferenced  {store / old}\n"
    assert "Nothing was deleted" in done.err
    assert flowpack("verify", "--json").json["unreferenced"] == [str(store / old)]
    flowpack("delete", "hello/b")
    assert len(flowpack("verify").out.splitlines()) == 2
    assert len(list(store.iterdir())) == 2


def test_deployments_of_others(flowpack, store):
    """What nobody can verify is printed, and is no error."""
    register("text", DataDocument.encode("text", "x"))
    register("pickled", DataDocument("cloudpickle", "gASV"))
    done = flowpack("verify")
    assert done.status == 0
    assert "unverifiable  hello/text\n" in done.out
    assert "skipped       hello/pickled\n" in done.out
    assert done.err == "verified 4 deployments: 2 ok, 1 skipped, 1 unverifiable\n"


def test_names_are_escaped(flowpack):
    """Names that others gave do not reach the terminal raw."""
    register("a\x1b[31m\nb", DataDocument.encode("text", "x"))
    done = flowpack("verify")
    assert "\x1b" not in done.out
    assert len(done.out.splitlines()) == 2
