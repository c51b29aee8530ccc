"""The choice of the time frames of a super time frame that fast monitoring reads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from swf_common_lib.sizing import sampled_time_frames


@dataclass(frozen=True)
class Sample:
    """Contiguous time frames, counted from 0: ``first`` to ``last``, both included."""

    first: int
    count: int

    @property
    def last(self) -> int:
        """The last time frame of the sample."""
        return self.first + self.count - 1


def choose_sample(run_id: str, stf_filename: str, tf_count: int, fraction: float) -> Sample | None:
    """Choose the fraction of an STF's time frames: at least one, at most all of them.

    The same run and file always give the same choice. None when the STF has no time frames or the
    fraction is 0.
    """
    count = sampled_time_frames(tf_count, fraction)
    if not count:
        return None
    digest = hashlib.sha256(f"{run_id}\x1f{stf_filename}".encode()).digest()
    return Sample(int.from_bytes(digest[:8], "big") % (tf_count - count + 1), count)


def sample_filename(stf_filename: str) -> str:
    """Return the name of the TF sample taken from an STF."""
    return f"{stf_filename.removesuffix('.stf')}_tf_000.tf"


@dataclass(frozen=True)
class TfRange:
    """Slice number ``slice_id`` of a sample: time frames ``first`` to ``last``, both included."""

    slice_id: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """Time frames in the slice."""
        return self.last - self.first + 1


def cut(tf_first: int, tf_count: int, slices: int) -> list[TfRange]:
    """Cut ``tf_count`` time frames from ``tf_first`` on into contiguous slices.

    Sizes differ by one at most, the larger ones first. A slice has at least one time frame, so
    there are fewer slices than asked for when there are fewer time frames.
    """
    slices = min(slices, tf_count)
    if slices < 1:
        return []
    size, larger = divmod(tf_count, slices)
    ranges, first = [], tf_first
    for slice_id in range(slices):
        last = first + size + (slice_id < larger) - 1
        ranges.append(TfRange(slice_id, first, last))
        first = last + 1
    return ranges
