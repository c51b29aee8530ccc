"""Counting of a page's whole selection: all of it, or no further than asked."""

from __future__ import annotations

import pytest
from django.utils import timezone

from monitor.records.models import WorkflowMessage
from monitor.records.queries.pages import Page, Window, page_of, window_of

pytestmark = pytest.mark.django_db

ROWS = 7


@pytest.fixture(autouse=True)
def messages() -> None:
    now = timezone.now()
    WorkflowMessage.objects.bulk_create(
        WorkflowMessage(
            message_id=f"m{number}",
            message_type="note",
            destination="/topic/epictopic",
            sent_at=now,
            received_at=now,
            content={},
        )
        for number in range(ROWS)
    )


def _page(cursor: str | None = None, count_to: int | None = None) -> Page[WorkflowMessage]:
    return page_of(WorkflowMessage.objects.all(), ("-id",), 3, cursor, count_to)


def test_all_are_counted_unless_told() -> None:
    page = _page()
    assert (page.total, page.more_than_total) == (ROWS, False)


def test_counting_ends_where_told() -> None:
    page = _page(count_to=ROWS - 1)
    assert (page.total, page.more_than_total) == (ROWS - 1, True)
    following = _page(page.next_cursor, count_to=2)
    assert (following.total, following.more_than_total) == (2, True)


def test_a_count_that_just_suffices_is_exact() -> None:
    page = _page(count_to=ROWS)
    assert (page.total, page.more_than_total) == (ROWS, False)


def test_what_fits_on_one_page_needs_no_counting() -> None:
    page = page_of(WorkflowMessage.objects.all(), ("-id",), ROWS, None, 2)
    assert (page.total, page.more_than_total) == (ROWS, False)
    assert page.next_cursor is None


def _window(
    cursor: str | None = None, order: str = "-id", *, backwards: bool = False
) -> Window[WorkflowMessage]:
    return window_of(WorkflowMessage.objects.all(), (order,), 3, cursor, backwards=backwards)


@pytest.mark.parametrize("order", ["-id", "id"])
def test_windows_lead_to_the_end_and_back(order: str) -> None:
    rows = list(WorkflowMessage.objects.order_by(order))
    first = _window(order=order)
    second = _window(first.end, order)
    third = _window(second.end, order)

    assert [*first.items, *second.items, *third.items] == rows
    assert [(w.before, w.after) for w in (first, second, third)] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert _window(third.start, order, backwards=True) == second
    back = _window(second.start, order, backwards=True)
    assert (back.items, back.before, back.after) == (first.items, False, True)


def test_the_last_rows_are_those_before_nothing() -> None:
    last = _window(backwards=True)
    assert last.items == list(WorkflowMessage.objects.order_by("id"))[2::-1]
    assert (last.before, last.after) == (True, False)


def test_beyond_either_end_there_is_nothing() -> None:
    newest, oldest = _window(), _window(backwards=True)
    assert _window(newest.start, backwards=True).items == []
    assert _window(oldest.end).items == []
