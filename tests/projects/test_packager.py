"""``ProjectPackager``: what it takes, what it stores, and what a script alone lacks."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from pathlib import Path
from typing import List

import attrs
import pytest

from flowpack import (
    DeploymentSpec,
    LocalStorageBlock,
    ProjectPackager,
    StorageBlock,
    apply,
    deploy,
    load_flow_from_deployment,
    plan,
)
from flowpack.deployments.load import fetch_script
from flowpack.exceptions import (
    APIConnectionError,
    DeploymentValidationError,
    PlanChangedError,
    ProjectError,
    StorageUnavailableError,
)
from flowpack.packaging.script import known_schema
from tests.clients import client, transport

__all__ = ["client", "transport"]

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*only usable from:UserWarning"),
    # Tests load projects with modules of the same names, one after the other.
    pytest.mark.filterwarnings("ignore:.*loaded:UserWarning"),
]

ETL = '''\
from flowpack import flow
from helper import Row, double

@flow
def etl(n: int = 2, row: Row = None):
    """Doubles."""
    return double(n)

@flow
def other():
    return double(21)
'''

HELPER = '''\
from dataclasses import dataclass
from pathlib import Path
from typing import List

@dataclass
class Row:
    table: str

def double(n):
    return 2 * n

def text():
    return (Path(__file__).parent / "data.txt").read_text()
'''


@pytest.fixture
def root(tmp_path):
    """A project with a script, a module beside it and data."""
    folder = tmp_path / "project"
    (folder / "flows").mkdir(parents=True)
    (folder / "setup.cfg").touch()
    (folder / "flows" / "etl.py").write_text(ETL)
    (folder / "flows" / "helper.py").write_text(HELPER)
    (folder / "flows" / "data.txt").write_text("data")
    return folder


@pytest.fixture
def spec(root, tmp_path):
    """A deployment of that project."""
    packager = ProjectPackager(LocalStorageBlock(tmp_path / "store"))
    return DeploymentSpec(
        name="d", flow_location=root / "flows/etl.py", flow_name="etl", packager=packager
    )


def with_packager(spec, **fields):
    """Return *spec* with other fields of its packager."""
    return attrs.evolve(spec, packager=attrs.evolve(spec.packager, **fields))


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("root", "", "root: must not be empty"),
        ("root", 3, "root: must be text, not int"),
        ("root", "a\0b", "root: it holds a NUL"),
        ("include", "a.py", "include: must be a list of texts, not str"),
        ("exclude", [""], "exclude: item 1 must not be empty"),
        ("paths", [3], "paths: item 1 must be text"),
        ("size_limit", 0, "size_limit: must be a whole number of bytes from 1"),
        ("size_limit", True, "size_limit: must be a whole number"),
        ("storage", "nope://x", "storage: "),
    ],
)
def test_what_cannot_be_right(field, value, problem):
    """Each wrong field is named when the packager is made."""
    with pytest.raises(DeploymentValidationError, match="ProjectPackager") as caught:
        ProjectPackager(**{field: value})
    assert any(each.startswith(problem) for each in caught.value.problems)


def test_fields(tmp_path, monkeypatch):
    """Paths may be objects, lists become tuples, and a relative root stays where it was meant."""
    monkeypatch.chdir(tmp_path)
    packager = ProjectPackager(root=Path("p"), paths=["lib"], include=None)
    assert packager.root == str(tmp_path / "p")
    assert (packager.paths, packager.include, packager.exclude) == (("lib",), (), ())
    assert packager.size_limit == 10 * 1024 * 1024


def test_deploys_and_runs(spec, client, root):
    """The flow runs from what is stored alone, and its version is that of the script."""
    assert deploy(spec, client)[0].action == "created"
    assert deploy(spec, client)[0].action == "unchanged"
    for path in root.rglob("*.py"):
        path.unlink()
    assert load_flow_from_deployment("etl/d", client)(4) == 8


def test_flow_object(spec, client, root, tmp_path, monkeypatch):
    """A flow that was imported is packaged with the files of its own script."""
    monkeypatch.syspath_prepend(str(root / "flows"))
    import etl  # type: ignore[import-not-found]

    try:
        made = DeploymentSpec(name="o", flow=etl.other, packager=spec.packager)
        deploy(made, client)
    finally:
        import sys

        del sys.modules["etl"], sys.modules["helper"]
    assert load_flow_from_deployment("other/o", client)() == 42


def test_script_at_a_url():
    """A script at a URL has no files beside it: the error says what to give."""
    from flowpack.analysis.script import Script

    script = Script(b"", "https://example.com/etl.py")
    with pytest.raises(ProjectError, match="at a URL; give the path"):
        ProjectPackager().find_project(script)


def test_root_is_no_folder(spec, client, root):
    """A root that is a file, or is gone, is an error before anything is read."""
    with pytest.raises(ProjectError, match="no folder"):
        plan(with_packager(spec, root=root / "setup.cfg"), client)


def test_classes_of_helpers(spec, client, root):
    """The schema of the parameters knows classes that other modules define, run -p as well."""
    assert spec.find_flow().script.resolve("helper") is not None
    deploy(spec, client)
    fetched = fetch_script("etl/d", client)
    schema = fetched.parameter_schema()
    assert schema["properties"]["n"]["type"] == "integer"
    assert schema == known_schema(spec.find_flow())
    assert "table" in str(schema)


def test_constants_of_helpers(spec, root):
    """A flow's name may be a constant of another module."""
    (root / "flows" / "names.py").write_text("NAME = 'nightly load'\n")
    script = root / "flows" / "named.py"
    source = "from flowpack import flow\nimport names\n@flow(name=names.NAME)\ndef f(): pass\n"
    script.write_text(source)
    made = attrs.evolve(spec, flow_location=script, flow_name=None)
    assert made.find_flow().name == "nightly load"


