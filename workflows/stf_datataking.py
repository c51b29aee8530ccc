"""Data taking: the DAQ's state machine, from no beam through physics periods to no beam.

One workflow for standard and for fast processing: the configuration decides what agents make of
its broadcasts. Delays and intervals are simulated seconds.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from swf_common_lib.api_utils import get_next_run_number
from swf_common_lib.config import data_taking
from swf_common_lib.sizing import STF_ANNOUNCEMENT_SECONDS

BROADCAST = "/topic/epictopic"
_TINY = 1e-6
"""Sums of intervals are off by rounding; a period that ends by so much later has ended."""

Events = Generator[simpy.Event, Any, None]


class WorkflowExecutor:
    """One run of the simulated DAQ."""

    def __init__(self, config: dict[str, Any], runner: Any, execution_id: str) -> None:
        self.config = config
        self.runner = runner
        self.execution_id = execution_id
        self.daq = self.parameters(config)
        self.run_id = ""
        self.stf_sequence = 0
        self.announced = False

    def parameters(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters of the state machine, named as in ``daq_state_machine.toml``."""
        return data_taking(config)

    def execute(self, env: simpy.Environment) -> Events:
        """Yield the events of a run. An interrupt ends the run, with its cause as the reason."""
        try:
            yield from self.take_data(env)
        except simpy.Interrupt as interrupt:
            if self.announced:
                self.end_run(str(interrupt.cause or "stopped"))

    def take_data(self, env: simpy.Environment) -> Events:
        """Yield the events of all states of the DAQ."""
        daq = self.daq
        self.run_id = get_next_run_number(
            self.runner.monitor_url, self.runner.api_session, self.runner.logger
        )
        self.runner.initialize_state(self.run_id, self.execution_id, self.config)

        # no_beam / not_ready
        yield env.timeout(daq["no_beam_not_ready_delay"])

        # beam / not_ready, then beam / ready
        self.announced = True
        self.broadcast("run_imminent", "beam", "not_ready")
        yield env.timeout(daq["broadcast_delay"])
        yield env.timeout(daq["beam_not_ready_delay"])
        yield env.timeout(daq["beam_ready_delay"])

        yield from self.physics_periods(env)

        # beam / not_ready, then no_beam / not_ready
        self.end_run("")
        yield env.timeout(daq["broadcast_delay"])
        yield env.timeout(daq["beam_not_ready_end_delay"])

    def physics_periods(self, env: simpy.Environment) -> Events:
        """Yield the events of run / physics and run / standby in turn (0 periods: endlessly)."""
        daq = self.daq
        count = daq["physics_period_count"]
        period = 0
        while True:
            self.broadcast("resume_run" if period else "start_run", "run", "physics")
            yield env.timeout(daq["broadcast_delay"])
            yield from self.physics_period(env)
            period += 1
            if period == count:
                return
            of_all = f" of {count}" if count else ""
            reason = f"standby after physics period {period}{of_all}"
            self.broadcast("pause_run", "run", "standby", reason=reason)
            yield env.timeout(daq["broadcast_delay"])
            yield env.timeout(daq["standby_duration"])

    def physics_period(self, env: simpy.Environment) -> Events:
        """Yield the events of ``stf_count`` super time frames, else for the period's duration."""
        daq = self.daq
        count = daq.get("stf_count")
        interval = daq["stf_interval"]
        if count:
            for written in range(count):
                if written:
                    yield env.timeout(interval)
                yield from self.write_stf(env)
            return
        end = env.now + daq["physics_period_duration"]
        while env.now < end - _TINY:
            yield from self.write_stf(env)
            if env.now + interval >= end - _TINY:
                # That was the last: no further one would begin in time.
                yield env.timeout(max(0.0, end - env.now))
                return
            yield env.timeout(interval)

    def write_stf(self, env: simpy.Environment) -> Events:
        """Announce one super time frame, and yield the events of writing it."""
        self.stf_sequence += 1
        self.broadcast(
            "stf_gen",
            "run",
            "physics",
            filename=f"swf.{self.run_id}.{self.stf_sequence:06d}.stf",
            sequence=self.stf_sequence,
        )
        yield env.timeout(STF_ANNOUNCEMENT_SECONDS)
        yield env.timeout(self.daq["stf_generation_time"])

    def end_run(self, reason: str) -> None:
        """Announce the run's end."""
        self.announced = False
        fields = {"reason": reason} if reason else {}
        self.broadcast("end_run", "beam", "not_ready", total_stf_files=self.stf_sequence, **fields)

    def broadcast(self, msg_type: str, state: str, substate: str, **fields: Any) -> None:
        """Send a message about the run to everybody; the runner adds the rest of the envelope."""
        message = {
            "msg_type": msg_type,
            "execution_id": self.execution_id,
            "run_id": self.run_id,
            "state": state,
            "substate": substate,
            **fields,
        }
        self.runner.send_message(BROADCAST, message)
