"""The runner as an agent: receives commands, executes what the monitor has on record."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from swf_common_lib.base_agent import BaseAgent, SubscriptionSpec
from swf_common_lib.errors import (
    Conflict,
    MonitorUnavailable,
    NotFound,
    TestbedError,
    Unavailable,
    WorkflowFailed,
)
from swf_common_lib.messages import Message
from swf_common_lib.messaging import RUNNER_CONTROL, WORKFLOW_CONTROL, Delivery, Subscription
from swf_common_lib.monitor_client import FOREVER, MonitorClient, execution_path
from swf_common_lib.roles import RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.states import EndCause, ExecutionStatus, OperationalState
from workflows.runner.client_pool import ClientPool
from workflows.runner.commands import LOOKUP_PATIENCE, Lookup, carry_out, error_answer
from workflows.runner.executions import RunnerExecutions
from workflows.runner.record import start_body

MAX_EXECUTIONS = 20
"""Executions at once, unless said otherwise."""
START_COMMANDS = "msg_type='run_workflow'"
OTHER_COMMANDS = "msg_type<>'run_workflow' OR msg_type IS NULL"


class RunnerAgent(BaseAgent):
    """An agent that executes workflows: those that are announced on the queue of commands.

    It accepts no further start from the queue while ``max_executions`` are in hand. Commands
    about an execution of another runner are passed on over a topic that all runners hear.
    """

    agent_type = RUNNER.agent_type
    description = "executes workflows"
    durable = False
    longest_heartbeat_interval = 2.0  # leases are renewed by them
    tick_interval = 0.25
    farewell_patience = 1.0  # the ends of its executions have had theirs

    def __init__(
        self,
        settings: Settings,
        namespace: str = "",
        *,
        max_executions: int = MAX_EXECUTIONS,
        serves_starts: bool = True,
    ) -> None:
        super().__init__(settings, namespace)
        self.max_executions = max_executions
        self.executions = RunnerExecutions(self.settings, self._wake)
        self._serves_starts = serves_starts
        self._intake: Subscription | None = None
        self._starting = 0
        self._counting = threading.Lock()
        self._done: deque[Delivery] = deque()
        self._waiting: deque[tuple[Message, Delivery]] = deque()
        self._claims = ClientPool(self.settings, FOREVER, self.stopping)
        self._lookups = ClientPool(self.settings, LOOKUP_PATIENCE, self.stopping)

    # As an agent

    def subscriptions(self) -> list[SubscriptionSpec]:
        """Return the subscriptions to all commands but starts; those depend on free room."""
        return [
            SubscriptionSpec(WORKFLOW_CONTROL, prefetch=10, selector=OTHER_COMMANDS),
            SubscriptionSpec(RUNNER_CONTROL, ack="auto", prefetch=1000),
        ]

    def accepts(self, message: Message) -> bool:
        """Return True: a runner serves every namespace; an execution's record names its own."""
        return True

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return the executions in hand, with their clocks: a heartbeat renews their leases."""
        self.executions.lease_guard.heartbeat_sent()
        executions = [
            {
                "execution_id": execution.execution_id,
                "tick": float(execution.clock.tick),
                "speed": execution.clock.speed,
            }
            for execution in self.executions.all()
        ]
        return {"executions": executions, "max_executions": self.max_executions}

    def describe(self) -> dict[str, Any]:
        """Return the body of a heartbeat: ``PROCESSING`` while executions are in hand."""
        in_hand = self.executions.all()
        body = {
            **super().describe(),
            "current_stf_count": sum(execution.handle.stf_files for execution in in_hand),
        }
        if in_hand and body["operational_state"] == OperationalState.READY:
            body["operational_state"] = OperationalState.PROCESSING
        return body

    def heartbeat_answered(self, answer: dict[str, Any]) -> None:
        """Abandon the executions that the monitor has ended or given to another runner."""
        for execution_id in (answer or {}).get("lost_executions") or []:
            execution = self.executions.get(execution_id)
            if execution is not None:
                self.logger.warning("%s is no longer ours: let go", execution_id)
                execution.abandon("the monitor has ended this execution")
        self.executions.lease_guard.heartbeat_answered()

    def started(self) -> None:
        """Subscribe to starts."""
        self._open_intake()

    def tick(self) -> None:
        """Acknowledge starts that were carried out; subscribe to starts when there is room."""
        self.executions.lease_guard.process_runs()
        self._release_done()
        while self._waiting and not self._full:
            self._begin(*self._waiting.popleft())
        self._open_intake()

    def stopped(self) -> None:
        """End all executions, each with its ``end_run`` and its record."""
        self._release_done()
        self._close_intake()
        self.executions.shut_down(f"runner {self.name} is stopping")
        self._release_done()

    def _release_done(self) -> None:
        while self._done:
            self.release([self._done.popleft()])

    # Starts

    def on_run_workflow(self, message: Message) -> None:
        """Start an announced execution, or one that the command itself describes."""
        delivery = self.hold()
        if delivery.subscription.destination == RUNNER_CONTROL:
            # Every runner receives it: each would start one.
            self.logger.warning("a start on %s is ignored: it belongs on the queue", RUNNER_CONTROL)
            self._done.append(delivery)
        elif not self._full:
            self._begin(message, delivery)
        elif delivery.subscription is self._intake:
            self._close_intake()  # the delivery goes back to the queue with it
            self._done.append(delivery)
        else:
            self._waiting.append((message, delivery))

    @property
    def _full(self) -> bool:
        return len(self.executions) + self._starting >= self.max_executions

    def _open_intake(self) -> None:
        if self._serves_starts and not self._full and self._intake is None:
            self._intake = self.bus.subscribe(WORKFLOW_CONTROL, prefetch=1, selector=START_COMMANDS)

    def _close_intake(self) -> None:
        """Unsubscribe from starts. One that came and is unacknowledged goes back to the queue."""
        intake, self._intake = self._intake, None
        if intake is not None:
            try:
                self.bus.unsubscribe(intake)
            except Unavailable as error:  # then the subscription has ended anyhow
                self.logger.info("%s", error.detail)

    def _begin(self, message: Message, delivery: Delivery) -> None:
        """Claim and launch on a thread of its own: the agent handles commands meanwhile."""
        asked = time.monotonic()
        with self._counting:
            self._starting += 1

        def work() -> None:
            try:
                self._claim_and_launch(message, delivery, asked)
            except Exception:  # the command must not stay unacknowledged for ever
                self.logger.exception("the start of %s failed", message.execution_id)
                self._done.append(delivery)
            finally:
                with self._counting:
                    self._starting -= 1
                self._wake()

        self._aside(work, f"start {message.execution_id}")

    def _claim_and_launch(self, message: Message, delivery: Delivery, asked: float) -> None:
        client = self._claims.take()
        answer: dict[str, Any]
        try:
            if message.execution_id:
                path = execution_path(message.execution_id, "claim")
                claimed = client.post(path, {"runner": self.name})
            else:
                body = start_body(message, self.namespace, self.name)
                claimed = client.post("workflow-executions/start/", body)
            answer = self._launch(claimed, client, asked)
        except MonitorUnavailable:
            return  # the runner stops; unacknowledged, the command goes to another
        except (Conflict, NotFound) as error:
            self.logger.info("%s is not started: %s", message.execution_id, error.detail)
            answer = error_answer(error, message.execution_id)
        except TestbedError as error:
            self.logger.warning("a start is refused: %s", error)
            answer = error_answer(error, message.execution_id)
        finally:
            self._claims.give_back(client)
        self.bus.reply(delivery, answer)
        self._done.append(delivery)

    def _launch(
        self, claimed: dict[str, Any], client: MonitorClient, asked: float
    ) -> dict[str, Any]:
        execution_id = str(claimed["execution_id"])
        mine = claimed.get("runner") == self.name
        if (
            mine
            and claimed.get("status") == ExecutionStatus.RUNNING
            and not self.executions.knows(execution_id)
        ):
            try:
                self.executions.launch(claimed, self.bus, self.name, asked)
            except WorkflowFailed as error:
                failure = {
                    "status": ExecutionStatus.FAILED,
                    "error_message": error.detail,
                    "end_cause": EndCause.CONFIGURATION,
                }
                client.patch(f"workflow-executions/{execution_id}/", failure)
                raise
        return {
            "ok": True,
            "execution_id": execution_id,
            "status": claimed.get("status", ""),
            "detail": f"{execution_id} is started",
        }

    # Commands about executions

    def on_stop_workflow(self, message: Message) -> None:
        """End an execution."""
        self._command("stop", message)

    def on_pause_workflow(self, message: Message) -> None:
        """Pause an execution."""
        self._command("pause", message)

    def on_resume_workflow(self, message: Message) -> None:
        """Resume an execution."""
        self._command("resume", message)

    def on_status_request(self, message: Message) -> None:
        """Answer with the state of the executions in hand, or of the one asked about."""
        delivery = self.hold()
        wanted = message.execution_id
        chosen = [e for e in self.executions.all() if not wanted or e.execution_id == wanted]
        if chosen or not wanted:
            answer = {
                "ok": True,
                "runner": self.name,
                "detail": f"{self.name} has {len(self.executions)} executions in hand",
                "executions": [execution.describe() for execution in chosen],
            }
            self.bus.reply(delivery, answer)
            self._done.append(delivery)
            return

        def look_up(lookup: Lookup) -> None:
            self.bus.reply(delivery, lookup.describe(wanted))

        self._look_up(delivery, look_up)

    def _command(self, action: str, message: Message) -> None:
        delivery = self.hold()
        execution_id = message.execution_id
        reason = str((message.model_extra or {}).get("reason") or "")

        def answer(body: dict[str, Any]) -> None:
            self.bus.reply(delivery, body)

        execution = self.executions.get(execution_id)
        if execution is not None:
            carry_out(execution, action, reason, answer)
            self._done.append(delivery)
        elif delivery.subscription.destination == RUNNER_CONTROL:
            self._done.append(delivery)  # another runner's, which receives it too
        elif not execution_id:
            answer(error_answer(NotFound(f"{message.msg_type} names no execution_id")))
            self._done.append(delivery)
        else:

            def pass_on() -> None:
                headers = {"reply-to": delivery.reply_to} if delivery.reply_to else {}
                self.bus.publish(RUNNER_CONTROL, message.model_dump(), headers=headers)

            def look_up(lookup: Lookup) -> None:
                lookup.act(execution_id, action, reason, answer, pass_on)

            self._look_up(delivery, look_up)

    def _look_up(self, delivery: Delivery, action: Callable[[Lookup], None]) -> None:
        def work() -> None:
            client = self._lookups.take()
            try:
                action(Lookup(client, self.name, self.executions.get))
            finally:
                self._lookups.give_back(client)
                self._done.append(delivery)
                self._wake()

        self._aside(work, "lookup")

    def _aside(self, work: Callable[[], None], name: str) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()

    def _wake(self) -> None:
        self.bus.wake()
