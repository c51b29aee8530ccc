"""Texts for answers and reports: times, numbers, lines of limited length."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def given(**values: Any) -> dict[str, Any]:
    """Return the entries that have a value: neither None nor an empty text, list or table."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


def instant(moment: datetime | None, timespec: str = "seconds") -> str | None:
    """Return a time in UTC as ISO 8601."""
    return None if moment is None else moment.isoformat(timespec=timespec).replace("+00:00", "Z")


def rounded(seconds: float | None, digits: int = 1) -> float | None:
    """Return a number of seconds, rounded for display."""
    return None if seconds is None else round(seconds, digits)


def middle_cut(text: str, longest: int) -> str:
    """Return a text's beginning and end, ``longest`` characters together, and how much was cut."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} ... ({len(text) - 2 * half} characters left out) ... {text[-half:]}"


def short(text: str, length: int) -> str:
    """Return the first line of a text, ``length`` characters of it at most."""
    line = text.strip().split("\n", 1)[0].strip()
    return line if len(line) <= length else f"{line[: max(0, length - 3)]}..."
