"""docs/production.md as what it is: blocks of shell for a host and a user, to be run in order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.system.production.hosts import Host

_LINE = re.compile(r"^## (?P<section>.+)$|^```sh (?P<host>\w+) (?P<user>\w+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of shell."""

    section: str
    """The heading of second order above it."""
    host: str
    user: str
    text: str


def read_blocks(path: Path) -> list[Block]:
    """Return the blocks of a document in their order."""
    text = path.read_text(encoding="utf-8")
    blocks, section = [], ""
    for line in _LINE.finditer(text):
        if line["section"]:
            section = line["section"]
        else:
            end = text.index("\n```\n", line.end() - 1)
            blocks.append(Block(section, line["host"], line["user"], text[line.end() : end + 1]))
    return blocks


@dataclass
class Administrator:
    """An administrator who follows the manual to the letter."""

    hosts: Mapping[str, Host]
    blocks: list[Block]
    replacements: dict[str, str] = field(default_factory=dict)
    """What to put in for the manual's words in capitals."""

    def sections(self) -> list[str]:
        """Return the headings of sections with steps, in their order."""
        return list(dict.fromkeys(block.section for block in self.blocks))

    def steps(self, section: str) -> list[Block]:
        """Return the steps of a section."""
        return [block for block in self.blocks if block.section == section]

    def do(self, block: Block) -> str:
        """Run a block and return its output; it has to succeed."""
        text = block.text
        for word, value in self.replacements.items():
            text = re.sub(rf"(?<![\w-]){word}(?![\w-])", value, text)
        return self.hosts[block.host].run(text, block.user).stdout
