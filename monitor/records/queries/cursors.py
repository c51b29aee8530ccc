"""Cursors in an ordered list of rows: a row's key as text, and the rows beyond a key."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from swf_common_lib.errors import InvalidRequest


def beyond(columns: Sequence[str], values: Sequence[Any], comparison: str) -> Q:
    """Return the condition for rows below (``lt``) or above (``gt``) the key ``values``.

    ``columns``, never null and unique together, compare like letters in a dictionary: the first
    that differs decides.
    """
    after = Q()
    for position, column in enumerate(columns):
        same = dict(zip(columns[:position], values[:position], strict=True))
        after |= Q(**same, **{f"{column}__{comparison}": values[position]})
    # This follows from the other conditions, but lets the database use its index.
    return Q(**{f"{columns[0]}__{comparison}e": values[0]}) & after


def encode_key(row: Model, columns: Sequence[str]) -> str:
    """Return the key of ``row`` as text that is allowed in a URL."""
    fields = {field.name: field for field in row._meta.concrete_fields}
    values = [fields[column].value_to_string(row) for column in columns]
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_key(model: type[Model], columns: Sequence[str], text: str) -> list[Any]:
    """Return the values of a key; raise InvalidRequest for a text that is no key of this list."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    try:
        padded = text + "=" * (-len(text) % 4)
        parts = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise ValueError(parts)
        values = [
            fields[column].to_python(part) for column, part in zip(columns, parts, strict=True)
        ]
        # What is no key of any row would be refused by the database.
        if not all(_storable(value) for value in values):
            raise ValueError(values)
    except (ValueError, ValidationError, binascii.Error, OverflowError, RecursionError) as error:
        raise InvalidRequest(
            f"cursor {text!r} is not one of this list",
            "Take it unchanged from the answer before, with the same filters and order, "
            "or begin again without it.",
        ) from error
    return values


def _storable(value: Any) -> bool:
    if isinstance(value, int):
        return abs(value) < 2**63
    return not (isinstance(value, str) and "\0" in value)