def test_storage_is_kept(spec, client, tmp_path):
    """Without a storage a redeployed project stays where it is."""
    deploy(spec, client)
    assert deploy(with_packager(spec, storage=None), client)[0].action == "unchanged"


def test_a_set_is_packed_once(spec, client, root):
    """Deployments of one flow of a project share its bytes; the next plan packs anew."""
    many = [attrs.evolve(spec, name=f"d{number}") for number in range(20)]
    many.append(attrs.evolve(spec, name="x", flow_name="other"))
    many.append(attrs.evolve(with_packager(spec, include=("flows/data.txt",)), name="y"))
    made = plan(many, client)
    packages = [step.package for step in made.steps if step.package is not None]
    assert len(packages) == 22 and len({id(each.content.data) for each in packages}) == 3
    assert len({action.sha256 for action in made}) == 3
    (root / "flows" / "helper.py").write_text(HELPER + "# more\n")
    assert not {each.sha256 for each in plan(many, client)} & {each.sha256 for each in made}


def test_plan_reads_only(spec, client, transport, tmp_path):
    """A plan of a project writes nothing, here or there."""
    assert [action.kind for action in plan(spec, client)] == ["create"]
    assert not transport.writes()
    assert not (tmp_path / "store").exists()


def files_of(made):
    """Return what a plan of one deployment says of files."""
    (action,) = made
    assert json.loads(made.to_json())["actions"][0]["files"] == action.files
    return action.files


def test_plan_names_files(spec, client, root):
    """What was added, removed and changed is read from the stored file."""
    deploy(with_packager(spec, include=("flows/data.txt",)), client)
    (root / "flows" / "helper.py").write_text(HELPER + "\nimport more\n")
    (root / "flows" / "more.py").touch()
    made = plan(spec, client)
    assert files_of(made) == {
        "from": "project",
        "to": "project",
        "added": ["flows/more.py"],
        "removed": ["flows/data.txt"],
        "changed": ["flows/helper.py"],
    }
    assert "files added: flows/more.py\n" in str(made)
    assert "files removed: flows/data.txt\n" in str(made)


