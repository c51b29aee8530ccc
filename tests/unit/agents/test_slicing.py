"""Cutting samples into slices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agents.sampling import cut


@given(first=st.integers(0, 10_000), count=st.integers(0, 3000), slices=st.integers(0, 400))
def test_slices_cover_the_sample_evenly_and_in_order(first: int, count: int, slices: int) -> None:
    ranges = cut(first, count, slices)
    assert len(ranges) == min(count, slices)
    assert [part.slice_id for part in ranges] == list(range(len(ranges)))
    if ranges:
        covered = [tf for part in ranges for tf in range(part.first, part.last + 1)]
        assert covered == list(range(first, first + count))
        sizes = {part.count for part in ranges}
        assert max(sizes) - min(sizes) <= 1


def test_fifty_time_frames_in_fifteen_slices() -> None:
    assert [part.count for part in cut(100, 50, 15)] == [4] * 5 + [3] * 10


def test_fewer_slices_where_there_are_fewer_time_frames() -> None:
    assert [part.count for part in cut(0, 3, 15)] == [1, 1, 1]
