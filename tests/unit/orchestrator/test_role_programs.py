"""agents.supervisord.conf has a program for each role, written from the table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.supervisord import programs
from orchestrator.supervisord.configuration import SupervisorConfiguration
from swf_common_lib.roles import FASTMON, ROLES, WORKER

FILE = Path(__file__).parents[3] / programs.FILE
OWN = """\
; Mine, on a host with a GPU.
[program:my-agent]
command=python agents/mine.py --fast
"""


@pytest.fixture
def file(tmp_path):
    copy = tmp_path / programs.FILE
    copy.write_text(FILE.read_text())
    return copy


def test_the_file_of_the_checkout_is_what_the_roles_say():
    text = FILE.read_text()
    assert text == programs.with_programs(text), programs.COMMAND


def test_programs_are_those_of_the_roles_in_their_order(file):
    assert list(SupervisorConfiguration.read(file).programs) == [
        role.program for role in ROLES.values()
    ]


def test_a_new_role_gets_its_program(file, monkeypatch):
    new = replace(WORKER, agent_type="gpu", program="gpu-agent", script="agents/gpu.py")
    monkeypatch.setattr(programs, "ROLES", {**ROLES, "gpu": replace(new, stop_wait=40)})

    assert programs.main([str(file)]) == 0

    program = SupervisorConfiguration.read(file).programs["gpu-agent"]
    assert program.runs("agents/gpu.py")
    assert program.stop_wait == 40
    assert file.read_text().startswith(FILE.read_text())


def test_a_program_that_was_edited_or_deleted_comes_back(file):
    section = programs.program_section(FASTMON)
    text = file.read_text()
    file.write_text(text.replace(section, "").replace("stopwaitsecs=20", "stopwaitsecs=2"))

    programs.main([str(file)])

    assert file.read_text() == text


def test_programs_of_ones_own_stay_with_their_comments(file):
    text = file.read_text()
    file.write_text(text.replace("[program:data-agent]", f"{OWN}\n[program:data-agent]"))

    programs.main([str(file)])

    assert file.read_text() == f"{text}\n{OWN}"
