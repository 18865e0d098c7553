"""No password in a URL shows: of a script, or of what workers install."""

from __future__ import annotations

import copy
import json
import os
import pickle
import threading
from typing import Any

import attrs
import pytest

from flowpack import (
    Client,
    DeploymentSpec,
    FileStorageBlock,
    ScriptPackager,
    deploy,
    get_client,
    plan,
)
from flowpack.cli import main
from flowpack.deployments.specfiles import load_specs
from flowpack.exceptions import FlowpackError
from flowpack.settings import load_settings
from flowpack.urls import Address, as_address, url_of
from tests.blocks.servers import FileServer
from tests.clients import SCRIPT
from tests.trust.invariants import CANARY
from tests.todays_server import TodaysServer
from tests.trust.test_secrets import everything_about, shown

DEAD = f"http://ann:{CANARY}@127.0.0.1:9/hello.py?token={CANARY}"
REQUIRES = f"flowpack @ git+https://ann:{CANARY}@host/flowpack"


@pytest.fixture
def scripts():
    """A server that has a script, and wants a password for it."""
    server = FileServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    for path in ("/hello.py", f"/hello.py?token={CANARY}"):
        server.files[path] = SCRIPT.encode()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def url(scripts):
    """The script's address, with password and token."""
    address = f"http://ann:{CANARY}@127.0.0.1:{scripts.server_port}"
    return f"{address}/hello.py?token={CANARY}"


@pytest.fixture
def storage(tmp_path):
    """A place for the scripts."""
    return FileStorageBlock(str(tmp_path / "store"))


@pytest.mark.parametrize(
    "fields",
    [
        {"flow_location": DEAD},
        {"flow_location": DEAD, "name": "d"},
        {"entrypoint": f"http://ann:{CANARY}@127.0.0.1:9/hello.py:hello"},
        {"flow_location": "x.py", "pull_requires": REQUIRES},
    ],
    ids=lambda fields: "-".join(fields),
)
def test_specs_show_nothing(fields):
    """Whichever way one is printed, and however it was made."""
    spec = DeploymentSpec(**fields)
    for each in (spec, attrs.evolve(spec, tags=["a"])):
        texts = [repr(each), str(each), f"{each}", each.label, f"{attrs.asdict(each)}"]
        assert shown(*texts) == []
        for name, value in fields.items():
            assert url_of(getattr(each, name)) == value or name == "flow_location"
    assert "127.0.0.1:9" in repr(spec) or "git+https://host" in repr(spec)


def wrong(**fields):
    """Return what makes a spec of *fields* and a plan of it."""
    return lambda storage, client: plan(
        DeploymentSpec(**{"flow_storage": storage, **fields}), client
    )


WRONG = {
    "unreachable": wrong(flow_location=DEAD),
    "both": lambda storage, client: plan(
        DeploymentSpec(
            flow_location=DEAD, flow_storage=storage, packager=ScriptPackager(storage)
        ),
        client,
    ),
    "kind": wrong(flow_location=f"ftp://ann:{CANARY}@host/x.py?token={CANARY}"),
    "spelling": wrong(flow_location=f"HTTPS://ann:{CANARY}@host/x.py"),
    "nul": wrong(flow_location=f"https://ann:{CANARY}@host/x\0.py"),
    "port": wrong(flow_location=f"http://ann:{CANARY}@host:x/x.py"),
    "entry point": wrong(entrypoint=f"https://ann:{CANARY}@127.0.0.1/"),
    "entry point and location": wrong(
        entrypoint=f"https://ann:{CANARY}@127.0.0.1/x.py:f", flow_location=DEAD
    ),
    "kind of entry point": wrong(entrypoint=f"ftp://ann:{CANARY}@host/x.py:f"),
    "several": lambda storage, client: deploy(
        [
            DeploymentSpec(flow_location=DEAD, flow_storage=storage),
            DeploymentSpec(flow_location=f"{DEAD}&more", flow_storage=storage),
        ],
        client,
    ),
}


@pytest.mark.parametrize("use", WRONG.values(), ids=WRONG)
def test_errors_show_nothing(use, storage, client, short_waits):
    """An error names the script without its password."""
    with pytest.raises(FlowpackError) as caught:
        use(storage, client)
    error = caught.value
    assert shown(error, repr(error), *error.args) == []


