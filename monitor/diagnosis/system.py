"""What needs a hand in the whole testbed, and what is wrong with one execution.

One set of rules serves both. "All is well" is said only of what was looked at: services,
processes, agents, queues, configurations, hosts, and the executions and runs of the last hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from monitor.diagnosis.course import course_findings
from monitor.diagnosis.execution_look import ExecutionLook, look_at
from monitor.diagnosis.messages import misunderstood, misunderstood_lately
from monitor.diagnosis.runs import (
    may_lack_workers,
    run_findings,
    runs_never_started,
    slice_errors,
    workers_too_few,
)
from monitor.diagnosis.work import with_last_asked, work_findings
from monitor.executions.control import find
from monitor.health.agents import agent_findings
from monitor.health.hosts import host_findings
from monitor.health.look import Look
from monitor.health.queues import queue_findings
from monitor.records.models import RunState, SystemStateEvent, WorkflowExecution
from monitor.records.states import ACTIVE, ExecutionStatus, RunPhase
from swf_common_lib.config import list_configurations
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
    ranked,
)
from swf_common_lib.roles import RUNNER
from swf_common_lib.text import short

RECENT = timedelta(hours=1)
"""Executions that ended, and starts that were refused, are told of for so long."""
UNPROCESSED = timedelta(hours=24)
"""Runs whose processing stands still are told of for so long."""
UNFINISHED = 50
ENDED = 50
JUDGED = 3
"""Executions whose workers are judged by their slices at each look at the whole."""
_ENDS = ("execution_completed", "execution_failed", "execution_terminated")
_REFUSED = "start_refused"


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with one execution."""

    seen: ExecutionLook
    findings: list[Finding]
    """The worst first, a symptom below its cause."""


def system_findings(look: Look) -> list[Finding]:
    """Return what needs a hand now or did in the last hour, the worst first."""
    executions = with_last_asked(look_at(_of_interest(look.now)))
    needed = {
        seen.execution.namespace
        for seen in executions
        if not seen.ended or (seen.state is not None and not seen.processed)
    }
    findings = list(look.findings)
    if look.heard:
        findings += agent_findings(
            look.agents, look.programs, needed, look.now, broker_up=look.broker_up
        )
        findings += _no_runner(look)
    findings += queue_findings(look.reading, look.alive_types())
    findings += host_findings(look.agents)
    findings += _configurations(look)
    findings += _refused_starts(look)
    findings += runs_never_started(look.now)
    findings += misunderstood_lately(look.now)
    for seen in executions:
        findings += _of_execution(seen, look)
    for seen in _with_slices_to_judge(executions):
        findings += workers_too_few(seen)
    return ranked(one for one in findings if _needs_a_hand(one))


def diagnose(execution_id: str, look: Look) -> Diagnosis:
    """Return what is wrong with one execution, and what around it keeps it from going on.

    Raises NotFound that names the nearest ids.
    """
    (seen,) = with_last_asked(look_at([find(execution_id)]))
    if seen.state is not None and seen.count("slices_failed"):
        seen = replace(seen, slice_error=slice_errors(seen.state.run_number))
    findings = list(look.findings)
    if look.heard and not (seen.ended and seen.processed):
        findings += _agents_of(seen, look)
    findings += _of_execution(seen, look)
    findings += workers_too_few(seen)
    findings += misunderstood(seen)
    if not seen.ended or not seen.processed:
        findings += queue_findings(look.reading, look.alive_types())
    return Diagnosis(seen, ranked(_told_once(findings)))


