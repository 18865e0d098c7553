"""What the source archive and the wheel hold, built as a release is."""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path
from typing import Mapping

import pytest

import flowpack
from tests.source import PACKAGE, ROOT

pytest.importorskip("setuptools")

NAME = f"flowpack-{flowpack.__version__}"
BUILD = "import sys, setuptools.build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"

#: What work in a checkout leaves behind, and no release may hold.
LEFT_BEHIND = (
    ".ci/work/logs/lint.log",
    ".coverage",
    ".mypy_cache/x.json",
    ".tox/x.txt",
    ".venv/x.py",
    "docs/_build/index.html",
    "examples/store/x",
    "flowpack/__pycache__/x.cpython-313.pyc",
    "flowpack/x.so",
    "tests/__pycache__/x.cpython-313.pyc",
)


def source_files() -> set[str]:
    """Return the files of the project: what git tracks or, without git, what was released."""
    if (ROOT / ".git").exists():
        command = ["git", "-C", os.fspath(ROOT), "ls-files", "-z"]
        tracked = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        names = tracked.strip("\0").split("\0")
    else:
        sources = ROOT / "flowpack.egg-info" / "SOURCES.txt"
        if not sources.exists():
            pytest.skip("neither a git checkout nor an unpacked source archive")
        names = sources.read_text("utf-8").splitlines()
    return {name for name in names if ".egg-info/" not in name and (ROOT / name).exists()}


def build(kind: str, folder: Path, target: Path) -> Path:
    """Build ``sdist`` or ``wheel`` of the project in *folder* and return its path."""
    target.mkdir()
    command = [sys.executable, "-c", BUILD, f"build_{kind}", os.fspath(target)]
    date = {"SOURCE_DATE_EPOCH": "1767225600"}
    ended = subprocess.run(
        command, cwd=folder, env={**os.environ, **date}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    assert "Warning" not in ended.stderr, ended.stderr
    (built,) = target.iterdir()
    return built


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project as after a day's work."""
    folder = tmp_path_factory.mktemp("distribution") / "project"
    for name in source_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in LEFT_BEHIND:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def sdist(project: Path) -> Path:
    """Return the source archive."""
    return build("sdist", project, project.parent / "sdist")


@pytest.fixture(scope="module")
def unpacked(sdist: Path, project: Path) -> Path:
    """Return the folder that the source archive unpacks to."""
    with tarfile.open(sdist) as archive:
        if sys.version_info >= (3, 12):
            archive.extractall(project.parent, filter="data")
        else:
            archive.extractall(project.parent)
    return project.parent / NAME


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> Path:
    """Return the wheel that the unpacked source archive gives."""
    return build("wheel", unpacked, unpacked.parent / "wheel")


@pytest.fixture(scope="module")
def files(wheel: Path) -> Mapping[str, bytes]:
    """Return what the wheel holds, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(files: Mapping[str, bytes]) -> Message:
    """Return the wheel's metadata."""
    return Parser().parsestr(files[f"{NAME}.dist-info/METADATA"].decode())


def test_source_archive_is_complete(sdist, project):
    """It holds all that is tracked, unchanged, and nothing else."""
    assert sdist.name == f"{NAME}.tar.gz"
    with tarfile.open(sdist) as archive:
        members = {member.name: member for member in archive if member.isfile()}
        inside = {name.partition("/")[2] for name in members}
        generated = {name for name in inside if name.startswith("flowpack.egg-info/")}
        assert inside - generated - {"PKG-INFO"} == source_files()
        for name in source_files() - {"setup.cfg"}:  # There setuptools adds a section.
            extracted = archive.extractfile(members[f"{NAME}/{name}"])
            assert extracted is not None
            assert extracted.read() == (project / name).read_bytes(), name


def test_programs_stay_programs(unpacked):
    """What can be run in a checkout can be run where the archive is unpacked."""
    assert os.access(unpacked / ".ci" / "run", os.X_OK)


def test_wheel_holds_the_package_only(wheel, files):
    """Each file of flowpack is in it, the licence and the metadata; no test."""
    assert wheel.name == f"{NAME}-py3-none-any.whl"
    on_disk = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "flowpack/py.typed" in on_disk
    described = {
        f"{NAME}.dist-info/{name}"
        for name in (
            "METADATA",
            "RECORD",
            "WHEEL",
            "entry_points.txt",
            "licenses/LICENSE",
            "top_level.txt",
        )
    }
    assert set(files) == on_disk | described


def test_wheel_is_the_same_each_time(wheel, unpacked):
    """Who builds the same source gets the same bytes."""
    again = build("wheel", unpacked, unpacked.parent / "again")
    assert again.read_bytes() == wheel.read_bytes()


def test_metadata(metadata):
    """It says what flowpack is, who made it, and under which licence."""
    assert metadata["Version"] == flowpack.__version__
    assert metadata["Author"] == "The flowpack developers"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == ">=3.9"
    assert metadata["Description-Content-Type"] == "text/x-rst"
    assert metadata.get_payload().strip() == (ROOT / "README.rst").read_text("utf-8").strip()


def test_dependencies_have_no_upper_bound(metadata):
    """flowpack installs beside what is there."""
    required = metadata.get_all("Requires-Dist")
    assert required
    for each in required:
        requirement = each.partition(";")[0]
        assert "<" not in requirement and "==" not in requirement, each


def test_commands(files):
    """``flowpack`` is the only command that an installation brings."""
    parser = configparser.ConfigParser()
    parser.read_string(files[f"{NAME}.dist-info/entry_points.txt"].decode())
    assert {name: dict(parser[name]) for name in parser.sections()} == {
        "console_scripts": {"flowpack": "flowpack.__main__:program"}
    }