def test_plan_leaves_the_old_storage_alone(spec, client, root, tmp_path):
    """A storage that a deployment leaves is not read: it may be gone, or silent for long."""
    deploy(spec, client)
    (root / "flows" / "helper.py").write_text(f"{HELPER}# more\n")
    moved = plan(with_packager(spec, storage=LocalStorageBlock(tmp_path / "other")), client)
    assert {"code", "storage"} <= {each.field for each in moved.actions[0].changes}
    assert files_of(moved) == {}
    assert files_of(plan(spec, client))["changed"] == ["flows/helper.py"]


def test_plan_names_data(spec, client):
    """A file that the code names and that is not packaged is named; one that is, is not."""
    (action,) = plan(spec, client)
    assert ["--include flows/data.txt" in note for note in action.notes] == [True]
    (action,) = plan(with_packager(spec, include=("flows/data.txt",)), client)
    assert action.notes == ()


def test_plan_names_few_of_many(spec, client, root):
    """Ten names are shown of many; the JSON has them all."""
    deploy(spec, client)
    for number in range(30):
        (root / f"{number:02}.txt").touch()
    made = plan(with_packager(spec, include=("*.txt",)), client)
    assert "09.txt and 20 more\n" in str(made)
    assert len(files_of(made)["added"]) == 30


@pytest.mark.filterwarnings("ignore:.*are not stored with it:UserWarning")
def test_script_and_project(spec, client):
    """A script that becomes a project, and back, is told as such."""
    alone = attrs.evolve(spec, packager=None, flow_storage=spec.packager.storage)
    deploy(alone, client)
    made = plan(spec, client)
    assert files_of(made)["added"] == ["flows/helper.py"]
    assert "code: from a script to a project\n" in str(made)
    deploy(spec, client)
    made = plan(alone, client)
    assert files_of(made)["removed"] == ["flows/helper.py"]
    assert "code: from a project to a script\n" in str(made)
    note = "a project of 2 files and is now the script alone; --project keeps its files"
    (done,) = apply(made, client)
    assert note in str(made) and note in done.notes[-1]
    assert plan(alone, client).actions[0].notes == ()


def test_old_files_are_gone(spec, client, root):
    """Where the stored file is missing or damaged, the plan does without its files."""
    deploy(spec, client)
    stored = Path(client.read_deployment_by_name("etl/d").stored_object.token)
    (root / "flows" / "helper.py").write_text(HELPER + "# more\n")
    assert files_of(plan(spec, client))["changed"] == ["flows/helper.py"]
    os.chmod(stored, 0o600)
    stored.write_bytes(b"raise SystemExit('never run')")
    assert files_of(plan(spec, client)) == {}
    stored.unlink()
    made = plan(spec, client)
    assert files_of(made) == {}
    apply(made, client)
    assert load_flow_from_deployment("etl/d", client)(1) == 2


ASKED: List[str] = []


@attrs.frozen(kw_only=True)
class Remote(StorageBlock):
    """A folder elsewhere, which gives no answer once ``folder`` is gone."""

    folder: str

    def write(self, data):
        """Keep *data*."""
        name = hashlib.sha256(data).hexdigest()
        (Path(self.folder) / name).write_bytes(data)
        return name

    def read(self, token):
        """Return what is there."""
        try:
            return (Path(self.folder) / token).read_bytes()
        except FileNotFoundError:
            ASKED.append(token)
            down = APIConnectionError("GET", "http://remote", "it is down")
            raise StorageUnavailableError("Remote", token, "no answer") from down


def test_storage_that_does_not_respond(spec, client, root, tmp_path):
    """Of a set one old file is asked for, and the plan does without."""
    (tmp_path / "remote").mkdir()
    remote = with_packager(spec, storage=Remote(folder=str(tmp_path / "remote")))
    many = [attrs.evolve(remote, name=f"d{number}") for number in range(5)]
    deploy(many, client)
    (root / "flows" / "helper.py").write_text(HELPER + "# more\n")
    assert [bool(each.files) for each in plan(many, client)] == [True] * 5
    (tmp_path / "remote").rename(tmp_path / "gone")
    ASKED.clear()
    assert [each.files for each in plan(many, client)] == [{}] * 5
    assert len(ASKED) == 1


