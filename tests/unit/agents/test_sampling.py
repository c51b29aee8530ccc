"""The choice of a sample's time frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.sampling import Sample, choose_sample, sample_filename

FRACTIONS = st.floats(1e-6, 1.0)


@given(
    run_id=st.text(max_size=10),
    filename=st.text(min_size=1, max_size=40),
    tf_count=st.integers(1, 5000),
    fraction=FRACTIONS,
)
def test_sample_lies_within_the_stf_and_is_reproducible(
    run_id: str, filename: str, tf_count: int, fraction: float
) -> None:
    sample = choose_sample(run_id, filename, tf_count, fraction)
    assert sample is not None
    assert 0 <= sample.first <= sample.last < tf_count
    assert sample.count == max(1, min(tf_count, round(fraction * tf_count)))
    assert sample == choose_sample(run_id, filename, tf_count, fraction)


def test_five_percent_of_a_thousand_are_fifty() -> None:
    sample = choose_sample("100001", "swf.100001.000001.stf", 1000, 0.05)
    assert sample is not None
    assert sample.count == 50


@pytest.mark.parametrize(("tf_count", "expected"), [(1000, 1000), (1, 1)])
def test_everything_is_taken_at_fraction_one(tf_count: int, expected: int) -> None:
    assert choose_sample("1", "f", tf_count, 1.0) == Sample(0, expected)


def test_a_tiny_fraction_still_takes_one() -> None:
    sample = choose_sample("1", "f", 1000, 0.0001)
    assert sample is not None
    assert sample.count == 1


@pytest.mark.parametrize(("tf_count", "fraction"), [(0, 0.5), (1000, 0.0)])
def test_there_is_no_sample_of_nothing(tf_count: int, fraction: float) -> None:
    assert choose_sample("1", "f", tf_count, fraction) is None


def test_files_of_a_run_and_runs_of_a_file_are_sampled_at_different_places() -> None:
    of_files = {choose_sample("1", f"f{n}", 1000, 0.05) for n in range(50)}
    of_runs = {choose_sample(str(n), "f", 1000, 0.05) for n in range(50)}
    assert len(of_files) > 30
    assert len(of_runs) > 30


def test_sample_is_named_after_its_stf() -> None:
    assert sample_filename("swf.100001.000007.stf") == "swf.100001.000007_tf_000.tf"
