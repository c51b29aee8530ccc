"""The numbers of a run that its page and its execution's page show."""

from __future__ import annotations

from typing import Any

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
    return {"statistics": statistics, "chart": backlog_chart(run_number)}
