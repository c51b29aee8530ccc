"""The line that an assistant reads first: the worst with its remedy, and no error left out."""

from __future__ import annotations

import pytest

from mcp_server.answers.finding_texts import advice, sentence
from mcp_server.views.summary import LONGEST, summary_of
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Remedy,
    Severity,
    Subject,
    SubjectKind,
    evidence,
)


def finding(
    code: FindingCode = FindingCode.WORKFLOW_RAISED,
    subject: str = "cooling-maria-0001",
    severity: Severity = Severity.ERROR,
    remedy: Remedy = Remedy.MEND_WORKFLOW,
) -> Finding:
    return Finding(
        code,
        severity,
        Subject(SubjectKind.EXECUTION, subject),
        remedy,
        evidence=evidence(error=f"RuntimeError: {'too warm ' * 30}", place="cooling.py, line 4"),
        target={"workflow": "cooling", "execution_id": subject},
    )


def test_nothing_found_says_what_was_looked_at() -> None:
    assert summary_of([]).startswith("all is well: services")


def test_a_single_finding_has_sentence_and_advice() -> None:
    one = finding(FindingCode.EXECUTION_PAUSED, remedy=Remedy.RESUME_EXECUTION)
    text = summary_of([one])
    assert text == f"error: {sentence(one)}. Next: {advice(one)}"


def test_notes_need_no_hand() -> None:
    note = finding(FindingCode.EXECUTION_STOPPED, severity=Severity.NOTE, remedy=Remedy.NOTHING)
    assert summary_of([note]).startswith("nothing needs a hand; worth knowing: note: ")


@pytest.mark.parametrize("count", [1, 2, 6, 15])
def test_every_error_is_named_by_code_and_subject(count: int) -> None:
    codes = [code for code in FindingCode if code is not FindingCode.WORKFLOW_RAISED][:count]
    others = [finding(code, f"x-{n}", remedy=Remedy.WAIT) for n, code in enumerate(codes)]
    text = summary_of([finding(), *others])
    assert len(text) <= LONGEST
    for n, code in enumerate(codes[:6]):
        assert code.value in text
        assert f"x-{n}" in text or count > 6
    assert "Next: " in text


def test_many_of_a_kind_are_counted() -> None:
    text = summary_of([finding(subject=f"cooling-maria-{n:04}") for n in range(20)])
    assert "error workflow_raised of cooling-maria-0001" in text
    assert "and 16 more" in text
    assert len(text) <= LONGEST


def test_errors_come_before_warnings_and_those_are_counted_at_least() -> None:
    warnings = [
        finding(code, "w" * 60, Severity.WARNING)
        for code in (FindingCode.DEAD_LETTERS, FindingCode.QUEUE_GROWING, FindingCode.STF_GAP)
    ]
    last = finding(FindingCode.SLICES_FAILED, "stf-1", remedy=Remedy.SHOW_SLICES)
    text = summary_of([finding(), *warnings, last])
    assert text.index("slices_failed of stf-1") < text.index("dead_letters")
    assert "more" in text.rpartition(";")[2]
