"""The sentences that an assistant reads: the calls that it is to make, with their arguments."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_server.answers.finding_texts import advice, sentence, view
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)

pytestmark = pytest.mark.sentences

NAME = "stf_datataking-shifter-0001"


def advised(remedy: Remedy, **target: Any) -> str:
    """Return the advice of a finding about an execution."""
    subject = Subject(SubjectKind.EXECUTION, NAME)
    return advice(
        Finding(FindingCode.EXECUTION_FAILED, Severity.ERROR, subject, remedy, target=target)
    )


@pytest.mark.parametrize(
    ("remedy", "target", "said"),
    [
        (Remedy.START_AGENTS, {}, "start_agents;"),
        (Remedy.START_AGENTS, {"programs": "data-agent"}, 'start_agents(agents=["data-agent"])'),
        (
            Remedy.START_AGENTS_THEN_AGAIN,
            {"programs": "data-agent, fastmon-agent"},
            'start_agents(agents=["data-agent", "fastmon-agent"]), then start_workflow',
        ),
        (Remedy.START_AGAIN, {"agent": "runner-1"}, 'source="runner-1"'),
        (Remedy.START_AGAIN, {"programs": "workflow-runner"}, "start_workflow with the same"),
        (
            Remedy.START_IN_SERVED_NAMESPACE,
            {"namespace": "elsewhere", "served_namespace": "torre1"},
            "start_agents cannot help: agents serve the namespace that testbed.toml names."
            ' start_workflow with namespace "torre1"',
        ),
        (
            Remedy.MORE_WORKERS,
            {"workers": 205},
            'start_workflow with parameters {"target_worker_count": 205}',
        ),
        (Remedy.MEND_WORKFLOW, {"workflow": "stf_datataking"}, "workflows/stf_datataking.py"),
        (Remedy.MEND_CONFIGURATION, {}, "validate_workflow_config"),
        (
            Remedy.RESTART_AGENTS,
            {"programs": "data-agent"},
            'stop_agents(agents=["data-agent"]), then start_agents(agents=["data-agent"])',
        ),
        (
            Remedy.FREE_PORT,
            {"port": 8001, "service": "mcp", "setting": "SWF_MCP_PORT"},
            "set another port (SWF_MCP_PORT)",
        ),
    ],
)
def test_advice_is_a_call_that_can_be_made(remedy: Remedy, target: Any, said: str) -> None:
    assert said in advised(remedy, **target)


def test_a_view_has_the_values_beside_the_sentences() -> None:
    finding = Finding(
        FindingCode.WORKFLOW_RAISED,
        Severity.ERROR,
        Subject(SubjectKind.EXECUTION, NAME),
        Remedy.MEND_WORKFLOW,
        evidence=evidence(error="IndexError: list index out of range", waited=(3, "s")),
        target={"workflow": "stf_datataking"},
    )
    assert view(finding) == {
        "code": "workflow_raised",
        "severity": "error",
        "subject": f"execution {NAME}",
        "what": sentence(finding),
        "evidence": {"error": "IndexError: list index out of range", "waited": "3 s"},
        "remedy": "mend_workflow",
        "next": advice(finding),
    }
    assert "IndexError" in sentence(finding)