def test_script_that_is_missing_shows_nothing(url, storage, client, scripts):
    """Nor does the answer of its server."""
    scripts.files.clear()
    with pytest.raises(FlowpackError) as caught:
        deploy(
            [DeploymentSpec(flow_location=url, name=name) for name in "ab"],
            client,
        )
    error = caught.value
    error.__traceback__ = None  # Of the test's own variables.
    assert "404" in str(error)
    assert shown(everything_about(error)) == []


@pytest.mark.parametrize(
    "address", [DEAD, f"ftp://ann:{CANARY}@host/x.py", f"https://ann:{CANARY}@host:x/"]
)
@pytest.mark.parametrize("more", [{}, {"nope": 1}, {"tags": 5}], ids=str)
def test_spec_files_show_nothing(tmp_path, client, address, more, short_waits):
    """Neither in the problems of the file nor in those of its deployments."""
    path = tmp_path / "specs.json"
    path.write_text(json.dumps({"flow_location": address, **more}))
    with pytest.raises(FlowpackError) as caught:
        plan(load_specs(path), client)
    assert shown(caught.value, repr(caught.value), *caught.value.args) == []


def test_script_is_fetched_with_the_password(url, storage, client, scripts):
    """It is hidden from people, and sent where it belongs; nothing keeps it."""
    specs = [
        DeploymentSpec(flow_location=url, name="a", flow_storage=storage),
        DeploymentSpec(
            flow_location=url.partition("?")[0], name="b", flow_storage=storage
        ),
        DeploymentSpec(
            entrypoint=f"{url.partition('?')[0]}:hello", name="c", flow_storage=storage
        ),
    ]
    found = plan(specs, client)
    deployed = deploy(specs, client)
    assert shown(found, repr(found), found.to_json(), deployed) == []
    assert all("authorization" in seen for seen in scripts.headers)
    records = repr([each.extra for each in client.read_deployments()])
    assert shown(records, client.read_deployments()) == []


@pytest.mark.parametrize("kind", ["plan", "deploy"])
def test_commands_show_nothing(url, kind, capsys, tmp_path, fresh_home):
    """A parameter has the script read once more, with the password."""
    storage = ["--storage", str(tmp_path / "store")]
    assert main([kind, url, "-n", "d", "-p", "name=1", *storage]) == 0
    printed = capsys.readouterr()
    assert shown(printed.out, printed.err) == []
    assert main([kind, f"{url}x", "-n", "d", "--spec", *storage]) == 2
    assert main([kind, DEAD.replace("http", "ftp"), "-n", "d", *storage]) == 1
    assert main([kind, f"{url.partition('?')[0]}:", "-n", "d", *storage]) == 2
    printed = capsys.readouterr()
    assert shown(printed.out, printed.err) == []


@pytest.fixture
def pulled(tmp_path, storage):
    """Makes a spec that has workers install something."""
    script = tmp_path / "hello.py"
    script.write_text(SCRIPT)
    return lambda requires: DeploymentSpec(
        name="d",
        flow_location=script,
        flow_storage=storage,
        work_pool="p",
        create_work_pool=True,
        pull="flowpack",
        pull_requires=requires,
    )


def test_requirements_show_nothing(pulled):
    """Workers are told all of it, and people not, but that it changed."""
    server = TodaysServer()
    with server.client() as client:
        plans = [plan(pulled(REQUIRES + more), client) for more in ("", "?x", "")]
        deploy(pulled(REQUIRES), client)
        plans.append(plan(pulled(f"{REQUIRES}?x"), client))
        for each in plans:
            actions = [attrs.asdict(action) for action in each.actions]
            assert shown(each, repr(each), each.to_json(), actions) == []
            assert "git+https://host/flowpack" in str(each)
        assert plans[0].to_json() == plans[1].to_json() == plans[2].to_json()
        assert "(changed)" in str(plans[3]) and "changed" not in str(plans[0])
        assert deploy(pulled(REQUIRES), client)[0].action == "unchanged"
        records = client.read_deployment_by_name("hello/d")
    [step] = server.deployments["d"]["pull_steps"]
    assert step["flowpack.steps.pull"]["requires"] == REQUIRES
    assert shown(repr(records)) == []