def test_planned_files_do_not_count(spec, client, root):
    """A plan holds where only the old files cannot be read any more; digests decide."""
    deploy(spec, client)
    stored = client.read_deployment_by_name("etl/d").stored_object
    (root / "flows" / "helper.py").write_text(HELPER + "# more\n")
    made = plan(spec, client)
    os.unlink(stored.token)
    assert apply(made, client)[0].action == "updated"
    (root / "flows" / "helper.py").write_text(HELPER + "# and more\n")
    made = plan(spec, client)
    (root / "flows" / "helper.py").write_text(HELPER + "# and more still\n")
    with pytest.raises(PlanChangedError, match="sha256"):
        apply(made, client)


# --- a script alone ------------------------------------------------------------------------


def alone(root, source, name="d"):
    """Return the deployment of a single script."""
    script = root / "flows" / "alone.py"
    script.write_text(f"from flowpack import flow\n{source}\n\n@flow\ndef f():\n    pass\n")
    return DeploymentSpec(name=name, flow_location=script, flow_storage=root.parent / "store")


@pytest.mark.parametrize(
    "source",
    [
        "import helper",
        "import os, helper",
        "from helper import double",
        "if True: import helper as h",
        "def g():\n    from helper import double",
        "import os; import helper",
        "from flows import helper",
    ],
)
def test_missing_modules_are_named(root, client, source):
    """One warning names the modules that are not stored, with the line and what to do."""
    with pytest.warns(UserWarning, match="are not stored with it") as caught:
        plan([alone(root, source), alone(root, source, "e")], client)
    (message,) = (text for text in map(str, (each.message for each in caught)) if "runs" in text)
    assert "(flows/helper.py)" in message
    assert "--project" in message and "alone.py" in message


@pytest.mark.parametrize(
    "source",
    [
        "import os, attrs, requests.adapters",
        "import not_there_and_not_here",
        "try:\n    import helper\nexcept ImportError:\n    helper = None",
        '"""\nimport helper\n"""',
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from helper import Row",
        "try:\n    from .helper import Row\nexcept ImportError:\n    Row = None",
    ],
)
def test_nothing_to_say(root, client, source):
    """What is installed, caught, only for type checkers or not of the project is no news."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*only usable from", UserWarning)
        plan(alone(root, source), client)


@pytest.mark.parametrize(
    "source",
    [
        b"\xef\xbb\xbfimport helper\n",
        b"\x0cimport helper\n",
        b"import os\rimport helper\r\n",
        b"import os, \\\n  helper\n",
        b"from \\\n helper import double\n",
        b"from helper import (\n    double,\n)\n",
    ],
)
def test_odd_spellings(root, client, source):
    """No import is missed, however it is written."""
    script = root / "flows" / "odd.py"
    script.write_bytes(source + b"from flowpack import flow\n@flow\ndef f():\n    pass\n")
    with pytest.warns(UserWarning, match="without them: helper"):
        plan(DeploymentSpec(flow_location=script), client)


def test_relative_import_in_a_function(root, client):
    """One that only runs later is a warning, for the script can be loaded."""
    source = "def g():\n    from .helper import double"
    with pytest.warns(UserWarning, match=r": .helper \(line 3\)"):
        plan(alone(root, source), client)


@pytest.mark.parametrize("source", ["from .helper import double", "if 1:\n from . import helper"])
def test_relative_import(root, client, transport, source):
    """A relative import is an error, with the fix, before anything is written."""
    with pytest.raises(DeploymentValidationError, match="alone.py:[23]: a relative.*--project"):
        deploy(alone(root, source), client)
    assert not transport.writes()
    assert not (root.parent / "store").exists()
