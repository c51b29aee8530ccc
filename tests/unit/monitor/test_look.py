"""What supervisord says of services, and what they answer."""

from __future__ import annotations

import pytest

from monitor.health.look import uncontradicted
from swf_common_lib.findings import Finding, FindingCode, Remedy, Severity, Subject, SubjectKind


def finding(code: FindingCode, service: str = "mcp") -> Finding:
    return Finding(
        code, Severity.ERROR, Subject(SubjectKind.SERVICE, service), Remedy.START_SERVICES
    )


AWAY = finding(FindingCode.MCP_AWAY)
TAKEN = finding(FindingCode.PORT_TAKEN)
DIED = finding(FindingCode.PROCESS_DIED)


@pytest.mark.parametrize(
    ("processes", "answers", "left"),
    [
        ([AWAY, DIED], [], [DIED]),
        ([AWAY, DIED], [AWAY], [AWAY, DIED]),
        ([AWAY, TAKEN], [], [AWAY, TAKEN]),
        ([AWAY, finding(FindingCode.PORT_TAKEN, "web")], [], None),
    ],
    ids=["it answers", "it does not", "a stranger answers", "a stranger elsewhere"],
)
def test_a_service_that_answers_is_not_away(
    processes: list[Finding], answers: list[Finding], left: list[Finding] | None
) -> None:
    expected = processes[1:] if left is None else left
    assert uncontradicted(processes, answers) == expected
