"""Fixtures of the command line's tests."""

import json
from typing import Any, NamedTuple

import pytest

from flowpack.cli import main
from tests.clients import script

__all__ = ["script"]


class Result(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON document on standard output; fails if there is anything else."""
        return json.loads(self.out)


@pytest.fixture
def flowpack(capsys, tmp_path, monkeypatch):
    """Run a command in an empty folder of its own, in this process."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*argv):
        capsys.readouterr()
        status = main([str(each) for each in argv])
        return Result(status, *capsys.readouterr())

    return run
