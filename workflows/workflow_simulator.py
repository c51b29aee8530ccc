"""A workflow inside another program's SimPy environment."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import simpy
from simpy.rt import RealtimeEnvironment

from swf_common_lib.errors import ConfigurationError
from swf_common_lib.messages import UNPACED
from swf_common_lib.states import EndCause, ExecutionStatus
from workflows.runner.execution import Execution, Outcome
from workflows.runner.source import make_events
from workflows.runner.workflow_runner import WorkflowRunner


class WorkflowSimulator:
    """Runs a workflow as a process of ``env``, with its record, its messages and its agents::

        simulator = WorkflowSimulator(env, "stf_datataking")
        env.process(simulator.run_simulation())
        env.run()

    ``version``: that definition, as the database holds it (registered from its file when it is
    not there). ``config_file``: a TOML file, or the name of a configuration, which wins over the
    definition's. A stop that comes from outside takes effect at the workflow's next event; it
    cannot be paused, as its time is ``env``'s. Without ``runner`` it opens one of its own.
    """

    def __init__(
        self,
        env: simpy.Environment,
        workflow_name: str,
        version: str | None = None,
        config_file: str | Path | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        runner: WorkflowRunner | None = None,
    ) -> None:
        self.env = env
        self.execution_id = ""
        self._request: dict[str, Any] = {
            "workflow": workflow_name,
            "parameters": dict(parameters or {}),
            "through": "once",
            "from_definition": config_file is None,
        }
        if version:
            self._request["version"] = version
        if config_file is not None:
            self._request.update(_configuration(Path(config_file)))
        self._runner = runner

    def run_simulation(self) -> Generator[simpy.Event, Any, str]:
        """Yield the workflow's events; return the execution id.

        Raises what the workflow raises, after its record says ``failed``.
        """
        runner = self._runner or WorkflowRunner()
        runner.open()
        try:
            make = partial(EmbeddedExecution, env=self.env)
            execution = runner.executions.take_in(
                make, runner.claim(self._request), runner.bus, runner.name
            )
            self.execution_id = execution.execution_id
            yield from execution.events()
        finally:
            if self._runner is None:
                runner.close()
        return self.execution_id


def _configuration(given: Path) -> dict[str, Any]:
    if given.is_file():
        return {"config": given.stem, "config_text": given.read_text(encoding="utf-8")}
    if given.name != str(given):
        raise ConfigurationError([f"{given}: there is no such file"])
    return {"config": str(given)}


class EmbeddedExecution(Execution):
    """An execution whose events another program's SimPy environment processes."""

    def stop(
        self,
        reason: str,
        reached: Callable[[str], None] = lambda status: None,
        *,
        cause: EndCause = EndCause.STOPPED,
    ) -> None:
        """Stop it at its next event."""
        if not self._stop_reason:
            self._stop_reason, self._stop_cause = reason, cause
        self._when(ExecutionStatus.TERMINATED, reached)

    def pause(self, reason: str, reached: Callable[[str], None] = lambda status: None) -> None:
        """Only report the status: the environment, and with it the time, is another program's."""
        reached(self.status)

    def resume(self, reached: Callable[[str], None] = lambda status: None) -> None:
        """Only report the status: it is never paused."""
        reached(self.status)

    def abandon(self, reason: str) -> None:
        """Stop it at its next event, without messages or reports."""
        self.handle.muted = True
        self.outcome = Outcome(ExecutionStatus.TERMINATED, EndCause.RUNNER_LOST, reason)
        self._stop_reason = reason

    def join(self, timeout: float | None = None) -> bool:
        """Return whether it has ended, without waiting: another program's environment drives it."""
        return self.outcome is not None

    def events(self) -> Generator[simpy.Event, Any, None]:
        """Yield the workflow's events, then finish the execution."""
        began = float(self.env.now)
        self.handle.set_clock(lambda: float(self.env.now) - began, lambda: _speed(self.env))
        record = self.record
        try:
            events = make_events(
                record.source, record.config, self.handle, record.execution_id, self.env
            )
            yield from self._until_stopped(events)
        except GeneratorExit:
            self._finish(
                Outcome(
                    ExecutionStatus.TERMINATED, EndCause.STOPPED, "its environment was given up"
                )
            )
            raise
        except Exception as error:
            self._finish(self._failed(error))
            raise
        else:
            stopped = self._stop_reason
            if stopped:
                self._finish(Outcome(ExecutionStatus.TERMINATED, self._stop_cause, stopped))
            else:
                self._finish(Outcome(ExecutionStatus.COMPLETED, EndCause.FINISHED))
        finally:
            self.handle.api_session.close()
            self._ended(self)

    def _until_stopped(
        self, events: Generator[simpy.Event, Any, Any]
    ) -> Generator[simpy.Event, Any, None]:
        interrupted = False
        step: Callable[[], simpy.Event] = partial(next, events)
        while True:
            try:
                event = step()
            except StopIteration:
                return
            except simpy.Interrupt:
                if interrupted:
                    return
                raise
            try:
                value = yield event
            except (Exception, GeneratorExit) as error:  # noqa: BLE001  (all of it is the workflow's)
                step = partial(events.throw, error)
                continue
            if self._stop_reason and not interrupted:
                interrupted = True
                step = partial(events.throw, simpy.Interrupt(self._stop_reason))
            else:
                step = partial(events.send, value)


def _speed(env: simpy.Environment) -> float:
    return 1.0 / env.factor if isinstance(env, RealtimeEnvironment) else UNPACED