@pytest.mark.parametrize("shape", ["text", "list"])
def test_server_that_echoes_requirements(pulled, shape):
    """What a server repeats of them is masked."""
    server = TodaysServer()

    def echo(body):
        said = json.dumps(body)
        return {"detail": said if shape == "text" else [{"loc": ["x"], "msg": said}]}

    server.refusal = echo
    with server.client() as client, pytest.raises(FlowpackError) as caught:
        deploy(pulled(REQUIRES), client)
    assert "422" in str(caught.value)
    assert shown(caught.value, repr(caught.value)) == []


def test_plain_requirements_stand_as_they_are(pulled):
    """Nothing is hidden where nothing is secret."""
    with TodaysServer().client() as client:
        assert 'pull_requires: "flowpack==1.0"' in str(
            plan(pulled("flowpack==1.0"), client)
        )


def test_address_is_no_text():
    """Printed it has no password, sent it has, and it is not taken for text."""
    address: Any = as_address(DEAD)
    assert str not in Address.__mro__ == type(address).__mro__
    texts = [repr(address), f"{address}", f"{address:>99}", "%s" % address]
    assert shown(address, *texts, [address]) == []
    assert address.url == url_of(address) == DEAD
    for use in (
        lambda: address + "key",
        lambda: "key" + address,
        lambda: "".join([address]),
        lambda: json.dumps(address),
        lambda: len(address),
        lambda: os.path.join(address, "key"),
    ):
        with pytest.raises(TypeError, match="Address"):
            use()
    with pytest.raises(AttributeError):
        address.url = "other"


def test_addresses_are_equal_by_url():
    """Copies too, and one that is made of another."""
    address = Address(DEAD)
    for same in (
        as_address(address),
        copy.deepcopy(address),
        pickle.loads(pickle.dumps(address)),
    ):
        assert same == address and hash(same) == hash(address)
    assert address != Address(f"{DEAD}x") and address != DEAD
    assert as_address("mail@host.py") == "mail@host.py"
    assert type(as_address("mail@host.py")) is str


def test_address_of_the_api(monkeypatch):
    """With credentials it is one too; a client of it sends them and shows none."""
    url = f"http://ann:{CANARY}@127.0.0.1:9/api"
    monkeypatch.setenv("PREFECT_API_URL", f"{url}/")
    settings = load_settings()
    assert settings.api_url == Address(url) == load_settings(api=url).api_url
    assert load_settings(api=settings.api_url) == load_settings(api=url)
    for client in (
        get_client(),
        get_client(settings.api_url),
        get_client(settings=settings),
        get_client(url, settings=load_settings(api="")),
        Client(settings.api_url),
    ):
        assert client.url == "http://127.0.0.1:9/api" and type(client.url) is str
        assert shown(client, repr(client)) == []
        client.close()
    assert type(load_settings(api="http://h/api").api_url) is str


def test_specs_take_addresses():
    """As they give them."""
    entrypoint = f"{DEAD.partition('?')[0]}:f"
    spec = DeploymentSpec(entrypoint=entrypoint, pull_requires=REQUIRES)
    assert spec == DeploymentSpec(
        entrypoint=Address(entrypoint), pull_requires=Address(REQUIRES)
    )
    spec = DeploymentSpec(flow_location=DEAD)
    assert spec.flow_location == Address(DEAD)
    assert spec == DeploymentSpec(flow_location=spec.flow_location)
    assert type(DeploymentSpec(flow_location="http://h/x.py").flow_location) is str
    with pytest.raises(FlowpackError, match="flow_name: must be text"):
        DeploymentSpec(flow_name=Address(DEAD))  # type: ignore[arg-type]


def test_wrong_base_path_shows_nothing():
    """Not even one that no password belongs in."""
    for text in (f"file://ann:{CANARY}@host/x", f"ftp://ann:{CANARY}@host/x"):
        with pytest.raises(FlowpackError) as caught:
            FileStorageBlock(text)
        assert shown(caught.value, repr(caught.value)) == []