def _of_execution(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    yield from course_findings(seen, look)
    if seen.execution.status != ExecutionStatus.PENDING or look.runners:
        yield from work_findings(seen, look)
    yield from run_findings(seen, look)


def _with_slices_to_judge(executions: list[ExecutionLook]) -> list[ExecutionLook]:
    """Return the newest executions whose workers may be too few, with slices to process.

    That is judged by all slices of a run, so it is done for a few; a diagnosis does it for any.
    """
    open_ones = [one for one in executions if not one.processed and may_lack_workers(one)]
    return open_ones[:JUDGED]


def _agents_of(seen: ExecutionLook, look: Look) -> Iterator[Finding]:
    """Yield what is wrong with agents that the execution may need."""
    row = seen.execution
    here = [a for a in look.agents if a.row.namespace in (row.namespace, "")]
    yield from agent_findings(
        here, look.programs, {row.namespace}, look.now, broker_up=look.broker_up
    )


def _told_once(findings: list[Finding]) -> Iterator[Finding]:
    """Leave out what another finding says with more: programs that are down, and their queues."""
    missing = {FindingCode.AGENTS_MISSING, FindingCode.WORK_ABANDONED, FindingCode.RUNNER_MISSING}
    explained = {
        program
        for one in findings
        if one.code in missing
        for program in str(one.target.get("programs", "")).split(", ")
    }
    for one in findings:
        follows = one.code in (FindingCode.AGENT_DOWN, FindingCode.QUEUE_UNCONSUMED)
        if not (follows and one.target.get("programs") in explained):
            yield one


def _no_runner(look: Look) -> Iterator[Finding]:
    """Yield agents that are up without a runner: nothing that is started would run."""
    runners = [a for a in look.agents if a.current and a.row.agent_type == RUNNER.agent_type]
    if runners or not look.alive or RUNNER.agent_type in look.programs.down():
        return  # one that is late, silent or down is a finding of its own
    yield Finding(
        FindingCode.AGENT_DOWN,
        Severity.WARNING,
        Subject(SubjectKind.PROGRAM, RUNNER.program),
        Remedy.START_AGENTS,
        evidence=evidence(effect=RUNNER.effect_if_absent),
        target={"programs": RUNNER.program},
    )


def _needs_a_hand(one: Finding) -> bool:
    """Return whether a finding belongs on the list for all; a note on one execution does not."""
    return one.severity is not Severity.NOTE or one.subject.kind is not SubjectKind.EXECUTION


def _of_interest(now: datetime) -> list[WorkflowExecution]:
    """Return unfinished executions, those that ended lately, and those with work left."""
    rows = WorkflowExecution.objects.select_related("workflow_definition")
    rows = rows.defer("source", "workflow_definition__definition")  # code is large
    unfinished = rows.filter(status__in=[ExecutionStatus.PENDING, *ACTIVE])
    ids = [*_ended_lately(now), *unprocessed_executions(now)]
    newest = unfinished.order_by("-created_at")[:UNFINISHED]
    others = rows.filter(pk__in=ids).exclude(pk__in=[row.pk for row in newest])
    return [*newest, *others.order_by("-created_at")]


def _ended_lately(now: datetime) -> list[str]:
    events = SystemStateEvent.objects.filter(event_type__in=_ENDS, timestamp__gte=now - RECENT)
    return list(events.order_by("-id").values_list("execution_id", flat=True)[:ENDED])


def unprocessed_executions(now: datetime) -> list[str]:
    """Return the executions whose run, of the last day, was not processed to its end."""
    states = RunState.objects.filter(updated_at__gte=now - UNPROCESSED)
    states = states.exclude(phase=RunPhase.COMPLETED).exclude(execution_id="")
    return list(states.order_by("-run_number").values_list("execution_id", flat=True)[:ENDED])


def _configurations(look: Look) -> Iterator[Finding]:
    """Yield files of configuration that cannot be used."""
    testbed = settings.TESTBED
    for problem in look.programs.problems[:5]:
        yield _broken(testbed.swf_testbed_config.name, problem, Severity.ERROR)
    for summary in list_configurations(testbed.swf_home / "workflows"):
        if summary.unreadable:
            yield _broken(f"{summary.name}.toml", summary.problem, Severity.WARNING)


def _broken(file: str, problem: str, severity: Severity) -> Finding:
    return Finding(
        FindingCode.CONFIGURATION_BROKEN,
        severity,
        Subject(SubjectKind.FILE, file),
        Remedy.MEND_FILE,
        evidence=evidence(problem=short(problem, 300)),
        target={"file": file},
    )


def _refused_starts(look: Look) -> Iterator[Finding]:
    """Yield the newest start that was refused within the hour, of each who asked."""
    since = look.now - RECENT
    events = SystemStateEvent.objects.filter(event_type=_REFUSED, timestamp__gte=since)
    own = look.programs.testbed.namespace if look.programs.testbed else ""
    told: set[str] = set()
    for event in events.order_by("-id")[:ENDED]:
        if event.actor in told:
            continue
        told.add(event.actor)
        problems = event.event_data.get("problems") or []
        yield Finding(
            FindingCode.START_REFUSED,
            Severity.NOTE,
            Subject(SubjectKind.NAMESPACE, str(event.event_data.get("namespace") or own)),
            Remedy.MEND_CONFIGURATION,
            since=event.timestamp,
            evidence=evidence(
                by=event.actor,
                via=event.via,
                workflow=str(event.event_data.get("workflow", "")),
                problem=short("; ".join(map(str, problems)), 300),
            ),
            target={"workflow": str(event.event_data.get("workflow", ""))},
        )
