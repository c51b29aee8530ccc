"""JSON schemas as short as they can be: an assistant reads all of them, each time."""

from __future__ import annotations

from typing import Any

_NULL = {"type": "null"}
_ENFORCED_ONLY = ("title", "maxLength", "minLength", "maxProperties")
"""Not published: a call that breaks one of these bounds gets an error that names it."""
_LARGEST = 2**31
_ROWS = 20
"""Of a page, unless asked otherwise; the server's instructions say so."""


def lean_input(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments: names, types, bounds of numbers, examples."""
    properties = {name: _lean(inner) for name, inner in schema.get("properties", {}).items()}
    lean = {"type": "object", "properties": properties}
    return {**lean, "required": schema["required"]} if schema.get("required") else lean


def lean_output(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's result: the fields that are always there, with their types.

    Optional fields, and what is inside a field, are seen in the answers.
    """
    always = schema.get("required", ())
    fields = {name: inner for name, inner in schema["properties"].items() if name in always}
    return {
        "type": "object",
        "properties": {name: {"type": _type(inner)} for name, inner in fields.items()},
    }


def _lean(schema: dict[str, Any]) -> dict[str, Any]:
    branches = schema.get("anyOf")
    short = {key: value for key, value in schema.items() if not _is_noise(key, value)}
    if branches is None:
        if isinstance(short.get("items"), dict):
            short["items"] = _lean(short["items"])
        return short
    kept = [_lean(branch) for branch in branches if branch != _NULL]
    del short["anyOf"]
    return {**kept[0], **short} if len(kept) == 1 else {**short, "anyOf": kept}


def _type(schema: dict[str, Any]) -> str:
    for branch in (schema, *schema.get("anyOf", ())):
        if branch.get("type", "null") != "null":
            return str(branch["type"])
    return "object"


def _is_noise(key: str, value: object) -> bool:
    if key in _ENFORCED_ONLY:
        return True
    if key == "additionalProperties":
        return value is True
    if key in ("minimum", "maximum"):
        return isinstance(value, int | float) and abs(value) > _LARGEST
    if key == "default":
        return value in (None, "", [], {}, "concise", _ROWS)
    return False
