"""Whether what a run makes is taken on: each kind of message has a role that answers it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from monitor.diagnosis.finding import Finding
from monitor.diagnosis.queues import WORKER, waiting_text
from monitor.diagnosis.steps import Step, steps_of
from monitor.executions.waiting import ALIVE_FOR, live_agents
from monitor.records.models import (
    RunState,
    SystemAgent,
    TFSlice,
    WorkflowExecution,
    WorkflowMessage,
)
from monitor.records.states import SliceStatus
from monitor.records.statistics import worker_verdict
from orchestrator.queue_depths import Reading
from swf_common_lib.config import fast_processing
from swf_common_lib.text import instant

QUIET = timedelta(seconds=5)
"""After this long without a message, what is not answered is not being worked on."""
NAMED = 5
"""Other namespaces that are named."""
EXITED = SystemAgent.OperationalState.EXITED


def work_findings(
    execution: WorkflowExecution, monitor_up: bool, reading: Reading
) -> Iterator[Finding]:
    """Give which steps of the work do not go on, and whether the workers keep up.

    ``reading``: of the broker's queues.
    """
    state = RunState.objects.filter(execution_id=execution.execution_id).first()
    steps = steps_of(execution, state)
    quiet = _quiet_since(execution)
    if monitor_up:  # without it nothing is known of agents, and that is said already
        yield from _step_findings(steps, execution, quiet, reading)
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


def _quiet_since(execution: WorkflowExecution) -> datetime | None:
    rows = WorkflowMessage.objects.filter(execution_id=execution.execution_id)
    newest = rows.order_by("-sent_at", "-id").only("received_at").first()
    return None if newest is None else newest.received_at


def _step_findings(
    steps: list[Step],
    execution: WorkflowExecution,
    quiet_since: datetime | None,
    reading: Reading,
) -> Iterator[Finding]:
    absent = []
    there = agents_of(execution)
    for step in steps:
        if execution.end_time is not None and not step.missing:
            continue
        agents = [agent for agent in there if agent.agent_type == step.agent_type]
        silent = [agent for agent in agents if agent.operational_state != EXITED]
        alive = [agent for agent in agents if is_alive(agent)]
        if alive:
            if step.missing:
                yield from _unanswered(step, silent, alive[0], execution, quiet_since)
        elif silent:
            yield _silent(step, silent[0], reading)
        elif step.missing:
            yield _missing(step, execution, reading)
        else:
            absent.append(step)
    if absent:
        yield _absent(absent, execution, reading)


def _unanswered(
    step: Step,
    there: list[SystemAgent],
    alive: SystemAgent,
    execution: WorkflowExecution,
    quiet_since: datetime | None,
) -> Iterator[Finding]:
    """Tell of messages without an answer though an agent lives; ``there``: those not ended."""
    if began_too_late(step, there, execution):
        yield _late(step, alive)
        return
    patience = _patience(step, execution)
    if step.busy or quiet_since is None or timezone.now() - quiet_since <= patience:
        return
    yield Finding(
        "message_unconsumed",
        "warning",
        f"{step.counted}, and nothing has happened for more than {patience.total_seconds():.0f} s, "
        f"though {alive.instance_name} lives",
        f"list_logs(source={alive.instance_name!r}) says what hinders it; "
        "list_messages with this execution_id shows the last step that worked.",
    )


def began_too_late(step: Step, there: list[SystemAgent], execution: WorkflowExecution) -> bool:
    """Tell whether all agents of the step began after the last message that it was to answer.

    One that was killed left its subscription, and whoever comes after it gets what is in there;
    ``there`` has it still. Slices wait in a queue, for whoever comes.
    """
    if step.program == WORKER:
        return False
    rows = WorkflowMessage.objects.filter(
        execution_id=execution.execution_id, message_type=step.message
    )
    last = rows.order_by("-sent_at", "-id").first()
    if last is None:
        return False
    heard_of = max(last.sent_at, last.received_at)  # two clocks: the later one accuses nobody
    return all(agent.first_seen > heard_of for agent in there)


def _late(step: Step, agent: SystemAgent) -> Finding:
    return Finding(
        "agent_missing",
        "error",
        f"{agent.instance_name} started at {instant(agent.first_seen)}, after the "
        f"{step.message} messages of this execution were broadcast: no {step.agent_type} agent "
        "heard them",
        "They are not repeated, and this run's processing does not end: start_workflow again.",
        step.counted,
        (step.program,),
    )


def _patience(step: Step, execution: WorkflowExecution) -> timedelta:
    """Give how long nothing may happen: workers are silent while they start, and at a slice."""
    fast = fast_processing(execution.parameter_values)
    speed = execution.options.get("speed")
    if step.program != WORKER or fast is None or not isinstance(speed, int | float) or speed <= 0:
        return QUIET
    return QUIET + timedelta(seconds=(fast.slice_processing_time + fast.worker_rampup_time) / speed)


def _silent(step: Step, agent: SystemAgent, reading: Reading) -> Finding:
    age = (timezone.now() - agent.last_heartbeat).total_seconds() if agent.last_heartbeat else 0
    return Finding(
        "agent_silent",
        "error" if step.missing else "warning",
        f"{agent.instance_name} has been silent for {age:.0f} s without saying good-bye: "
        "killed, hung, or cut off",
        f"get_agent(name={agent.instance_name!r}) says whether its process lives; "
        f"{_start_text(step)}{_then(step, orderly=False)}",
        _evidence([step], reading),
        (step.program,),
    )


def _missing(step: Step, execution: WorkflowExecution, reading: Reading) -> Finding:
    elsewhere = _elsewhere([step], execution)
    return Finding(
        "agent_missing",
        "error",
        f"no {step.agent_type} agent is up in namespace {execution.namespace}"
        f"{_elsewhere_text(elsewhere)}",
        _start_text(step) + _there_text(elsewhere, execution) + _then(step, orderly=True),
        _evidence([step], reading),
        (step.program,),
    )


def _absent(steps: list[Step], execution: WorkflowExecution, reading: Reading) -> Finding:
    """Tell of agents that nothing was asked of yet, or nothing that is still open."""
    types = ", ".join(step.agent_type for step in steps)
    elsewhere = _elsewhere(steps, execution)
    return Finding(
        "agent_missing",
        "warning",
        f"no agent of type {types} is up in namespace {execution.namespace}"
        f"{_elsewhere_text(elsewhere)}",
        _start_text(*steps) + _there_text(elsewhere, execution),
        _evidence(steps, reading),
        tuple(step.program for step in steps),
    )


def _start_text(*steps: Step) -> str:
    programs = ", ".join(f'"{step.program}"' for step in steps)
    return f"start_agents(agents=[{programs}]) starts {'it' if len(steps) == 1 else 'them'}"


def _then(step: Step, orderly: bool) -> str:
    """Say what becomes of the messages that were not answered; ``orderly``: the agent has ended."""
    if not step.missing:
        return ""
    if orderly and step.program != WORKER:
        # It gave up its subscription to the broadcasts; slices are in a queue.
        return "; what was broadcast after it ended is not repeated: start_workflow again for that."
    return "; what waits in the broker for it is then worked on."


def _evidence(steps: list[Step], reading: Reading) -> str:
    asked = [step.counted for step in steps if step.missing]
    waiting = filter(None, [waiting_text(reading, step.program) for step in steps])
    return "; ".join([*(asked or ["nothing waits for an answer yet"]), *waiting])


def _elsewhere(steps: list[Step], execution: WorkflowExecution) -> list[str]:
    """Give the other namespaces in which an agent of each of these types lives."""
    types = {step.agent_type for step in steps}
    others = live_agents().exclude(namespace__in=["", execution.namespace])
    there: defaultdict[str, set[str]] = defaultdict(set)
    for namespace, agent_type in others.values_list("namespace", "agent_type").distinct():
        there[namespace].add(agent_type)
    return sorted(name for name, found in there.items() if types <= found)[:NAMED]


def _elsewhere_text(namespaces: list[str]) -> str:
    if not namespaces:
        return ""
    return f"; some are in {', '.join(namespaces)}, which hear nothing of this one"


def _there_text(namespaces: list[str], execution: WorkflowExecution) -> str:
    if not namespaces:
        return ""
    return (
        f" if testbed.toml names namespace {execution.namespace!r}: agents serve the one it names;"
        f" start_workflow(namespace={namespaces[0]!r}) is heard by those that are up"
    )


def _workers_too_few(state: RunState) -> Iterator[Finding]:
    verdict = worker_verdict(state)
    if verdict is None or verdict.keeps_up or verdict.enough_workers or not verdict.made_slices:
        return
    do = "did" if verdict.over else "do"
    yield Finding(
        "workers_too_few",
        "warning",
        f"{verdict.target_workers} workers finish {verdict.capacity_slices_per_s or 0:.3g} of "
        f"{verdict.slices_per_s:.3g} slices/s and {do} not keep up: {verdict.late_slices} of "
        f"{verdict.measured_slices} slices waited for longer than an STF takes, at most "
        f"{verdict.max_wait_s or 0:.3g} s; {verdict.workers_to_keep_up} workers would keep up",
        "start_workflow with parameters "
        f'{{"target_worker_count": {verdict.workers_to_keep_up}}}, or with fewer '
        "slices_per_sample or a shorter slice_processing_time.",
        f"backlog {verdict.backlog_slices} slices at {verdict.at_tick or 0:.7g} simulated s, grown "
        f"by {verdict.backlog_growth_slices_per_s or 0:.3g}/s; {state.slices_queued} queued, "
        f"{state.slices_processing} in work, {state.slices_completed} done",
        (WORKER,),
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
