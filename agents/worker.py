"""The worker process: takes slices, waits for their processing time, reports results.

One process is as many simulated workers as a run asks for, limited by ``--slots`` and the run's
``node_parallelism``. Any number of processes share the slice queues.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from agents.workers.plan import RunPlan, announced_plan, joined_plan
from agents.workers.report import WorkerReport
from agents.workers.results import ResultWriter
from agents.workers.run import RunWork, SliceJob, tries_before
from agents.workers.watch import RunWatch
from swf_common_lib.agent_main import agent_parser, run_with_options
from swf_common_lib.base_agent import BaseAgent, SubscriptionSpec
from swf_common_lib.errors import BrokerUnavailable, InvalidMessage, NotFound
from swf_common_lib.messages import (
    EndRunWorker,
    Message,
    RunImminentWorker,
    SliceWork,
    derived_id,
    utc_now,
)
from swf_common_lib.messaging import CUMULATIVE, SLICE_RESULTS, WORKERS, Delivery, Subscription
from swf_common_lib.messaging.destinations import slice_queue
from swf_common_lib.roles import WORKER
from swf_common_lib.settings import Settings
from swf_common_lib.states import RunPhase

REPORT_INTERVAL = 1.0
"""Wall seconds between two reports on a run's workers."""
FINISH_INTERVAL = 0.02
"""Least wall seconds between two times that slices of paced runs are finished. A busy worker's
results cost the broker a write to disk for each such time, not for each slice; the simulated times
do not change, and the workers have taken up the next slices already."""
WORKERS_A_MESSAGE = 500
QUIET = 0.2
"""Wall seconds without a slice after which an ended run may have none left."""
IDLE_LIMIT = 600.0
"""Wall seconds without a slice after which an ended run is given up."""
LEFT_ALONE = 1000
"""Runs remembered as finished or not ours."""


@dataclass
class _Run:
    cause: Message
    """The message that the run's reports react to."""
    work: RunWork
    report: WorkerReport
    subscriptions: list[Subscription]
    reported: float = 0.0
    reports: int = 0


