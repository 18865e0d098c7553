"""Reads the code blocks of a page of the documentation."""

from __future__ import annotations

import doctest
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_DIRECTIVE = re.compile(r"( *)\.\. code-block:: *(\S+)\s*")
_CAPTION = re.compile(r" +:caption: *(.+?)\s*")


@dataclass(frozen=True)
class Block:
    """A code block: its language, its caption or "", its text, and the line it begins on."""

    language: str
    caption: str
    text: str
    line: int

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command of a console session, and the output under it."""
        parts = re.split(r"^\$ ", self.text, flags=re.MULTILINE)
        return [(each.partition("\n")[0], each.partition("\n")[2]) for each in parts[1:]]


def read_page(path: Path) -> list[Block]:
    """Return the code blocks of the page, in order."""
    lines = path.read_text("utf-8").splitlines()
    blocks = []
    for number, line in enumerate(lines):
        found = _DIRECTIVE.fullmatch(line)
        if not found:
            continue
        depth, caption, body = len(found[1]), "", []
        for each in lines[number + 1 :]:
            if each.strip() and len(each) - len(each.lstrip()) <= depth:
                break
            option = _CAPTION.fullmatch(each)
            if option and not body:
                caption = option[1]
            elif body or each.strip():
                body.append(each)
        text = textwrap.dedent("\n".join(body)).strip("\n") + "\n"
        blocks.append(Block(found[2], caption, text, number + 1))
    return blocks


def is_same(expected: str, output: str) -> bool:
    """Return True if the output is as expected, where ``...`` stands for anything."""
    return doctest.OutputChecker().check_output(expected, output, doctest.ELLIPSIS)
