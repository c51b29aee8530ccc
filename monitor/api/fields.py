"""JSON fields whose form in the wire contract differs from that of REST framework."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import Any

from django.db import models
from rest_framework import serializers

from monitor.records.models import FastMonFile, StfFile
from swf_common_lib.errors import NotFound


def printable(text: str) -> None:
    """Raise ValidationError for an id with line ends or the like: nobody could link to it."""
    if not text.isprintable():
        raise serializers.ValidationError("Expected printable characters alone.")


def positive(number: float) -> None:
    """Refuse what is not above 0, and what is no number."""
    if not number > 0:  # as NaN is not
        raise serializers.ValidationError("Expected a number greater than 0.")


class TimeField(serializers.DateTimeField):
    """ISO 8601: read without a zone as the server's local time, always written in UTC."""

    def to_representation(self, value: Any) -> Any:
        """Write in UTC."""
        if isinstance(value, datetime):
            return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
        return value


class RecordSerializer(serializers.ModelSerializer[Any]):
    """A record as JSON."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: TimeField,
    }

    def to_internal_value(self, data: Any) -> Any:
        """Read a record. An optional field that is null counts as not given."""
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if not self._left_out(name, value)}
        return super().to_internal_value(data)

    def _left_out(self, name: str, value: Any) -> bool:
        field = self.fields.get(name) if value is None else None
        return field is not None and not (field.required or field.allow_null)


class TableField(serializers.JSONField):
    """A JSON object."""

    default_error_messages = {
        "not_a_table": "Expected a JSON object, not {kind}.",
        "not_storable": "Cannot be stored as JSON: {why}.",
    }

    def to_internal_value(self, data: Any) -> Any:
        """Return a JSON object; refuse anything else, and infinite numbers (1e999 is one)."""
        if not isinstance(data, dict):
            self.fail("not_a_table", kind=type(data).__name__)
        try:
            json.dumps(data, allow_nan=False)
        except (ValueError, RecursionError) as error:
            self.fail("not_storable", why=error)
        return data


class StfFileField(serializers.Field[StfFile, Any, str, Any]):
    """An STF file: named by its file name or its UUID, written as its UUID."""

    def to_internal_value(self, data: Any) -> StfFile:
        """Return the file; raise NotFound. Agents then try again: it may not be registered yet."""
        name = str(data)
        files = StfFile.objects.select_related("run")
        found: StfFile | None = files.filter(stf_filename=name).first()
        if found is None and (key := _uuid(name)) is not None:
            found = files.filter(pk=key).first()
        if found is None:
            raise NotFound(
                f"STF file {name[:255]!r} is not registered", "Register it first, or try again."
            )
        return found

    def to_representation(self, value: StfFile) -> str:
        """Write its UUID."""
        return str(value.pk)


def find_sample(tf_filename: str) -> FastMonFile:
    """Return a TF sample by its file name; raise NotFound: it may not be registered yet."""
    found: FastMonFile | None = (
        FastMonFile.objects.select_related("stf_file").filter(tf_filename=tf_filename).first()
    )
    if found is None:
        raise NotFound(
            f"TF sample {tf_filename[:255]!r} is not registered",
            "Register it first, or try again.",
        )
    return found


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
