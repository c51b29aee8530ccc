"""What the slices of a run show of its balance: when each was made, begun and finished.

A slice of a second try has lost when its first one began: it says nothing about waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import (
    Avg,
    Count,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    Q,
    Sum,
)

from monitor.records.models import TFSlice
from monitor.records.states import SliceStatus

_ROUNDING = 1e-6
"""Ticks are sums of fractions."""
_UNFINISHED = Q(status__in=(SliceStatus.QUEUED, SliceStatus.PROCESSING))
_FIRST_TRY = Q(retries=0)
_WAIT = ExpressionWrapper(F("started_tick") - F("created_tick"), FloatField())
_WORK = ExpressionWrapper(F("finished_tick") - F("started_tick"), FloatField())


@dataclass(frozen=True)
class SliceTimes:
    """Counts and times of the slices of a run. Ticks and times are simulated seconds."""

    created: int
    queued: int
    processing: int
    completed: int
    failed: int
    retries: int
    dated: int
    """Slices that say when they were made."""
    first_tick: float | None
    """When the first slice was made."""
    last_tick: float | None
    """When the last slice was made."""
    waiting_mean: float | None
    waiting_max: float | None
    processing_mean: float | None
    processing_max: float | None

    def mean_gap(self, stfs: int) -> float | None:
        """Return the mean time from one STF to the next; None for less than two."""
        if stfs < 2 or self.first_tick is None or self.last_tick is None:
            return None
        return (self.last_tick - self.first_tick) / (stfs - 1)


@dataclass(frozen=True)
class Balance:
    """How slices and workers of a run matched. Ticks and times are simulated seconds."""

    over: bool
    """Data taking has ended."""
    settled: bool
    """It has ended, and each slice that was made has begun: nothing more will be learnt."""
    at_tick: float | None
    """When ``backlog`` holds."""
    backlog: int
    """Slices made and unfinished."""
    measured: int
    """Slices whose waiting is known."""
    late: int
    """Those of them that began after the next STF had come."""
    last_late: int
    """Late slices of the last STF."""
    last_begun: int
    """Slices of the last STF whose waiting is known."""
    data_taking_s: float | None
    """From the first STF to the end of the last one's period."""
    growth_per_s: float | None
    """How fast slices that nobody worked on became more, over whole periods of STFs."""


def slice_times(run_number: int) -> SliceTimes:
    """Read counts and times of the slices of a run, in one query."""
    by_status = {status: Count("id", filter=Q(status=status)) for status in SliceStatus.values}
    found = TFSlice.objects.filter(run_number=run_number).aggregate(
        created=Count("id"),
        sum_of_retries=Sum("retries"),
        dated=Count("created_tick"),
        first_tick=Min("created_tick"),
        last_tick=Max("created_tick"),
        waiting_mean=Avg(_WAIT, filter=_FIRST_TRY),
        waiting_max=Max(_WAIT, filter=_FIRST_TRY),
        processing_mean=Avg(_WORK),
        processing_max=Max(_WORK),
        **by_status,
    )
    return SliceTimes(retries=found.pop("sum_of_retries") or 0, **found)


def balance_of(
    run_number: int,
    times: SliceTimes,
    period: float | None,
    end_tick: float | None,
    *,
    paced: bool,
    workers: int | None,
) -> Balance:
    """Measure how slices and workers of a run matched, in one query.

    ``period``: from one STF to the next, None where nobody knows. ``paced``: simulated time takes
    wall time, so a slice that has not begun has waited until now; of another one it is not known
    when, in simulated time, it will begin. ``workers``: no more slices than
    these are in work at once.
    """
    over = end_tick is not None
    at_tick = end_tick if over else times.last_tick
    first, last = times.first_tick, times.last_tick
    span = None if first is None or last is None else last - first
    # Growth is told over whole periods: the last STF's is not over while data is taken.
    until = None if last is None else last + ((period or 0.0) if over else 0.0)
    found = _measured(run_number, at_tick, until, period, last)
    settled = over and not found["not_begun"]
    measured = None if span is None else (span + (period or 0.0) if over else span)
    known = paced or not found["not_begun"]
    waiting = found["waiting"]
    if times.retries and workers is not None:
        # Of a slice of a second try it is not known when it was in work, only that few can be.
        waiting = max(waiting, found["open"] - workers)
    return Balance(
        over=over,
        settled=settled,
        at_tick=at_tick,
        backlog=found["backlog"],
        measured=found["measured"],
        late=found["late"],
        last_late=found["last_late"],
        last_begun=found["last_begun"],
        data_taking_s=None if span is None or period is None else span + period,
        growth_per_s=waiting / measured if measured and known else None,
    )


def _measured(
    run_number: int,
    at_tick: float | None,
    until: float | None,
    period: float | None,
    last: float | None,
) -> dict[str, Any]:
    late = _FIRST_TRY & Q(wait__gt=period + _ROUNDING) if period is not None else Q(pk=None)
    of_last = Q(created_tick=last) if last is not None else Q(pk=None)
    begun = Q(retries__gt=0) | Q(started_tick__isnull=False)
    rows = TFSlice.objects.filter(run_number=run_number).annotate(wait=_WAIT)
    found: dict[str, Any] = rows.aggregate(
        backlog=Count("id", filter=_unfinished_at(at_tick)),
        open=Count("id", filter=_open_at(until)),
        waiting=Count("id", filter=_waiting_at(until)),
        measured=Count("id", filter=_FIRST_TRY & Q(wait__isnull=False)),
        not_begun=Count("id", filter=~begun & _UNFINISHED),
        late=Count("id", filter=late),
        last_late=Count("id", filter=late & of_last),
        last_begun=Count("id", filter=of_last & _FIRST_TRY & Q(started_tick__isnull=False)),
    )
    return found


def _unfinished_at(tick: float | None) -> Q:
    if tick is None:
        return _UNFINISHED
    made = Q(created_tick=None) | Q(created_tick__lte=tick)
    return made & (_UNFINISHED | Q(finished_tick__gt=tick))


def _open_at(tick: float | None) -> Q:
    """Return the condition that a slice was made before a tick and was unfinished then."""
    if tick is None:
        return Q(pk=None)
    before = Q(created_tick__lt=tick - _ROUNDING)
    return before & (_UNFINISHED | Q(finished_tick__gt=tick + _ROUNDING))


def _waiting_at(tick: float | None) -> Q:
    """Return the condition that a slice was made before a tick and nobody worked on it then."""
    if tick is None:
        return Q(pk=None)
    before = Q(created_tick__lt=tick - _ROUNDING) & _FIRST_TRY
    open_ = Q(started_tick=None) & _UNFINISHED
    return before & (open_ | Q(started_tick__gt=tick + _ROUNDING))
