"""A runner that was suspended doubts that its executions are still its own."""

from __future__ import annotations

import pytest

from workflows.runner import lease_guard as ownership
from workflows.runner.lease_guard import SUSPENSION, Ownership


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    it = Time()
    monkeypatch.setattr(ownership, "time", it)
    return it


def test_a_runner_that_lives_has_no_doubts(time: Time) -> None:
    it = Ownership()
    time.now += 10 * SUSPENSION
    assert not it.doubtful()
    for _ in range(10):
        it.live()
        time.now += SUSPENSION
        assert not it.doubtful()


def test_doubts_end_with_the_answer_to_a_later_heartbeat(time: Time) -> None:
    it = Ownership()
    it.live()
    it.ask()
    time.now += SUSPENSION + 1
    assert it.doubtful()
    it.answered()  # to the question of before
    it.live()
    assert it.doubtful()
    time.now += 0.1
    it.ask()
    assert it.doubtful()
    it.answered()
    assert not it.doubtful()


def test_a_suspension_is_noticed_by_whoever_looks_first(time: Time) -> None:
    it = Ownership()
    it.live()
    time.now += SUSPENSION + 1
    it.live()
    assert it.doubtful()
