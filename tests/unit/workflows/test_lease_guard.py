"""A runner that was suspended doubts that its executions are still its own."""

from __future__ import annotations

import pytest

from workflows.runner.lease_guard import SUSPENSION, LeaseGuard


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    it = Time()
    monkeypatch.setattr("workflows.runner.lease_guard.time", it)
    return it


def test_a_runner_that_lives_has_no_doubts(time: Time) -> None:
    guard = LeaseGuard()
    time.now += 10 * SUSPENSION
    assert not guard.suspended()
    for _ in range(10):
        guard.process_runs()
        time.now += SUSPENSION
        assert not guard.suspended()


def test_doubts_end_with_the_answer_to_a_later_heartbeat(time: Time) -> None:
    guard = LeaseGuard()
    guard.process_runs()
    guard.heartbeat_sent()
    time.now += SUSPENSION + 1
    assert guard.suspended()
    guard.heartbeat_answered()  # to the question of before
    guard.process_runs()
    assert guard.suspended()
    time.now += 0.1
    guard.heartbeat_sent()
    assert guard.suspended()
    guard.heartbeat_answered()
    assert not guard.suspended()


def test_a_suspension_is_noticed_by_whoever_looks_first(time: Time) -> None:
    guard = LeaseGuard()
    guard.process_runs()
    time.now += SUSPENSION + 1
    guard.process_runs()
    assert guard.suspended()
