"""JSON schemas as short as they can be: an assistant reads all of them, each time."""

from __future__ import annotations

from typing import Any

_NULL = {"type": "null"}


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    """Give ``schema`` without titles and without "or null" of what may be left out.

    Results leave out what is None (see ``results.py``), so the shorter schema is still true.
    """
    if "properties" in schema:
        schema = {
            **schema,
            "properties": {name: compact(inner) for name, inner in schema["properties"].items()},
        }
    if "$defs" in schema:
        schema = {
            **schema,
            "$defs": {name: compact(inner) for name, inner in schema["$defs"].items()},
        }
    if isinstance(schema.get("items"), dict):
        schema = {**schema, "items": compact(schema["items"])}
    if isinstance(schema.get("additionalProperties"), dict):
        schema = {**schema, "additionalProperties": compact(schema["additionalProperties"])}
    short = {key: value for key, value in schema.items() if not _is_noise(key, value)}
    branches = short.pop("anyOf", None)
    if branches is None:
        return short
    kept = [compact(branch) for branch in branches if branch != _NULL]
    return {**kept[0], **short} if len(kept) == 1 else {**short, "anyOf": kept}


def _is_noise(key: str, value: object) -> bool:
    if key == "title":
        return isinstance(value, str)
    if key == "additionalProperties":
        return value is True
    if key == "format":
        return value == "date-time"  # the server's instructions say it of all times
    return key == "default" and value in (None, "", [], {})
