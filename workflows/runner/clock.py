"""The simulated clock: steps a SimPy environment, paced by the wall clock or as fast as it goes.

SimPy's own ``RealtimeEnvironment`` sleeps uninterruptibly until the next event. Here the waiting
between two events ends as soon as somebody wants something: a stop, a pause, another speed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import simpy

from swf_common_lib.errors import WorkflowFailed
from swf_common_lib.messages import UNPACED

CLOSING_SECONDS = 60.0
"""Simulated seconds that a stopped workflow may still take to close."""
CLOSING_WALL_SECONDS = 2.0
"""Wall seconds for the same; they bound a workflow whose closing takes no simulated time."""
CONGESTION_POLL = 0.01
"""Wall seconds between looks at a congestion; a command ends the waiting at once."""


@dataclass(frozen=True)
class Ending:
    """How a workflow's process came to its end."""

    reason: str = ""
    """Why it was ended before its own end; empty when it reached it."""
    limit_reached: bool = False
    """It was ended by its duration, not by a stop."""


class Clock:
    """Drives one SimPy environment on the thread that calls ``run``.

    ``speed`` is the number of simulated seconds a wall second; ``UNPACED`` (0) means no waiting
    at all. A clock that is behind catches up. ``stop``, ``pause`` and ``resume`` may be called
    from any thread and take effect between two events, at once when the clock waits; they are
    carried out in the order of the calls.

    ``on_pause(reason)`` and ``on_resume()`` are called on the clock's thread, with the
    environment's time advanced to the moment of the command. ``congested()`` is asked before
    each event: while it is true no event is processed.
    """

    def __init__(
        self,
        env: simpy.Environment,
        speed: float = UNPACED,
        *,
        on_pause: Callable[[str], None] = lambda reason: None,
        on_resume: Callable[[], None] = lambda: None,
        congested: Callable[[], bool] | None = None,
    ) -> None:
        self.env = env
        self._speed = speed
        self._on_pause = on_pause
        self._on_resume = on_resume
        self._congested = congested
        self._wake = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._anchor_wall = 0.0
        self._anchor_tick = float(env.now)
        self._paused = False
        self._process: simpy.Process | None = None
        self._ended = False
        self._ending = Ending()
        self._stop_asked = False
        self._stepping = False
        self._closing = False
        self._closing_tick = self._closing_deadline = 0.0

    # From any thread

    @property
    def speed(self) -> float:
        """Return the simulated seconds per wall second; ``UNPACED`` when it does not wait."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Return whether simulated time stands still."""
        return self._paused

    @property
    def stopping(self) -> bool:
        """Return whether a stop was asked for, carried out already or not."""
        return self._stop_asked

    @property
    def tick(self) -> float:
        """Return the simulated seconds since the start, including the wait for the next event.

        While an event is processed it stands still, however long the workflow's code takes.
        """
        stands = self._paused or self._stepping or self._closing
        if self._speed == UNPACED or stands or not self._anchor_wall:
            return float(self.env.now)
        elapsed = (time.monotonic() - self._anchor_wall) * self._speed
        return max(float(self.env.now), min(self._anchor_tick + elapsed, float(self.env.peek())))

    def stop(self, reason: str) -> None:
        """Interrupt the workflow's process; ``run`` returns when it has closed."""
        self._stop_asked = True
        self._submit(lambda: self._begin_closing(Ending(reason)))

    def pause(self, reason: str = "") -> None:
        """Pause simulated time. A clock that is paused already stays paused."""
        self._submit(lambda: self._do_pause(reason))

    def resume(self) -> None:
        """Resume simulated time from where it was paused."""
        self._submit(self._do_resume)

    def wait_stop(self, timeout: float) -> bool:
        """Wait up to ``timeout`` wall seconds for a stop to be asked for; return whether it was."""
        with self._wake:
            return self._wake.wait_for(lambda: self._stop_asked, timeout)

    def _submit(self, command: Callable[[], None]) -> None:
        with self._wake:
            self._commands.append(command)
            self._wake.notify_all()

    # On the clock's own thread

    def run(self, process: simpy.Process, duration: float = 0.0) -> Ending:
        """Step the environment until ``process`` ends.

        ``duration``: simulated seconds after which it is ended (0: no limit). Raises what the
        process raised, and WorkflowFailed when it waits for an event that will never come.
        """
        self._process = process
        assert process.callbacks is not None  # noqa: S101  (a new process has not ended)
        process.callbacks.append(self._note_end)
        if duration > 0:
            limit = Ending(f"duration of {duration:g} simulated seconds reached", True)
            self.env.timeout(duration).callbacks.append(lambda _: self._begin_closing(limit))
        self._anchor()
        self._step_to_end()
        if not process.triggered or process.ok:
            return self._ending
        failure = cast("BaseException", process.value)
        if isinstance(failure, simpy.Interrupt) and self._closing:
            return self._ending
        raise failure

    def _step_to_end(self) -> None:
        env, commands, congested = self.env, self._commands, self._congested
        while not self._ended:
            if commands:
                commands.popleft()()
                continue
            if self._paused:
                self._wait(None)
                continue
            if self._closing:
                if self._closing_is_over():
                    return
            else:
                if self._speed != UNPACED and not self._due():
                    continue
                if congested is not None and congested():
                    self._wait(CONGESTION_POLL)
                    continue
            self._stepping = True
            try:
                env.step()
            except simpy.core.EmptySchedule:
                raise WorkflowFailed(
                    f"the workflow waits at tick {env.now:g} for an event that never comes",
                    "Every event that WorkflowExecutor.execute yields must be triggered by"
                    " somebody, or be a timeout.",
                ) from None
            finally:
                self._stepping = False

    def _due(self) -> bool:
        """Wait for the next event's time; return False when a command came first."""
        following = self.env.peek()
        if following == simpy.core.Infinity:
            return True
        due = self._anchor_wall + (following - self._anchor_tick) / self._speed
        delay = due - time.monotonic()
        return delay <= 0 or not self._wait(delay)

    def _wait(self, timeout: float | None) -> bool:
        """Wait for a command; return whether one came."""
        with self._wake:
            return self._wake.wait_for(lambda: bool(self._commands), timeout)

    def _anchor(self) -> None:
        self._anchor_wall, self._anchor_tick = time.monotonic(), float(self.env.now)

    def _advance(self) -> None:
        """Advance the environment's time to the present moment between two events."""
        remaining = self.tick - float(self.env.now)
        if remaining > 0:
            moment = self.env.timeout(remaining)
            while moment.callbacks is not None and not self._ended:
                self.env.step()
        self._anchor()

    def _do_pause(self, reason: str) -> None:
        if self._paused or self._closing:
            return
        self._advance()
        if not self._ended:
            self._paused = True
            self._on_pause(reason)

    def _do_resume(self) -> None:
        if self._paused:
            self._anchor()
            self._paused = False
            self._on_resume()

    def _begin_closing(self, ending: Ending) -> None:
        process = self._process
        if process is None or process.triggered or self._closing:
            return
        if not ending.limit_reached:
            self._advance()
        if process.triggered or self._closing:
            return
        self._paused = False
        self._closing = self._stop_asked = True
        self._ending = ending
        self._closing_tick = float(self.env.now) + CLOSING_SECONDS
        self._closing_deadline = time.monotonic() + CLOSING_WALL_SECONDS
        process.interrupt(ending.reason)

    def _closing_is_over(self) -> bool:
        return self.env.peek() > self._closing_tick or time.monotonic() > self._closing_deadline

    def _note_end(self, event: Any) -> None:
        self._ended = True
        # Its failure is raised by ``run`` itself, not by SimPy as a copy.
        event.defused = True
