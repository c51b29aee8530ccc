"""The pages' own sentences for what was found, and their own advice."""

from __future__ import annotations

import re

import pytest

from mcp_server.answers import finding_texts as of_assistants
from monitor.web.finding_texts import ADVICE, SENTENCES, advice, named_in_sentence, sentence
from orchestrator.cli.main import build_parser
from swf_common_lib.finding_text import fields_of
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

_COMMAND = re.compile(r"`testbed ([a-z-]+)")


def test_every_code_has_a_sentence_and_every_remedy_advice() -> None:
    assert set(SENTENCES) == set(FindingCode)
    assert set(ADVICE) == set(Remedy)
    assert all(text.strip() for text in [*SENTENCES.values(), *ADVICE.values()])


def test_no_sentence_is_another_surface_s() -> None:
    assert not set(SENTENCES.values()) & set(of_assistants.SENTENCES.values())
    assert not set(ADVICE.values()) & set(of_assistants.ADVICE.values())


def test_every_command_that_is_named_exists() -> None:
    every = " ".join([*SENTENCES.values(), *ADVICE.values()])
    named = set(_COMMAND.findall(every))
    assert named >= {"start-agents", "start-local", "prune"}
    for command in named:
        with pytest.raises(SystemExit) as told:
            build_parser().parse_args([command, "--help"])
        assert told.value.code == 0, f"testbed {command}"


def test_what_the_sentence_tells_is_no_figure_besides() -> None:
    found = Finding(
        FindingCode.DISK_NEAR_FULL,
        Severity.WARNING,
        Subject(SubjectKind.HOST, "daq01"),
        Remedy.FREE_DISK,
        evidence=evidence(free=(99, "MiB"), total=(100_000, "MiB"), folder="/data"),
    )
    assert {"free", "total", "folder"} <= named_in_sentence(found)
    assert "99 MiB" in sentence(found)


def test_a_command_takes_programs_as_words() -> None:
    found = Finding(
        FindingCode.AGENTS_MISSING,
        Severity.ERROR,
        Subject(SubjectKind.EXECUTION, "x-1"),
        Remedy.START_AGENTS,
        target={"programs": "data-agent, fastmon-agent"},
    )
    assert "`testbed start-agents data-agent fastmon-agent`" in advice(found)


@pytest.mark.parametrize("text", [*SENTENCES.values(), *ADVICE.values()])
def test_every_field_is_filled_in_as_one(text: str) -> None:
    assert text.count("{") == text.count("}") == len(re.findall(r"\{\w+\}", text))
    assert len(fields_of(text)) <= 6, "a sentence that names more is a table"
