"""The numbers of a run that its page and its execution's page show."""

from __future__ import annotations

from typing import Any

from monitor.records.kept import kept_of_run
from monitor.records.statistics import run_statistics
from monitor.web.backlog_chart import backlog_chart
from swf_common_lib.errors import NotFound


def statistics_of(run_number: int | None) -> dict[str, Any]:
    """Give ``statistics`` and ``chart`` of a run; empty before the run has a state."""
    if run_number is None:
        return {}
    try:
        statistics = run_statistics(run_number)
    except NotFound:
        return {}
    chart = kept_of_run(
        "backlog-chart",
        run_number,
        statistics.phase,
        statistics.slices.created,
        lambda: backlog_chart(run_number),
    )
    return {"statistics": statistics, "chart": chart}
