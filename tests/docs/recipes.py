"""Follows the pages of ``docs/recipes`` as their readers do."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Mapping

from tests.docs.transcripts import Block, Session, read_page

#: The repository.
ROOT = Path(__file__).parents[2]

RECIPES = ROOT / "docs" / "recipes"

#: Where the programs are that a recipe's reader has installed.
BIN = Path(sys.executable).parent

#: The address of Prefect's server on the pages.
SERVER = "127.0.0.1:4200"


def read_recipe(name: str) -> list[Block]:
    """Return the code blocks of a recipe."""
    return read_page(RECIPES / f"{name}.rst")


def variables(home: Path, **more: str) -> dict[str, str]:
    """Return the whole environment of a reader whose folder is *home*."""
    path = f"{BIN}:{os.defpath}:/usr/sbin"
    return {"HOME": str(home), "LANG": "C.UTF-8", "PATH": path, **more}


def play(name: str, home: Path, replace: Mapping[str, str] | None = None) -> None:
    """Follow the recipe *name* in the folder *home*: write its files, run its commands.

    Raises:
        AssertionError: A command prints something else than the page says, or fails.
    """
    blocks = [block for block in read_recipe(name) if "cell" not in block.classes]
    with Session(home, variables(home)) as session:
        done = session.play(blocks, {"/home/ada": str(home), **(replace or {})})
    assert done, f"{name} has no commands"


def write_files(blocks: list[Block], folder: Path, replace: Mapping[str, str]) -> None:
    """Write the files that *blocks* show into *folder*, with texts of the page replaced."""
    for block in blocks:
        if block.caption:
            text = block.text
            for old, new in replace.items():
                text = text.replace(old, new)
            file = folder / block.caption
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
