"""How parameters of a request become the filters of a query."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from datetime import timezone as zones
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from swf_common_lib.errors import InvalidRequest
from swf_common_lib.suggestions import did_you_mean

PAGING = ("limit", "cursor", "format")
"""Parameters of a list that are no filters."""
_RELATIVE = re.compile(r"-(?P<number>\d{1,9}(?:\.\d{1,3})?)(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LARGEST = 2**63 - 1

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class QueryParameter:
    """One filter: a parameter by which rows can be selected."""

    condition: Callable[[Any], Q]
    """Returns the condition for a value that ``read`` returned."""
    read: Callable[[str], Any]
    """Converts a parameter's text; raises ValueError that says what was expected."""
    description: str
    kind: str = "string"
    """Type in the OpenAPI description."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection(Generic[M]):
    """The rows of one table, how they can be selected, and in which order they come."""

    name: str
    rows: Callable[[], QuerySet[M]]
    parameters: Mapping[str, QueryParameter]
    newest: tuple[str, ...]
    """Columns, never null and unique together, whose descending order is newest first."""
    orderings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Other possible orders, by name; columns as in ``newest``."""

    def select(self, params: Mapping[str, str]) -> QuerySet[M]:
        """Return the rows that the parameters select, newest first unless ``ordering`` differs.

        Empty values filter nothing. Raises InvalidRequest for an unknown parameter, naming the
        nearest, and for a value that cannot be read.
        """
        condition = Q()
        for name, text in params.items():
            if name == "ordering" or name in PAGING or text in ("", None):
                continue
            condition &= self._condition(name, str(text))
        rows: QuerySet[M] = self.rows().filter(condition).order_by(*self.order(params))
        return rows

    def order(self, params: Mapping[str, str]) -> tuple[str, ...]:
        """Return the columns by which the rows are ordered, with ``-`` before descending ones."""
        wanted = str(params.get("ordering") or "-newest")
        name = wanted.removeprefix("-")
        known = {"newest": self.newest, self.newest[0]: self.newest, **self.orderings}
        if name not in known:
            raise InvalidRequest(
                f"{self.name} cannot be ordered by {name!r}; {did_you_mean(name, known)}",
                "A - before the name reverses the order.",
            )
        sign = "-" if wanted.startswith("-") else ""
        return tuple(sign + column for column in known[name])

    def _condition(self, name: str, text: str) -> Q:
        parameter = self.parameters.get(name)
        if parameter is None:
            known = [*self.parameters, "ordering", "limit", "cursor"]
            raise InvalidRequest(
                f"{self.name} cannot be selected by {name!r}; {did_you_mean(name, known)}",
                f"They can be selected by {', '.join(self.parameters)}.",
            )
        try:
            return parameter.condition(parameter.read(text))
        except (ValueError, OverflowError) as error:
            raise InvalidRequest(f"{name}={text}: {error}") from error


def text(lookup: str, description: str) -> QueryParameter:
    """Return a parameter that takes a text, or several separated by commas."""

    def condition(values: list[str]) -> Q:
        return Q(**{lookup: values[0]}) if len(values) == 1 else Q(**{f"{lookup}__in": values})

    return QueryParameter(condition, _read_texts, f"{description}; several separated by commas")


def name_of_file(lookup: str, description: str) -> QueryParameter:
    """Return a parameter that takes one text, which may have commas."""
    return QueryParameter(lambda value: Q(**{lookup: value}), _read_text, description)


def number(lookup: str, description: str) -> QueryParameter:
    """Return a parameter that takes a whole number, or several separated by commas."""

    def condition(values: list[int]) -> Q:
        return Q(**{f"{lookup}__in": values})

    return QueryParameter(condition, _read_numbers, description, kind="integer")


def choice(lookup: str, values: Iterable[str], description: str) -> QueryParameter:
    """Return a parameter that takes one of some values, or several separated by commas."""
    known = tuple(values)
    by_folded = {value.casefold(): value for value in known}

    def read(text: str) -> list[str]:
        words = _read_texts(text)
        for word in words:
            if word.casefold() not in by_folded:
                raise ValueError(f"expected one of {', '.join(known)}")
        return [by_folded[word.casefold()] for word in words]

    return QueryParameter(
        lambda found: Q(**{f"{lookup}__in": found}), read, description, choices=known
    )


def flag(lookup: str, description: str) -> QueryParameter:
    """Return a parameter that takes true or false."""
    return QueryParameter(
        lambda value: Q(**{lookup: value}), _read_flag, description, kind="boolean"
    )


def since_until(column: str) -> dict[str, QueryParameter]:
    """Return the parameters ``since`` and ``until``, which select a time range of a column."""
    form = "ISO 8601, or relative to now: -90s, -30m, -2h, -1d, -1w"
    return {
        "since": QueryParameter(
            lambda moment: Q(**{f"{column}__gte": moment}), read_time, f"not before; {form}"
        ),
        "until": QueryParameter(
            lambda moment: Q(**{f"{column}__lt": moment}), read_time, f"before; {form}"
        ),
    }


def read_time(text: str) -> datetime:
    """Return the moment in a text: ISO 8601 (without a zone: server time) or relative to now."""
    if text == "now":
        return timezone.now()
    match = _RELATIVE.fullmatch(text)
    if match:
        return timezone.now() - timedelta(**{_UNITS[match["unit"]]: float(match["number"])})
    # In a URL a plus sign means a blank: 2026-05-01T12:00:00+02:00 often arrives with one.
    moment = parse_datetime(text) or parse_datetime(text.replace(" ", "+"))
    if moment is None:
        raise ValueError("expected a time: ISO 8601 such as 2026-05-01T12:00:00Z, or -2h, -30m")
    aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return aware.astimezone(zones.utc)  # raises for a time that no database can store


def read_number(text: str) -> int:
    """Return the whole number in a text; raise ValueError for one that no database can store."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError("expected a whole number") from None
    if abs(value) > _LARGEST:
        raise ValueError("expected a whole number of at most 64 bits")
    return value


def _read_numbers(text: str) -> list[int]:
    return [read_number(part) for part in text.split(",")]


def _read_text(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds no NUL character")
    return text


def _read_texts(text: str) -> list[str]:
    return [part.strip() for part in _read_text(text).split(",")]


def _read_flag(text: str) -> bool:
    word = text.casefold()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("expected true or false")
    return word in ("true", "1", "yes")
