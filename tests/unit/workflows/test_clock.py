"""The clock paces a SimPy environment, and obeys at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import simpy

from swf_common_lib.errors import WorkflowFailed
from tests.waiting import PATIENCE, wait_until
from workflows.runner.clock import Clock, Ending

AGES = 180.0
"""Simulated seconds of a long timeout: in real time, far longer than any test waits."""


class Driven:
    """A clock that runs in a thread of its own."""

    def __init__(self, speed: float, events: Any, duration: float = 0, **hooks: Any) -> None:
        self.env = simpy.Environment()
        self.clock = Clock(self.env, speed, **hooks)
        self.process = self.env.process(events(self.env))
        self.ending: Ending | None = None
        self.failure: BaseException | None = None
        self.duration = duration
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.ending = self.clock.run(self.process, self.duration)
        except Exception as failure:  # noqa: BLE001
            self.failure = failure

    def wait_end(self) -> None:
        """Wait until it has ended: PATIENCE is much less than what is left to simulate."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@contextmanager
def driven(speed: float, events: Any, **options: Any) -> Generator[Driven, None, None]:
    it = Driven(speed, events, **options)
    it.thread.start()
    try:
        yield it
    finally:
        it.clock.stop("the test is over")
        it.thread.join(PATIENCE)


def long_timeout(env: simpy.Environment) -> Generator[Any, Any, None]:
    yield env.timeout(AGES)


def endless(env: simpy.Environment) -> Generator[Any, Any, None]:
    while True:
        yield env.timeout(1)


def ten_steps(env: simpy.Environment) -> Generator[Any, Any, None]:
    for _ in range(10):
        yield env.timeout(1)


def run_here(events: Any, speed: float = 0.0, duration: float = 0.0) -> tuple[Clock, Ending]:
    env = simpy.Environment()
    clock = Clock(env, speed)
    return clock, clock.run(env.process(events(env)), duration)


def test_fast_mode_does_not_wait() -> None:
    began = time.monotonic()
    clock, ending = run_here(long_timeout)
    assert time.monotonic() - began < AGES
    assert (clock.env.now, ending) == (AGES, Ending())


@pytest.mark.parametrize("speed", [10.0, 50.0])
def test_paced_run_takes_its_time(speed: float) -> None:
    began = time.monotonic()
    run_here(ten_steps, speed)
    assert time.monotonic() - began >= 10 / speed


class Noting(Clock):
    """Records how long it is about to wait."""

    waits: list[float | None]

    def _wait(self, timeout: float | None) -> bool:
        self.waits.append(timeout)
        return super()._wait(timeout)


def test_a_clock_that_is_behind_catches_up() -> None:
    def slow_start(env: simpy.Environment) -> Generator[Any, Any, None]:
        time.sleep(0.3)
        for _ in range(4):
            yield env.timeout(1)

    env = simpy.Environment()
    clock = Noting(env, 10)
    clock.waits = []
    clock.run(env.process(slow_start(env)))
    # Three of the four seconds were over before the first of them began.
    assert len(clock.waits) <= 1


@pytest.mark.parametrize(
    ("speed", "events"), [(1.0, long_timeout), (0.0, endless), (1000.0, endless)]
)
def test_stop_is_prompt(speed: float, events: Any) -> None:
    with driven(speed, events) as it:
        wait_until(lambda: it.clock.tick > 0.02)
        it.clock.stop("enough")
        it.wait_end()
        assert it.ending == Ending("enough")


def test_stop_arrives_as_an_interrupt_at_the_present_tick() -> None:
    seen: list[tuple[float, Any]] = []

    def careful(env: simpy.Environment) -> Generator[Any, Any, None]:
        try:
            yield env.timeout(AGES)
        except simpy.Interrupt as interrupt:
            seen.append((env.now, interrupt.cause))

    with driven(10.0, careful) as it:
        wait_until(lambda: it.clock.tick > 1)
        at, asked = time.monotonic(), it.clock.tick
        it.clock.stop("enough")
        it.wait_end()
        passed = (time.monotonic() - at) * it.clock.speed
    ((tick, cause),) = seen
    assert asked <= tick <= asked + passed
    assert cause == "enough"


@pytest.mark.parametrize(("speed", "events"), [(5.0, long_timeout), (0.0, endless)])
def test_pause_freezes_simulated_time(speed: float, events: Any) -> None:
    log: list[str] = []
    with driven(
        speed,
        events,
        on_pause=lambda reason: log.append(reason),
        on_resume=lambda: log.append("resumed"),
    ) as it:
        wait_until(lambda: it.clock.tick > 1)
        it.clock.pause("coffee")
        wait_until(lambda: it.clock.paused)
        frozen = it.clock.tick
        time.sleep(0.15)
        assert it.clock.tick == frozen
        resumed = time.monotonic()
        it.clock.resume()
        wait_until(lambda: not it.clock.paused)
        wait_until(lambda: it.clock.tick > frozen + 0.1)
        if speed:
            # The time of the pause is not caught up.
            tick = it.clock.tick
            assert tick <= frozen + (time.monotonic() - resumed) * speed
    assert log == ["coffee", "resumed"]


