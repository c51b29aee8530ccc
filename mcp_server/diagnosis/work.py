"""Whether what a run makes is taken on: each kind of message has a role that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from mcp_server.diagnosis.finding import Finding
from monitor.executions.waiting import ALIVE_FOR
from monitor.records.models import (
    FastMonFile,
    RunState,
    StfFile,
    SystemAgent,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.states import SliceStatus
from monitor.records.statistics import run_statistics
from swf_common_lib.config import fast_processing
from swf_common_lib.errors import NotFound

QUIET = timedelta(seconds=5)
"""After this long without a message, what is not answered is not being worked on."""
EXITED = SystemAgent.OperationalState.EXITED


@dataclass(frozen=True)
class Step:
    """One step of the work: messages, and the role that has to answer each of them."""

    agent_type: str
    program: str
    message: str
    """What it consumes."""
    asked: int
    answered: int

    @property
    def missing(self) -> int:
        """How many were not answered (yet)."""
        return max(0, self.asked - self.answered)


def work_findings(execution: WorkflowExecution, monitor_up: bool) -> Iterator[Finding]:
    """Give which steps of the work do not go on, and whether the workers keep up."""
    state = RunState.objects.filter(execution_id=execution.execution_id).first()
    steps = _steps(execution, state)
    quiet = _quiet_since(execution)
    if monitor_up:  # without it nothing is known of agents, and that is said already
        for step in steps:
            yield from _of_step(step, execution, quiet)
    if state is not None:
        yield from _workers_too_few(state)
        yield from _failed_slices(state)
    yield from _not_understood(execution)


def agents_of(execution: WorkflowExecution) -> list[SystemAgent]:
    """Give the agents of the execution's namespace, runners left out."""
    rows = SystemAgent.objects.filter(namespace=execution.namespace)
    return list(rows.exclude(agent_type="workflow_runner").order_by("-last_heartbeat")[:50])


def is_alive(agent: SystemAgent) -> bool:
    """Tell whether an agent has reported lately and not said good-bye."""
    heartbeat = agent.last_heartbeat
    recent = heartbeat is not None and heartbeat > timezone.now() - ALIVE_FOR
    return recent and agent.operational_state != EXITED


def _steps(execution: WorkflowExecution, state: RunState | None) -> list[Step]:
    """Give the steps that the execution's configuration asks for, in their order."""
    values = execution.parameter_values if isinstance(execution.parameter_values, dict) else {}
    generated = state.stf_files_generated if state else 0
    registered = state.stf_files_registered if state else 0
    steps = [Step("data", "data-agent", "stf_gen", generated, registered)]
    run = state.run_number if state else None
    fast = fast_processing(values)
    if fast is not None and fast.stf_sampling_rate > 0:
        files = StfFile.objects.filter(run__run_number=run).exclude(tf_count=0).count()
        samples = FastMonFile.objects.filter(stf_file__run__run_number=run).exclude(tf_count=0)
        slices = TFSlice.objects.filter(run_number=run)
        sliced = slices.values("tf_filename").distinct().count()
        made = slices.count()
        open_ = slices.filter(status=SliceStatus.QUEUED).count()
        steps += [
            Step("fastmon", "fastmon-agent", "stf_ready", files, samples.count()),
            Step(
                "fast_processing",
                "fast-processing-agent",
                "tf_file_registered",
                samples.count(),
                sliced,
            ),
            Step("worker", "fast-processing-worker", "slice", made, made - open_),
        ]
    if "stf_processing" in values:
        done = state.stf_files_processed if state else 0
        steps.append(Step("processing", "processing-agent", "stf_ready", registered, done))
    return steps


def _quiet_since(execution: WorkflowExecution) -> datetime | None:
    rows = WorkflowMessage.objects.filter(execution_id=execution.execution_id)
    newest = rows.order_by("-sent_at", "-id").only("received_at").first()
    return None if newest is None else newest.received_at


