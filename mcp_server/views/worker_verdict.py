"""Whether the workers of a run keep up, as an assistant reads it: in one line."""

from __future__ import annotations

from monitor.records.statistics import VerdictBasis, WorkerVerdict


def verdict_line(verdict: WorkerVerdict | None) -> str:
    """Return the verdict with the figures that it goes by, measured ones first."""
    if verdict is None:
        return "no fast processing"
    if not verdict.made_slices:
        so_far = "no slice was made: the workers had nothing to do"
        return so_far if verdict.over else f"no slice was made yet; {_schedule(verdict)}"
    if verdict.basis is VerdictBasis.MEASURED:
        return _measured(verdict)
    return _expected(verdict)


def _measured(verdict: WorkerVerdict) -> str:
    if not verdict.keeps_up:
        return f"its {_workers(verdict)} did not keep up: {_waits(verdict)}; {_why(verdict)}"
    text = f"its {_workers(verdict)} kept up: {_waits(verdict)}"
    if verdict.enough_workers:
        return text
    return f"{text}; in a longer run they would not: {_needed(verdict)}"


def _expected(verdict: WorkerVerdict) -> str:
    """Return a verdict that goes by the schedule, with what was measured until now beside it."""
    text = f"{_schedule(verdict)}; so far {_waits(verdict)}"
    growth = verdict.backlog_growth_slices_per_s
    if growth:
        grew = "grew" if verdict.over else "grows"
        text += f", the backlog {grew} by {growth:.3g} slices/s"
    return text


def _schedule(verdict: WorkerVerdict) -> str:
    capacity = verdict.capacity_slices_per_s
    finish = "any number" if capacity is None else f"{capacity:.3g}"
    text = f"by the schedule {_workers(verdict)} finish {finish} of {verdict.slices_per_s:.3g} "
    if verdict.enough_workers:
        return f"{text}slices/s: enough, once all are ready"
    return f"{text}slices/s: {_needed(verdict)}"


def _needed(verdict: WorkerVerdict) -> str:
    return (
        f"{verdict.workers_to_keep_up} would keep up "
        f"({verdict.nominal_workers} by the documents' nominal figures)"
    )


def _why(verdict: WorkerVerdict) -> str:
    if not verdict.enough_workers:
        return _needed(verdict)
    lasted = verdict.data_taking_s or 0.0
    enough = f"{verdict.workers_to_keep_up} are enough once all are ready"
    if verdict.worker_rampup_s and lasted < verdict.worker_rampup_s + verdict.slice_processing_s:
        return (
            f"{enough}, but they come up over {verdict.worker_rampup_s:g} s and data taking lasted "
            f"{lasted:g} s: worker_rampup_time=0 has them at work at once"
        )
    return f"{enough}: get_run shows how many were at work"


def _waits(verdict: WorkerVerdict) -> str:
    if verdict.mean_wait_s is None or verdict.max_wait_s is None:
        return "no slice has begun"
    waits = (
        f"{_seconds(verdict.mean_wait_s)} s on average, {_seconds(verdict.max_wait_s)} s at most"
    )
    if not verdict.late_slices:
        return f"slices waited {waits}"
    late = f"{verdict.late_slices} of {verdict.measured_slices} slices"
    return f"{late} waited for longer than an STF takes ({waits})"


def _workers(verdict: WorkerVerdict) -> str:
    return f"{verdict.target_workers} worker{'' if verdict.target_workers == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"
