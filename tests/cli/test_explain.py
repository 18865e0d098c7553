"""Projects on the command line: ``explain``, ``deploy --project``, ``inspect`` and ``pull``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flowpack.cli.explain import requirements

ETL = '''\
import json
import attrs
import not_installed_anywhere
from flowpack import flow
from lib.rows import Row

@flow
def etl(row: Row = None, name: str = ""):
    from lib import late
    return late.VALUE
'''


@pytest.fixture
def project(flowpack):
    """A project in the working folder: flows/ and lib/, which has no __init__.py."""
    for folder in ("flows", "lib"):
        os.mkdir(folder)
    Path("setup.cfg").touch()
    Path("flows/etl.py").write_text(ETL)
    Path("lib/rows.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Row:\n    table: str\n"
    )
    Path("lib/late.py").write_text("VALUE = 42\ndef text(): return open('lib/data.sql').read()\n")
    Path("lib/data.sql").write_text("select 1")
    return flowpack


@pytest.fixture
def deployed(project):
    """That project, deployed without what is not installed."""
    Path("flows/etl.py").write_text(ETL.replace("import not_installed_anywhere\n", ""))
    done = project("deploy", "flows/etl.py", "-n", "d", "--project", "--storage", "store")
    assert done.status == 0, done.err
    return project


def test_explain(project):
    """Each file has its size and what pulled it in; the rest is what must be installed."""
    done = project("explain", "flows/etl.py")
    assert done.status == 0 and not done.err
    words = [line.split() for line in done.out.splitlines()]
    rows = {line[0]: line[1:] for line in words if line}
    assert rows["lib/rows.py"][-3:] == ["flows/etl.py:5", "imports", "lib.rows"]
    assert rows["lib/late.py"][-2:] == ["imports", "lib.late"] or "late" in rows["lib/late.py"][-1]
    assert rows["lib/__init__.py"][:2] == ["0", "bytes"] and "added" in done.out
    assert rows["attrs"][0] == "attrs" and rows["attrs"][1][0].isdigit()
    assert rows["not_installed_anywhere"][0] == "no"
    assert "standard library: dataclasses, json" in done.out
    assert "etl.py is imported as etl" in done.out
    assert "note: lib/late.py:2 names the file lib/data.sql, which is not stored; --inc" in done.out


def test_explain_json(project):
    """The document has all of it."""
    document = project("explain", "flows/etl.py:etl", "--json").json
    assert set(document) == {
        *("script", "root", "file", "module", "search_paths", "size", "files", "requires"),
        *("standard", "problems", "hints", "left_out", "notes"),
    }
    assert document["root"] == os.getcwd()
    files = {each["path"]: each for each in document["files"]}
    assert files["lib/__init__.py"]["added"] and not files["lib/rows.py"]["added"]
    assert document["size"] == sum(each["size"] for each in document["files"])
    needs = {each["module"]: each for each in document["requires"]}
    assert needs["attrs"]["installed"] and needs["attrs"]["distributions"][0].startswith("attrs ")
    assert not needs["not_installed_anywhere"]["installed"]
    assert needs["attrs"]["where"] == "flows/etl.py:2"
    (hint,) = document["hints"]
    assert hint.startswith("lib/late.py:2 ") and "--include lib/data.sql" in hint


def test_what_is_left_out(project):
    """The note is short; -v and --json show all files that may hold secrets, but for imports."""
    names = [f"conf/{number}.pem" for number in range(8)]
    os.mkdir("conf")
    for name in (*names, "conf/a.txt", "conf/passwords.py"):
        Path(name).touch()
    Path("flows/etl.py").write_text(f"{ETL}\nimport conf.passwords\n")
    argv = ("explain", "flows/etl.py", "--include", "conf")
    assert project(*argv, "--json").json["left_out"] == names
    shown = project(*argv).out
    assert f"out, for they may hold secrets: {', '.join(names[:5])} and 3 more; name each" in shown
    assert names[-1] not in shown and f"\n{names[-1]}\n" in project(*argv, "-v").out


def test_explain_reads_only(project):
    """It needs no server, makes nothing and runs nothing."""
    Path("lib/late.py").write_text("raise SystemExit(3)")
    before = sorted(Path().rglob("*"))
    assert project("--api", "http://127.0.0.1:1/api", "explain", "flows/etl.py").status == 0
    assert sorted(Path().rglob("*")) == before


def test_explain_without_a_flow(project):
    """A script that could not be deployed is explained, with the reason; a wrong FLOW is wrong."""
    done = project("explain", "lib/late.py")
    assert done.status == 0 and "defines no flow" in done.out
    done = project("explain", "flows/etl.py:nope")
    assert done.status == 1 and "no flow 'nope'" in done.err


def test_explain_with_a_selection(project):
    """It takes what deploy --project takes."""
    options = ["--include", "lib/*.sql", "--exclude", "lib/late.py", "--path", "lib"]
    document = project("explain", "flows/etl.py", *options, "--json").json
    assert "lib/data.sql" in [each["path"] for each in document["files"]]
    done = project("explain", "flows/etl.py", "--include", "lib/*.sql", "--size-limit", "100")
    assert done.status == 1 and "100" in done.err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["deploy", "--project", "flows/etl.py"], "put TARGET first, as in flows/etl.py --project"),
        (["plan", "--project", "flows/etl.py:etl"], "flows/etl.py:etl --project"),
        (["explain", "--project", "flows/etl.py"], "put TARGET first"),
        (["deploy", "flows/etl.py", "--project", "nowhere"], "no such folder"),
        (["deploy", "flows/etl.py", "--include", "x"], "go with --project"),
        (
            ["deploy", "flows/etl.py", "--project", "--include", "a.sql", "b.sql", "c.sql"],
            "unrecognized arguments: b.sql c.sql; quote patterns: --include '*.sql'",
        ),
        (["explain", "flows/etl.py", "--exclude", "a", "b"], "; quote patterns: --exclude '*.sql'"),
        (["explain", "flows/etl.py", "b"], "unrecognized arguments: b\n"),
        (["deploy", "flows/etl.py", "--size-limit", "3"], "go with --project"),
        (["deploy", "flows/etl.py", "--project", "--size-limit", "3 XB"], "is no size"),
        (["deploy", "flows/etl.py", "--project", "--size-limit", "0"], "is no size"),
        (["deploy", "specs.yaml", "--project"], "it has the key project: for that"),
        (["pull", "etl/d", "--extract", "x", "-o", "y"], "not allowed with"),
        (["pull", "etl/d", "--extract", "x", "--force"], "error: --force can only be given with"),
        (["pull", "etl/d", "--json"], "--json can only be given with --output FILE or --extract"),
    ],
)
def test_wrong_usage(project, argv, message):
    """What does not go together is said at once, with what to write."""
    done = project(*argv)
    assert done.status == 2, done.err
    assert message in done.err


@pytest.mark.parametrize(
    ("text", "size"), [("5000", 5000), ("20MB", 20_000_000), ("2MiB", 2**21), ("5k", 5000)]
)
def test_size_limit(text, size):
    """Bytes, or with a unit."""
    from flowpack.cli.parser import byte_count

    assert byte_count(text) == size


def test_deploy_and_run(deployed):
    """The flow runs without its project, and KEY=VALUE is read by the classes of helpers."""
    os.rename("lib", "gone")
    options = ["-p", 'row={"table": "t"}', "-p", "name=12"]
    assert deployed("run", "etl/d", *options).out == "42\n"
    again = deployed("inspect", "etl/d", "--json").json
    assert "table" in json.dumps(again["parameter_openapi_schema"])


def test_several_scripts(project):
    """Each gets its own files."""
    Path("flows/etl.py").write_text(ETL.replace("import not_installed_anywhere\n", ""))
    Path("flows/other.py").write_text("from flowpack import flow\n@flow\ndef other(): return 1\n")
    targets = ["flows/etl.py", "flows/other.py"]
    done = project("deploy", *targets, "--project", "-n", "d", "--storage", "store")
    assert done.status == 0, done.err
    names = [project("inspect", f"{name}/d", "--json").json for name in ("etl", "other")]
    assert [len(each["project"]["files"]) for each in names] == [4, 1]
    assert "wrote 1 file to out; " in project("pull", "other/d", "--extract", "out").out
    assert project("explain", "flows/other.py").out.startswith("1 file, ")


def test_inspect(deployed):
    """The files, the search path and what is imported are shown."""
    out = deployed("inspect", "etl/d").out
    assert "flows/etl.py is imported as etl" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["lib/__init__.py", "0", "bytes", "added"] in rows
    assert "lib/rows.py" in [row[0] for row in rows if row]
    assert any(row[:2] == ["attrs", "attrs"] for row in rows)
    project = deployed("inspect", "etl/d", "--json").json["project"]
    assert project["search_paths"] and project["file"] == "flows/etl.py"
    assert [each["path"] for each in project["files"] if each["added"]] == ["lib/__init__.py"]


def test_inspect_what_is_gone(deployed):
    """Where the storage does not give the code, the rest is shown, and a note."""
    for path in Path("store").iterdir():
        path.unlink()
    done = deployed("inspect", "etl/d", "--json")
    assert done.status == 0 and done.json["project"] is None
    assert "is not known" in done.err


def test_extract(deployed):
    """The files come back as they were, without those that were added; never over others."""
    assert "wrote 3 files" in deployed("pull", "etl/d", "--extract", "out").out
    for path in ("flows/etl.py", "lib/rows.py", "lib/late.py"):
        assert Path("out", path).read_bytes() == Path(path).read_bytes()
    assert not Path("out/lib/__init__.py").exists()
    done = deployed("pull", "etl/d", "--extract", "out")
    assert done.status == 1 and "out" in done.err
    document = deployed("pull", "etl/d", "--extract", "new", "--json").json
    assert document["files"] == ["flows/etl.py", "lib/late.py", "lib/rows.py"]
    assert document["verified"] and document["path"] == "new"


def test_extract_a_script(flowpack, script):
    """A single script is no project: the error says how to get it."""
    flowpack("deploy", script, "-n", "d", "--storage", "store")
    done = flowpack("pull", "hello/d", "--extract", "out")
    assert done.status == 1 and "flowpack pull hello/d -o hello.py" in done.err
    assert not Path("out").exists()
    assert flowpack("inspect", "hello/d", "--json").json["project"] is None


def test_verify(deployed):
    """A project is verified as any script is."""
    assert deployed("verify").status == 0
    (stored,) = Path("store").iterdir()
    os.chmod(stored, 0o600)
    stored.write_bytes(stored.read_bytes().replace(b"42", b"43"))
    assert deployed("verify", "etl/d").status == 1


@pytest.mark.parametrize("project_key", ["true", ".", "{root: ., include: [lib/data.sql]}"])
def test_spec_file(deployed, project_key):
    """``project:`` is true, a root or a mapping; its storage is that of the spec."""
    spec = f"flow_location: flows/etl.py\nname: s\nflow_storage: other\nproject: {project_key}\n"
    Path("specs.yaml").write_text(spec)
    assert deployed("deploy", "specs.yaml").status == 0
    shown = deployed("inspect", "etl/s", "--json").json
    assert "lib/rows.py" in [each["path"] for each in shown["project"]["files"]]
    assert shown["storage"]["data"]["storage_path"] == os.path.abspath("other")


def test_spec_file_with_mistakes(project):
    """Each has its line, and a misspelt key what was meant."""
    spec = {"flow_location": "flows/etl.py", "project": {"rot": ".", "include": "x", "paths": [3]}}
    Path("specs.json").write_text(json.dumps(spec, indent=1))
    err = project("plan", "specs.json").err
    assert "line 4: project: a project has no 'rot'; did you mean 'root'?" in err
    assert "line 5: project.include: must be a list of texts, not str" in err
    assert "project.paths: item 1 must be text" in err
    Path("specs.json").write_text('{"flow_location": "flows/etl.py", "project": 7}')
    assert "line 1: project.root: must be text, not int" in project("plan", "specs.json").err


def test_no_project_in_a_spec_file(script, flowpack):
    """null and false mean a single script."""
    for value in ("null", "false"):
        Path("specs.yaml").write_text(f"flow_location: {script}\nproject: {value}\nname: d\n")
        assert flowpack("deploy", "specs.yaml").status == 0
    assert flowpack("inspect", "hello/d", "--json").json["project"] is None


def test_prefect_yaml(deployed):
    """With --project its scripts are packaged from the folder of the file."""
    Path("prefect.yaml").write_text("deployments:\n- name: y\n  entrypoint: flows/etl.py:etl\n")
    os.chdir("flows")
    try:
        done = deployed("deploy", "../prefect.yaml", "--project", "--storage", "st", "-n", "y")
    finally:
        os.chdir("..")
    assert done.status == 0, done.err
    assert deployed("inspect", "etl/y", "--json").json["project"]["file"] == "flows/etl.py"


def test_a_word_without_project(project):
    """plan and deploy of the script alone name what is missing, and what to write."""
    done = project("plan", "flows/etl.py", "-n", "d")
    (line,) = [line for line in done.err.splitlines() if "not stored" in line]
    assert "lib.rows (lib/rows.py)" in line and "--project" in line
    Path("flows/etl.py").write_text("from .x import y\n" + ETL)
    done = project("deploy", "flows/etl.py", "-n", "d")
    assert done.status == 1 and "relative import" in done.err and "--project" in done.err
    assert project("ls").out == ""


def test_what_is_not_the_projects():
    """A module of another name than those in the search path must be installed."""
    files = {"lib/rows.py": b"import ows, lib, rows, json, flowpack, attr\nfrom . import late"}
    found = requirements(files, ["flows", "lib"])
    assert [each["module"] for each in found["requires"]] == ["attr", "lib", "ows"]
    assert found["standard"] == ["json"]
    assert found["requires"][0]["distributions"][0].startswith("attrs ")
