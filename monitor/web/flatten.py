"""Nested values as readable lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils.safestring import SafeString, mark_safe
from pygments import highlight as render
from pygments.formatters import HtmlFormatter
from pygments.lexers import JsonLexer, PythonLexer, TOMLLexer

MAX_LINES = 1000
MAX_TEXT = 200_000
"""Characters of JSON that are shown; REST has all of it."""


def flatten(value: Any, limit: int = MAX_LINES) -> list[tuple[str, Any]]:
    """Return the leaves of ``value``, each with its dotted key, in order, at most ``limit``.

    Items of a list have their index as key. Empty objects and lists are leaves.
    """
    leaves: list[tuple[str, Any]] = []
    # A stack, not recursion: a message may nest deeper than Python recurses.
    stack: list[Iterator[tuple[str, Any]]] = [iter([("", value)])]
    while stack and len(leaves) < limit:
        key, item = next(stack[-1], (None, None))
        if key is None:
            stack.pop()
        elif isinstance(item, (Mapping, list)) and item:
            stack.append(_children(key, item))
        else:
            leaves.append((key, item))
    return leaves


def _children(prefix: str, value: Mapping[str, Any] | Sequence[Any]) -> Iterator[tuple[str, Any]]:
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    return ((f"{prefix}.{key}" if prefix else str(key), item) for key, item in pairs)


def json_text(value: Any, limit: int = MAX_TEXT) -> str:
    """Return ``value`` as indented JSON, cut after ``limit`` characters."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    except RecursionError:
        return "Nested too deeply to be shown; the REST interface gives it."
    if len(text) > limit:
        return (
            f"{text[:limit]}\n… {len(text) - limit} characters more; the REST interface gives all."
        )
    return text


_LEXERS = {"json": JsonLexer, "python": PythonLexer, "toml": TOMLLexer}


def highlight(text: str, language: str, *, numbered: bool = False) -> SafeString:
    """Return ``text`` as highlighted HTML; ``language`` is json, python or toml.

    Colours are classes, which the stylesheet defines: the page's policy forbids inline styles.
    """
    formatter = HtmlFormatter(
        cssclass="code", linenos="inline" if numbered else False, wrapcode=True
    )
    html: str = render(text, _LEXERS[language](stripnl=False), formatter)
    return mark_safe(html)  # noqa: S308 - Pygments escapes the text
