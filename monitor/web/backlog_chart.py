"""How the slices of a run were made and finished over simulated time, as lines to draw."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from django.db.models import Count, F, Max
from django.db.models.functions import Floor

from monitor.records.database.cache import cached_for_large_run
from monitor.records.models import TFSlice
from monitor.records.statistics import run_statistics
from swf_common_lib.errors import NotFound

STEPS = 120
WIDTH, HEIGHT = 1000, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 20


@dataclass(frozen=True)
class BacklogChart:
    """Lines as points of an SVG of ``WIDTH`` x ``HEIGHT``; ticks are simulated seconds."""

    made: str
    finished: str
    backlog: str
    last_tick: float
    most: int
    """Greatest number on the vertical axis: all slices."""
    peak: int
    """The greatest backlog."""
    peak_tick: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def backlog_chart(run_number: int) -> BacklogChart | None:
    """Return the chart of a run's slices, from three queries; None before the first slice."""
    rows = TFSlice.objects.filter(run_number=run_number)
    ends = rows.aggregate(made=Max("created_tick"), finished=Max("finished_tick"))
    last = max(ends["made"] or 0.0, ends["finished"] or 0.0)
    if ends["made"] is None or last <= 0:
        return None
    width = last / STEPS
    made = _cumulated(run_number, "created_tick", width)
    finished = _cumulated(run_number, "finished_tick", width)
    backlog = [m - f for m, f in zip(made, finished, strict=True)]
    most = max(made)
    peak = max(backlog)
    return BacklogChart(
        made=_points(made, most),
        finished=_points(finished, most),
        backlog=_points(backlog, most),
        last_tick=last,
        most=most,
        peak=peak,
        peak_tick=backlog.index(peak) * width,
    )


def _cumulated(run_number: int, column: str, width: float) -> list[int]:
    """Return how many slices have ``column`` before the end of each step."""
    counts = [0] * (STEPS + 1)
    rows = (
        TFSlice.objects.filter(run_number=run_number, **{f"{column}__isnull": False})
        .annotate(step=Floor(F(column) / width))
        .values_list("step")
        .annotate(Count("id"))
        .order_by()
    )
    for step, count in rows:
        counts[min(max(int(step), 0), STEPS)] += count
    return list(accumulate(counts))


def _points(values: list[int], most: int) -> str:
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    return " ".join(
        f"{LEFT + across * step / STEPS:.1f},{TOP + up * (1 - value / most):.1f}"
        for step, value in enumerate(values)
    )


def statistics_of(run_number: int | None) -> dict[str, Any]:
    """Return ``statistics`` and ``chart`` of a run; empty before the run has a state."""
    if run_number is None:
        return {}
    try:
        statistics = run_statistics(run_number)
    except NotFound:
        return {}
    chart = cached_for_large_run(
        "backlog-chart",
        run_number,
        statistics.phase,
        statistics.slices.created,
        lambda: backlog_chart(run_number),
    )
    return {"statistics": statistics, "chart": chart}
