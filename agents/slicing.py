"""Cutting a sample of time frames into slices, the units of work of the workers."""

from __future__ import annotations

from dataclasses import dataclass


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