def _of_step(
    step: Step, execution: WorkflowExecution, quiet_since: datetime | None
) -> Iterator[Finding]:
    agents = [agent for agent in agents_of(execution) if agent.agent_type == step.agent_type]
    finished = execution.end_time is not None
    if finished and not step.missing:
        return
    counted = f"{step.missing} of {step.asked} {step.message} messages have no answer"
    evidence = counted if step.asked else "nothing was asked of it yet"
    start = f'start_agents(agents=["{step.program}"]) starts it'
    then = f"{start}; what waits in the broker for it is then worked on." if step.missing else start
    silent = [agent for agent in agents if agent.operational_state != EXITED]
    if any(is_alive(agent) for agent in agents):
        idle = quiet_since is not None and timezone.now() - quiet_since > QUIET
        if step.missing and idle:
            alive = next(agent for agent in agents if is_alive(agent))
            yield Finding(
                "message_unconsumed",
                "warning",
                f"{counted}, and nothing has happened for more than {QUIET.seconds} s, though "
                f"{alive.instance_name} lives",
                f"list_logs(source={alive.instance_name!r}) says what hinders it; "
                "list_messages with this execution_id shows the last step that worked.",
            )
    elif silent:
        agent = silent[0]
        age = (timezone.now() - agent.last_heartbeat).total_seconds() if agent.last_heartbeat else 0
        yield Finding(
            "agent_silent",
            "error" if step.missing else "warning",
            f"{agent.instance_name} has been silent for {age:.0f} s without saying good-bye: "
            "killed, hung, or cut off",
            f"get_agent(name={agent.instance_name!r}) says whether its process lives; {then}",
            evidence,
        )
    else:
        yield Finding(
            "agent_missing",
            "error" if step.missing else "warning",
            f"no {step.agent_type} agent is up in namespace {execution.namespace}"
            f"{_elsewhere(step, execution)}",
            then,
            evidence,
        )


def _elsewhere(step: Step, execution: WorkflowExecution) -> str:
    others = SystemAgent.objects.filter(agent_type=step.agent_type).exclude(
        namespace=execution.namespace
    )
    namespaces = sorted({agent.namespace for agent in others[:200] if is_alive(agent)} - {""})
    if not namespaces:
        return ""
    return f"; some are in {', '.join(namespaces[:5])}, which hear nothing of this one"


def _workers_too_few(state: RunState) -> Iterator[Finding]:
    try:
        told = run_statistics(state.run_number)
    except NotFound:
        return
    if told.keeps_up is not False or not told.slices.created:
        return
    yield Finding(
        "workers_too_few",
        "warning",
        f"{told.workers.target} workers finish {told.capacity:.3g} of "
        f"{told.nominal_slice_rate:.3g} slices/s: the backlog grows by "
        f"{told.backlog_growth:.3g}/s while data is taken; {told.workers_to_keep_up} workers would "
        "keep up",
        "start_workflow with parameters "
        f'{{"target_worker_count": {told.workers_to_keep_up}}}, or with fewer slices_per_sample '
        "or a shorter slice_processing_time.",
        f"backlog {told.backlog} slices when data taking ended or now; "
        f"{told.slices.queued} queued, {told.slices.processing} in work, "
        f"{told.slices.completed} done",
    )


def _failed_slices(state: RunState) -> Iterator[Finding]:
    failed = TFSlice.objects.filter(run_number=state.run_number, status=SliceStatus.FAILED)
    count = failed.count()
    if count:
        errors = failed.exclude(error="").values_list("error", flat=True).distinct()[:3]
        yield Finding(
            "slices_failed",
            "warning",
            f"{count} slices failed for good, after all their tries",
            f"list_tf_slices(run_number={state.run_number}, status='failed') shows which, where.",
            "; ".join(str(error)[:200] for error in errors),
        )


def _not_understood(execution: WorkflowExecution) -> Iterator[Finding]:
    rows = WorkflowMessage.objects.filter(execution_id=execution.execution_id).exclude(problem="")
    first = rows.order_by("sent_at", "id").first()  # the order of an index
    if first is not None:
        yield Finding(
            "message_not_understood",
            "warning",
            f"{rows.count()} messages of it could not be understood, the first a "
            f"{first.message_type or 'message'} from {first.sender_agent or 'nobody'}",
            f"get_message(id={first.pk}) shows it.",
            first.problem[:300],
        )