def test_pause_and_resume_may_be_repeated() -> None:
    log: list[str] = []
    with driven(
        100.0,
        endless,
        on_pause=lambda reason: log.append("paused"),
        on_resume=lambda: log.append("resumed"),
    ) as it:
        it.clock.resume()
        it.clock.pause()
        it.clock.pause()
        wait_until(lambda: it.clock.paused)
        it.clock.resume()
        it.clock.resume()
        wait_until(lambda: log == ["paused", "resumed"])


def test_stop_while_paused() -> None:
    with driven(1.0, long_timeout) as it:
        it.clock.pause()
        wait_until(lambda: it.clock.paused)
        it.clock.stop("enough")
        it.wait_end()
        assert it.ending == Ending("enough")


def test_stop_before_the_first_event() -> None:
    env = simpy.Environment()
    clock = Clock(env, 1.0)
    clock.stop("changed my mind")
    assert clock.run(env.process(long_timeout(env))) == Ending("changed my mind")


@pytest.mark.parametrize("speed", [0.0, 100.0])
def test_duration_ends_the_run(speed: float) -> None:
    clock, ending = run_here(endless, speed, duration=7.5)
    assert clock.env.now == 7.5
    assert ending.limit_reached
    assert "7.5" in ending.reason


def test_duration_longer_than_the_workflow_changes_nothing() -> None:
    clock, ending = run_here(ten_steps, duration=1000)
    assert (clock.env.now, ending) == (10, Ending())


def test_failure_is_raised_as_it_was() -> None:
    failure = RuntimeError("no beam dump")

    def failing(env: simpy.Environment) -> Generator[Any, Any, None]:
        yield env.timeout(1)
        raise failure

    with pytest.raises(RuntimeError) as caught:
        run_here(failing)
    assert caught.value is failure


def test_failure_of_a_process_nobody_waits_for() -> None:
    def failing(env: simpy.Environment) -> Generator[Any, Any, None]:
        yield env.timeout(1)
        raise ValueError("in the background")

    def careless(env: simpy.Environment) -> Generator[Any, Any, None]:
        env.process(failing(env))
        yield env.timeout(5)

    with pytest.raises(ValueError, match="in the background"):
        run_here(careless)


def test_an_event_that_never_comes_is_named() -> None:
    def forgotten(env: simpy.Environment) -> Generator[Any, Any, None]:
        yield env.timeout(3)
        yield env.event()

    with pytest.raises(WorkflowFailed, match="tick 3 "):
        run_here(forgotten)


def test_a_workflow_may_close_after_a_stop() -> None:
    closed: list[float] = []

    def closing(env: simpy.Environment) -> Generator[Any, Any, None]:
        try:
            yield env.timeout(AGES)
        except simpy.Interrupt:
            yield env.timeout(20)
            closed.append(env.now)

    with driven(1.0, closing) as it:
        it.clock.stop("enough")
        it.wait_end()
    assert closed
    assert it.ending == Ending("enough")


def test_a_workflow_that_ignores_the_stop_is_left() -> None:
    def stubborn(env: simpy.Environment) -> Generator[Any, Any, None]:
        while True:
            try:
                yield env.timeout(1)
            except simpy.Interrupt:
                continue

    with driven(1.0, stubborn) as it:
        it.clock.stop("enough")
        it.wait_end()
        assert it.ending == Ending("enough")


def test_simulated_time_waits_while_congested() -> None:
    congestion = threading.Event()
    congestion.set()
    with driven(0.0, endless, congested=congestion.is_set) as it:
        time.sleep(0.05)
        assert it.env.now == 0
        congestion.clear()
        wait_until(lambda: it.env.now > 10)
        congestion.set()
        it.clock.stop("enough")
        it.wait_end()


def test_time_stands_still_in_code_that_does_not_come_back() -> None:
    inside, let_go = threading.Event(), threading.Event()

    def stuck(env: simpy.Environment) -> Generator[Any, Any, None]:
        yield env.timeout(1)
        inside.set()
        let_go.wait(PATIENCE)

    with driven(1000.0, stuck) as it:
        assert inside.wait(PATIENCE)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began)  # at this speed some simulated time as well
        assert it.clock.tick == 1.0
        let_go.set()
