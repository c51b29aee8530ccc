"""How many slices a run makes and how many workers keep up with them, by its configuration.

The schedule is the one that data taking executes: a super time frame (STF) takes the time of its
announcement, its generation time and the pause to the next one. Retries are left out: a slice is
taken to need one try. What a run really did is measured elsewhere, in ``monitor.records``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from swf_common_lib.config.views import FastProcessing, data_taking, fast_processing

STF_ANNOUNCEMENT_SECONDS = 0.1
"""Simulated seconds that the announcement of a super time frame takes."""
TIME_FRAMES_PER_STF = 1000
"""Time frames of a super time frame where its announcement does not say how many."""
_DIGITS = 12
"""Digits of a parameter that count: 0.1 + 0.2 is meant to be 0.3."""


@dataclass(frozen=True)
class Sizing:
    """The load of a run and the workers that it has. All times are simulated seconds."""

    stf_period_s: float
    """From one STF to the next."""
    slices_per_stf: int
    """No more than the sample has time frames; 0: nothing is sampled."""
    slice_processing_s: float
    workers: int
    worker_rampup_s: float
    """The workers become ready one after the other over this time."""
    workers_to_keep_up: int
    """Workers that finish slices as fast as they are made, once all of them are ready."""
    nominal_slices_per_s: float
    """The figure of the documents: it leaves out generation time and announcement of the STFs."""
    nominal_workers: int
    """Workers that keep up with the nominal figure."""

    @property
    def slices_per_s(self) -> float:
        """Slices that data taking makes a second while it takes data."""
        return self.slices_per_stf / self.stf_period_s

    @property
    def capacity_slices_per_s(self) -> float:
        """Slices that all workers together finish a second; infinite where a slice takes none."""
        if not self.slice_processing_s:
            return math.inf if self.workers else 0.0
        return self.workers / self.slice_processing_s

    @property
    def enough_workers(self) -> bool:
        """Return whether the workers, once all are ready, keep up however long data is taken."""
        return self.workers >= self.workers_to_keep_up

    @property
    def growth_slices_per_s(self) -> float:
        """Return the growth of unprocessed slices in slices/s, once all workers are ready."""
        if self.enough_workers:
            return 0.0
        return max(0.0, self.slices_per_s - self.capacity_slices_per_s)

    def ready_workers(self, seconds: float) -> int:
        """Return how many workers are ready so long after the announcement of the run."""
        if seconds < 0:
            return 0
        if seconds >= self.worker_rampup_s:
            return self.workers
        return min(self.workers, math.floor(seconds * self.workers / self.worker_rampup_s) + 1)


def sampled_time_frames(time_frames: int, fraction: float) -> int:
    """Return the time frames in the sample of an STF: at least one, unless it has none.

    A fraction of 0 samples nothing.
    """
    if time_frames < 1 or fraction <= 0:
        return 0
    return min(time_frames, max(1, round(fraction * time_frames)))


def sizing(sections: Mapping[str, Any]) -> Sizing | None:
    """Size the run of an expanded configuration, of the present form or the older one.

    None where it asks for no fast processing, or holds what is no usable number: agents may have
    recorded it without a check.
    """
    try:
        fast = fast_processing(sections)
        return _sized(fast, data_taking(sections)) if fast is not None else None
    except (TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError):
        return None


def requested_stfs(sections: Mapping[str, Any]) -> int | None:
    """Return how many STFs a run is to have; None where a clock or a stop ends it."""
    try:
        daq = data_taking(sections)
        count, periods = daq.get("stf_count"), daq["physics_period_count"]
        whole = _number(count or 0) * _number(periods)
    except (TypeError, ValueError, AttributeError, OverflowError):
        return None
    return int(whole) or None


def _sized(fast: FastProcessing, daq: Mapping[str, Any]) -> Sizing:
    interval, generation = _number(daq["stf_interval"]), _number(daq["stf_generation_time"])
    period = interval + generation + _number(STF_ANNOUNCEMENT_SECONDS)
    sampled = sampled_time_frames(TIME_FRAMES_PER_STF, float(_number(fast.stf_sampling_rate)))
    slices = min(int(_number(fast.slices_per_sample)), sampled)
    took = _number(fast.slice_processing_time)
    return Sizing(
        stf_period_s=float(period),
        slices_per_stf=slices,
        slice_processing_s=float(took),
        workers=int(_number(fast.target_worker_count)),
        worker_rampup_s=float(_number(fast.worker_rampup_time)),
        workers_to_keep_up=_workers(slices, took, period),
        nominal_slices_per_s=float(slices / interval),
        nominal_workers=_workers(slices, took, interval),
    )


def _workers(slices: int, took: Fraction, period: Fraction) -> int:
    """Return the workers that finish so many slices in each period; one at least for any."""
    return max(math.ceil(slices * took / period), min(slices, 1))


def _number(value: Any) -> Fraction:
    """Return a parameter's value as it was meant; raises ValueError for what is no such number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ValueError(f"not a number from 0 on: {value!r}")
    return Fraction(value) if isinstance(value, int) else Fraction(f"{value:.{_DIGITS}g}")
