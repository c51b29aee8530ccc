"""What will come of an execution that was just started, and of a message that was just sent."""

from __future__ import annotations

from monitor.diagnosis.course import course_findings
from monitor.diagnosis.execution_look import look_at
from monitor.diagnosis.work import NAMED, with_last_asked, work_findings
from monitor.health.look import Look, take_short_look
from monitor.records.models import WorkflowExecution
from monitor.records.states import TERMINAL
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

WAITS = frozenset(
    {
        FindingCode.BROKER_AWAY,
        FindingCode.MONITOR_AWAY,
        FindingCode.RUNNER_MISSING,
        FindingCode.RUNNERS_BUSY,
    }
)
"""What a pending execution waits for to go away."""
UNSERVED = frozenset(
    {
        FindingCode.AGENTS_MISSING,
        FindingCode.NAMESPACE_UNSERVED,
        FindingCode.WORK_ABANDONED,
    }
)
"""Why nobody works on what an execution makes."""


def prospects_of(execution: WorkflowExecution) -> list[Finding]:
    """Return what an execution waits for, and which agents it needs that are not up."""
    look = take_short_look(from_outside=True)
    (seen,) = with_last_asked(look_at([execution]))
    findings = [] if execution.status in TERMINAL else list(look.findings)
    findings += course_findings(seen, look)
    if look.alive:  # else it waits for a runner, and agents may be started with that
        findings += work_findings(seen, look)
        if unserved := namespace_unserved(execution.namespace, look):
            findings = [one for one in findings if one.code not in UNSERVED] + [unserved]
    return [one for one in ranked(findings) if one.code in WAITS | UNSERVED]


def namespace_unserved(namespace: str, look: Look | None = None) -> Finding | None:
    """Return that a namespace has no agents while another has; None where it has, or none has."""
    seen = look or take_short_look(from_outside=True)
    others = seen.serving(frozenset(), besides=namespace)
    if not others or seen.alive_types(namespace) - {RUNNER.agent_type}:
        return None
    return Finding(
        FindingCode.NAMESPACE_UNSERVED,
        Severity.WARNING,
        Subject(SubjectKind.NAMESPACE, namespace),
        Remedy.START_IN_SERVED_NAMESPACE,
        evidence=evidence(elsewhere=", ".join(others[:NAMED])),
        target={"namespace": namespace, "served_namespace": others[0]},
    )
