"""What can be done about a finding on a page: buttons, and links to where it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode

from orchestrator.services import agents_file
from swf_common_lib.findings import Finding, Subject, SubjectKind, Value
from swf_common_lib.remedies import Remedy

_START = frozenset({Remedy.START_AGENTS, Remedy.START_AGENTS_THEN_AGAIN, Remedy.START_AGAIN})
_RESTART = frozenset({Remedy.RESTART_AGENTS, Remedy.RESTART_RUNNER})
_AGAIN = frozenset({Remedy.START_AGAIN, Remedy.START_AGENTS_THEN_AGAIN, Remedy.MEND_WORKFLOW})
_LISTS = {
    SubjectKind.NAMESPACE: ("web:executions", "namespace"),
    SubjectKind.PROGRAM: ("web:agents", ""),
}


@dataclass(frozen=True)
class Button:
    """A form of one button."""

    label: str
    address: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the form sends besides."""
    look: str = ""
    """Class of the button: ``danger`` for what ends something, ``quiet`` for the second choice."""


@dataclass(frozen=True)
class Link:
    """A link to where a finding can be looked into."""

    label: str
    address: str


def buttons_of(finding: Finding, *, agents_here: bool) -> list[Button]:
    """Return what can be done about a finding on the page, in the order in which to do it.

    ``agents_here``: the monitor can start and stop the agents.
    """
    return [*(_for_agents(finding) if agents_here else ()), *_for_execution(finding)]


def agents_are_here() -> bool:
    """Return whether the monitor can start and stop agents: those of its own host."""
    testbed = settings.TESTBED
    return testbed.swf_services != "container" and agents_file(testbed).exists()


def links_of(finding: Finding) -> list[Link]:
    """Return where a finding can be looked into."""
    target, remedy = finding.target, finding.remedy
    if remedy is Remedy.READ_LOG and target.get("agent"):
        return [_listed("Its log", "logs", instance_name=target["agent"])]
    if remedy is Remedy.SHOW_MESSAGE:
        return [Link("The message", reverse("web:message", args=[target["message"]]))]
    if remedy is Remedy.SHOW_SLICES:
        run = target["run_number"]
        return [_listed("Failed slices", "slices", run_number=run, status="failed")]
    if remedy is Remedy.TAKE_DEAD_LETTERS:
        return [_listed("Errors in the log", "logs", level="ERROR")]
    if remedy is Remedy.STOP_OTHERS_OR_WAIT:
        return [_listed("What runs", "executions", status="running")]
    if remedy is Remedy.MEND_CONFIGURATION and target.get("workflow"):
        return [_listed("The workflow", "workflows", workflow_name=target["workflow"])]
    return []


def address_of(subject: Subject) -> str:
    """Return the address of a subject's page; empty where it has none."""
    if not subject.id:
        return ""
    if subject.kind is SubjectKind.EXECUTION:
        return reverse("web:execution", args=[subject.id])
    if subject.kind is SubjectKind.AGENT:
        return reverse("web:agent", args=[subject.id])
    if subject.kind is SubjectKind.RUN and subject.id.isascii() and subject.id.isdigit():
        return reverse("web:run", args=[int(subject.id)])
    if subject.kind in _LISTS:
        name, parameter = _LISTS[subject.kind]
        return reverse(name) + (f"?{urlencode({parameter: subject.id})}" if parameter else "")
    return ""


def _for_agents(finding: Finding) -> list[Button]:
    programs = str(finding.target.get("programs", ""))
    if finding.remedy in _RESTART:
        runner = finding.remedy is Remedy.RESTART_RUNNER
        label = "Restart the runner" if runner else f"Restart {_called(programs)}"
        address = reverse("web:agents-restart")
        return [Button(label, address, {"programs": programs}, look="danger")]
    # After a lost runner the next one may be up already: then the target names no program.
    if finding.remedy not in _START or (finding.remedy is Remedy.START_AGAIN and not programs):
        return []
    return [
        Button(f"Start {_called(programs)}", reverse("web:agents-start"), {"programs": programs})
    ]


def _called(programs: str) -> str:
    """Return what a button calls programs."""
    if not programs:
        return "the agents"
    return "these agents" if ", " in programs else programs


def _for_execution(finding: Finding) -> list[Button]:
    name, remedy = str(finding.target.get("execution_id", "")), finding.remedy
    if not name:
        return []
    if remedy is Remedy.STOP_EXECUTION:
        return [Button("Stop it", reverse("web:stop", args=[name]), look="danger")]
    if remedy is Remedy.RESUME_EXECUTION:
        return [Button("Resume it", reverse("web:resume", args=[name]))]
    again = reverse("web:again", args=[name])
    if remedy is Remedy.START_IN_SERVED_NAMESPACE and finding.target.get("served_namespace"):
        namespace = str(finding.target["served_namespace"])
        return [Button(f"Start again in {namespace}", again, {"namespace": namespace})]
    return [Button("Start again", again, look="quiet")] if remedy in _AGAIN else []


def _listed(label: str, name: str, **filters: Value) -> Link:
    query = urlencode({key: str(value) for key, value in filters.items()})
    return Link(label, f"{reverse(f'web:{name}')}?{query}")