class WorkerAgent(BaseAgent):
    """Takes slices of its namespace's runs, spends their processing time, reports."""

    agent_type = WORKER.agent_type
    description = "processes slices"
    durable = False

    def __init__(self, settings: Settings, namespace: str, slots: int = 0) -> None:
        super().__init__(settings, namespace)
        self.slots = slots
        self.slices_done = 0
        self._next_finish = 0.0
        self._results = ResultWriter()
        self._watch = RunWatch(settings, namespace, lambda: self.bus.wake())
        self._runs: dict[str, _Run] = {}
        self._left_alone: OrderedDict[str, None] = OrderedDict()

    def subscriptions(self) -> list[SubscriptionSpec]:
        """Return the subscription to announcements; slice queues are added run by run."""
        return [SubscriptionSpec(WORKERS)]

    def started(self) -> None:
        """Start to look for runs that are going on already."""
        self._watch.start()

    # Runs

    def on_run_imminent_worker(self, message: RunImminentWorker) -> None:
        """Prepare the run's workers and take its slices."""
        plan = announced_plan(message, self.slots)
        run = self._runs.get(plan.run_id)
        if run is None:
            self._join(plan, message)
        elif run.work.pool is None:  # the run is known from the monitor already
            if plan.paced != run.work.plan.paced:  # what is subscribed to suits the other
                self._leave(plan.run_id)
                self._join(plan, message)
            else:
                run.work.announce(plan, time.monotonic())

    def on_end_run_worker(self, message: EndRunWorker) -> None:
        """Record that data taking is over; the workers end when no slice is left."""
        run = self._runs.get(message.run_id)
        if run is not None:
            run.work.ended = True

    def _join(self, plan: RunPlan, cause: Message) -> None:
        now = time.monotonic()
        work = RunWork(plan, now)
        subscriptions: list[Subscription] = []
        try:
            for stream in range(plan.streams):
                subscriptions.append(self._slices_of(plan, stream))
        except BrokerUnavailable:  # it is tried again, all of it
            for subscription in subscriptions:
                self.bus.unsubscribe(subscription)
            raise
        report = WorkerReport(self.name, self._results.hostname, work)
        self._runs[plan.run_id] = _Run(cause, work, report, subscriptions)
        self._left_alone.pop(plan.run_id, None)
        pace = f"{plan.time_scale:g} simulated seconds a second" if plan.paced else "unpaced"
        self.logger.info("run %s: %d workers here, %s", plan.run_id, plan.workers, pace)

    def _slices_of(self, plan: RunPlan, stream: int) -> Subscription:
        return self.bus.subscribe(
            slice_queue(stream),
            # All take equally long: they are done with in the order in which they came.
            ack=CUMULATIVE,
            prefetch=plan.prefetch,
            selector=plan.selector,
        )

    def _look_at(self, state: dict[str, Any]) -> None:
        run_id = str(state["run_number"])
        run = self._runs.get(run_id)
        if run is not None:
            run.work.ended |= state["phase"] in (RunPhase.PROCESSING, RunPhase.COMPLETED)
            if state["phase"] == RunPhase.COMPLETED and not run.work.in_hand:
                run.work.wind_down(state.get("end_tick"), time.monotonic())
        elif state["phase"] != RunPhase.COMPLETED and run_id not in self._left_alone:
            self._join_late(run_id, state.get("execution_id") or "")

    def _join_late(self, run_id: str, execution_id: str) -> None:
        plan = None
        try:
            execution = self.execution(execution_id)
        except NotFound:
            execution = None
        if execution is not None and execution.get("namespace") == self.namespace:
            plan = joined_plan(run_id, execution, self.slots)
        if plan is None:
            self._leave_alone(run_id)
            return
        cause = Message(
            msg_type="run_joined",
            namespace=self.namespace,
            execution_id=execution_id,
            run_id=run_id,
            time_scale=plan.time_scale,
            message_id=derived_id(self.name, "run_joined", run_id, utc_now()),
        )
        self.logger.info("run %s goes on already: it is joined", run_id)
        self._join(plan, cause)

    def _leave(self, run_id: str) -> None:
        run = self._runs.pop(run_id)
        for subscription in run.subscriptions:
            self.bus.unsubscribe(subscription)
        for job in run.work.in_hand.values():  # the broker has taken them back
            self.release(job.deliveries)
        self._leave_alone(run_id)
        self.logger.info("run %s: the workers have left", run_id)

    def _leave_alone(self, run_id: str) -> None:
        self._left_alone[run_id] = None
        if len(self._left_alone) > LEFT_ALONE:
            self._left_alone.popitem(last=False)

    # Slices

    def on_slice(self, message: SliceWork) -> None:
        """Assign the slice to a worker; its result is sent when its processing time is over."""
        run = self._runs.get(message.run_id)
        if run is None:
            raise InvalidMessage(f"a slice of run {message.run_id!r} came with those of another")
        now = time.monotonic()
        job = run.work.take(message, now)
        if job is None:
            return  # done before; its result is out
        if run.work.plan.paced:
            job.deliveries.append(self.hold())
        else:
            self._finish(run, job, now)

    def _finish_due(self, now: float) -> None:
        """Send results and acknowledgements of the slices whose processing time is over."""
        if now < self._next_finish:
            return
        self._next_finish = now + FINISH_INTERVAL
        finished: list[Delivery] = []
        for run in self._runs.values():
            for job in run.work.finished(now):
                self._finish(run, job, now)
                finished += job.deliveries
        self.release(finished)

    def _finish(self, run: _Run, job: SliceJob, now: float) -> None:
        plan, work = run.work.plan, job.work
        failed = plan.fails(work.content, tries_before(work))
        end = datetime.now(timezone.utc)
        start = end - timedelta(seconds=max(0.0, now - job.wall_start)) if plan.paced else end
        content = self._results.content(
            work,
            worker=run.report.worker_id(job.assignment.worker),
            ticks=(job.assignment.started_tick, job.assignment.finished_tick),
            times=(start.isoformat(), end.isoformat()),
            error=f"failed on purpose (slice_failure_rate {plan.failure_rate:g})" if failed else "",
        )
        self.send(SLICE_RESULTS, "slice_result", work, content=content)
        run.work.settle(job, now, failed=failed)
        self.slices_done += 1

    # Time

    def patience(self) -> float:
        """Return the seconds until the next slice is finished, ``tick_interval`` at most."""
        times = [run.work.next_finish() for run in self._runs.values()]
        due = min((when for when in times if when is not None), default=None)
        if due is None:
            return self.tick_interval
        due = max(due, self._next_finish)
        return min(self.tick_interval, max(0.0, due - time.monotonic()))

    def tick(self) -> None:
        """Finish the slices whose time is over; report; end workers that have no work left."""
        for state in self._watch.news():
            self._look_at(state)
        now = time.monotonic()
        self._finish_due(now)
        for run_id, run in list(self._runs.items()):
            if self._idle_too_long(run, now):
                self.logger.warning(
                    "run %s: no slice for %g s and no word that it is completed: given up",
                    run_id,
                    IDLE_LIMIT,
                )
                run.work.wind_down(None, now)
            left = run.work.left(now)
            if left or now - run.reported >= REPORT_INTERVAL:
                self._report(run, now)
            if left:
                self._leave(run_id)
        self._watch.ask_about(self._perhaps_drained(now), frozenset(self._runs))

    def stopped(self) -> None:
        """End the workers; slices that are not finished go back to the queue."""
        self._watch.close()
        now = time.monotonic()
        for run in self._runs.values():
            run.work.break_off(now)
            self._report(run, now)

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return the runs that this process works for, and its counts of workers and slices."""
        runs = list(self._runs.values())
        return {
            "runs": [run.work.plan.run_id for run in runs],
            "workers": sum(run.work.plan.workers for run in runs),
            "slices_in_hand": sum(len(run.work.in_hand) for run in runs),
            "slices_done": self.slices_done,
        }

    def _perhaps_drained(self, now: float) -> frozenset[str]:
        return frozenset(
            run_id
            for run_id, run in self._runs.items()
            if run.work.ended and not run.work.in_hand and now - run.work.last_activity > QUIET
        )

    def _idle_too_long(self, run: _Run, now: float) -> bool:
        idle = now - run.work.last_activity > IDLE_LIMIT and not run.work.in_hand
        joined_for_nothing = run.work.pool is None
        return idle and (run.work.ended or joined_for_nothing)

    def _report(self, run: _Run, now: float) -> None:
        run.reported = now
        entries = run.report.changed_entries(now)
        for start in range(0, len(entries), WORKERS_A_MESSAGE):
            run.reports += 1
            self.broadcast(
                "worker_status",
                run.cause,
                discriminator=f"{self.name}/{run.reports}",
                workers=entries[start : start + WORKERS_A_MESSAGE],
                simulation_tick=run.work.tick,
            )
        self._announce_begun(run, now)

    def _announce_begun(self, run: _Run, now: float) -> None:
        begun = [job for job in run.work.working(now).values() if not job.announced]
        if not begun or not run.work.plan.paced:
            return
        states = []
        for job in begun:
            job.announced = True
            states.append(
                {
                    "tf_filename": job.work.content.tf_filename,
                    "slice_id": job.work.content.slice_id,
                    "status": "processing",
                    "worker": run.report.worker_id(job.assignment.worker),
                    "retries": tries_before(job.work),
                    "started_tick": job.assignment.started_tick,
                }
            )
        discriminator = f"{self.name}/{run.reports}/begun/{now}"
        self.broadcast("slice_status", run.cause, discriminator=discriminator, slices=states)


def main(arguments: list[str] | None = None) -> int:
    """Run a worker process and return the exit status: 0, or 2 for a faulty configuration."""
    parser = agent_parser("Processes slices: a process is many simulated workers.")
    parser.add_argument(
        "--slots", type=int, default=0, help="most workers of this process for a run (0: any)"
    )
    options = parser.parse_args(arguments)
    slots = max(0, options.slots)
    return run_with_options(
        lambda settings, namespace: WorkerAgent(settings, namespace, slots), options
    )


if __name__ == "__main__":
    raise SystemExit(main())
