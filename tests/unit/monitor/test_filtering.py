"""Filters: one definition each, strict about names and values, whatever comes in."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone as zones
from hypothesis import given
from hypothesis import strategies as st

from monitor.records.queries import selections
from monitor.records.queries.pages import page_of
from monitor.records.queries.selection import Selection, read_time
from monitor.records.queries.selections import EXECUTIONS, MESSAGES
from swf_common_lib.errors import InvalidRequest

FILTERS = {name: made for name, made in vars(selections).items() if isinstance(made, Selection)}


@pytest.mark.parametrize("name", FILTERS)
def test_every_parameter_makes_a_query(name: str) -> None:
    selection = FILTERS[name]
    fitting = {
        "boolean": "true",
        "integer": "1,2",
        "string": "a,b",
    }
    for parameter, defined in selection.parameters.items():
        value = ",".join(defined.choices) or fitting[defined.kind]
        if parameter in ("since", "until"):
            value = "-2h"
        if parameter == "level":
            value = "error"
        assert str(selection.select({parameter: value}).query)
    for order in ("newest", *selection.orderings):
        for sign in ("", "-"):
            assert str(selection.select({"ordering": sign + order}).query)


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(InvalidRequest, match="did you mean status"):
        EXECUTIONS.select({"staus": "running"})
    with pytest.raises(InvalidRequest, match="did you mean message_type"):
        MESSAGES.select({"mesage_type": "stf_gen"})
    with pytest.raises(InvalidRequest, match="did you mean execution_id"):
        EXECUTIONS.select({"ordering": "execution_di"})


def test_empty_values_and_paging_select_nothing_out() -> None:
    plain = str(MESSAGES.select({}).query)
    assert str(MESSAGES.select({"run_id": "", "limit": "3", "cursor": "x"}).query) == plain


def test_choices_take_any_case_and_name_what_there_is() -> None:
    assert "running" in str(EXECUTIONS.select({"status": "RUNNING,paused"}).query)
    with pytest.raises(InvalidRequest, match="pending, running"):
        EXECUTIONS.select({"status": "sleeping"})


@pytest.mark.parametrize(
    ("text", "age"),
    [("-90s", 90), ("-2h", 7200), ("-1.5h", 5400), ("-1d", 86400), ("-1w", 604800), ("now", 0)],
)
def test_relative_times(text: str, age: float) -> None:
    before = zones.now()
    moment = read_time(text) + timedelta(seconds=age)
    assert before <= moment <= zones.now()


def test_iso_times() -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
    assert read_time("2026-05-01T12:00:00Z") == noon
    assert read_time("2026-05-01T14:00:00+02:00") == noon
    assert read_time("2026-05-01T14:00:00 02:00") == noon  # as a query's plus sign arrives
    with zones.override(ZoneInfo("Europe/Berlin")):
        assert read_time("2026-05-01T14:00:00") == noon
    assert read_time("2026-05-01") - noon < timedelta(days=1)


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        moment = read_time(text)
    except (ValueError, OverflowError):
        return
    assert moment.tzinfo is not None


@given(
    st.sampled_from(sorted(FILTERS)),
    st.data(),
    st.one_of(st.text(max_size=40), st.integers().map(str), st.floats().map(str)),
)
def test_any_value_is_taken_or_refused(name: str, data: st.DataObject, value: str) -> None:
    selection = FILTERS[name]
    known = [*selection.parameters, "ordering", "limit", "colour"]
    parameter = data.draw(st.sampled_from(known))
    try:
        query = selection.select({parameter: value}).query
    except InvalidRequest:
        return
    assert query.model is selection.rows().model


@given(st.text(max_size=60))
def test_any_cursor_but_ours_is_refused(cursor: str) -> None:
    rows = MESSAGES.select({})
    if cursor:
        with pytest.raises(InvalidRequest, match="cursor"):
            page_of(rows, ("-id",), 3, cursor)
