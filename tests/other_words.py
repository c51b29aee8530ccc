"""Plugin of pytest that puts other words into every sentence of the surfaces' tables.

`make other-words` runs the tests of rules, prospects and diagnosis with it: whatever they assert
has to be a value. Tests of the sentences themselves are marked ``sentences`` and left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import TypeVar

import pytest

_KEPT = re.compile(r"(\{\w+\})")
_WORD = re.compile(r"[^\W\d_]+")
TABLES = ("SENTENCES", "ADVICE")
Key = TypeVar("Key")


def modules() -> tuple[ModuleType, ...]:
    """Return the module of each surface's table. Needs Django's settings."""
    from mcp_server.answers import finding_texts as mcp
    from monitor.web import finding_texts as web
    from orchestrator.cli import finding_texts as terminal

    return mcp, web, terminal


def other_words(text: str) -> str:
    """Return a text with each word spelt backwards; its fields and brackets stay."""
    parts = _KEPT.split(text)
    return "".join(
        part if _KEPT.fullmatch(part) else _WORD.sub(lambda word: word[0][::-1], part)
        for part in parts
    )


def changed(table: Mapping[Key, str]) -> Mapping[Key, str]:
    """Return a table of texts in other words."""
    return MappingProxyType({key: other_words(text) for key, text in table.items()})


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    for module in modules():
        for table in TABLES:
            setattr(module, table, changed(getattr(module, table)))
