"""Every code and every remedy has a text on every surface, and each text is the surface's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from swf_common_lib.findings import FindingCode
from swf_common_lib.remedies import Remedy
from tests.unit.surfaces.rule_fields import fields_by_code, fields_by_remedy
from tests.unit.surfaces.surface_faults import (
    MCP,
    SURFACES,
    TERMINAL,
    WEB,
    Surface,
    copied,
    faults,
)

pytestmark = pytest.mark.sentences


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_texts_are_there_and_name_what_there_is(surface: Surface) -> None:
    assert list(faults(surface)) == []


def test_no_surface_has_its_sentences_from_another() -> None:
    assert list(copied(SURFACES)) == []


def changed(surface: Surface, key: FindingCode | Remedy, text: str) -> Surface:
    """Return a surface with another text for a code or a remedy."""
    if isinstance(key, FindingCode):
        return replace(surface, sentences={**surface.sentences, key: text})
    return replace(surface, advice={**surface.advice, key: text})


@pytest.mark.parametrize(
    ("surface", "key", "text", "fault"),
    [
        (TERMINAL, FindingCode.AGENT_DOWN, "", "no text"),
        (WEB, Remedy.WAIT, "", "no text"),
        (MCP, FindingCode.AGENT_DOWN, "{subject} is down since {moment}", "{moment}"),
        (MCP, FindingCode.RUNNER_LOST, "{subject}: {slices_in_hand}", "{slices_in_hand}"),
        (TERMINAL, Remedy.STOP_EXECUTION, "`testbed stop-workflow {port}`", "{port}"),
        (TERMINAL, Remedy.WAIT, "`testbed stats`", "`testbed stats` is no command"),
        (TERMINAL, Remedy.PRUNE, "`testbed prune`", "--older-than"),
        (TERMINAL, Remedy.WAIT, "`testbed status --watch`", "--watch"),
        (TERMINAL, Remedy.WAIT, "`testbed status`, `--wach`", "no command has this option"),
        (TERMINAL, Remedy.READ_LOG, "`testbed logs[ --of {program}]`", "--of"),
        (TERMINAL, Remedy.WAIT, "`supervisorctl -c super.conf status`", "there is no super.conf"),
        (TERMINAL, Remedy.WAIT, "`supervisorctl -c supervisord.conf mend`", "cannot mend"),
        (TERMINAL, Remedy.WAIT, "`supervisorctl status`", "only with -c"),
        (TERMINAL, Remedy.WAIT, "ask get_system_status", "is a tool of MCP"),
        (WEB, Remedy.WAIT, "ask get_system_status", "is a tool of MCP"),
        (WEB, Remedy.INITIALISE, "in a shell `testbed inti`", "`testbed inti` is no command"),
        (MCP, Remedy.WAIT, "get_sytem_status says more", "get_sytem_status is no tool"),
        (MCP, Remedy.WAIT, "get_system_status, then wait()", "wait() is no tool"),
        (MCP, Remedy.SHOW_MESSAGE, "get_message(number={message})", "takes no number"),
        (MCP, Remedy.READ_LOG, "list_logs with lvl=ERROR", "list_logs takes no lvl"),
        (MCP, Remedy.INITIALISE, "run `testbed init`", "without 'ask a person'"),
        (MCP, Remedy.INITIALISE, "ask a person to run `testbed inti`", "is no command"),
    ],
)
def test_what_is_wrong_with_a_text_is_found(
    surface: Surface, key: FindingCode | Remedy, text: str, fault: str
) -> None:
    (found,) = set(faults(changed(surface, key, text)))

    assert found.startswith(f"{key}: ")
    assert fault in found


@pytest.mark.parametrize(("one", "other"), [(TERMINAL, MCP), (WEB, MCP), (WEB, TERMINAL)])
def test_a_sentence_taken_from_another_surface_is_found(one: Surface, other: Surface) -> None:
    code, remedy = FindingCode.CLOCK_STANDS_STILL, Remedy.RESTART_RUNNER
    alike = other.sentences[code].replace("{subject}", "this one").upper()
    borrower = changed(changed(one, code, alike), remedy, f"{other.advice[remedy]}!")

    found = list(copied([borrower, other]))

    assert len(found) == 2
    assert str(code) in found[0]
    assert str(remedy) in found[1]


def test_the_fields_come_from_the_rules() -> None:
    """Of one rule each that has a helper, a table, a role's name, and keywords of its own."""
    codes, remedies = fields_by_code(), fields_by_remedy()
    assert {"fastmon_unanswered", "roles", "workflow"} <= codes[FindingCode.AGENTS_MISSING]
    assert {"how", "address", "service"} <= codes[FindingCode.MCP_AWAY]
    assert {"place", "execution_id"} <= codes[FindingCode.WORKFLOW_RAISED]
    assert "port" not in codes[FindingCode.AGENTS_MISSING]
    assert {"programs", "served_namespace"} <= remedies[Remedy.START_IN_SERVED_NAMESPACE]
    assert "port" not in remedies[Remedy.START_IN_SERVED_NAMESPACE]
