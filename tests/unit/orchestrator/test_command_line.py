from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli import agents, executions, main
from orchestrator.cli.main import build_parser
from orchestrator.cli.status import process_table
from orchestrator.cli.summary import summary_lines
from orchestrator.runs import ExecutionProgress
from orchestrator.supervisord.process import Process, tail
from swf_common_lib.errors import ConfigurationError

RECORD = {
    "execution_id": "stf_datataking-ann-0001",
    "status": "completed",
    "parameter_values": {"fast_processing": {"stf_count": 10, "physics_period_count": 2}},
    "statistics": {
        "run_number": 100001,
        "phase": "processing",
        "stf_files": {"generated": 20, "registered": 20, "processed": 0, "failed": 0, "total": 20},
        "samples": 20,
        "slices": {
            "created": 300,
            "queued": 200,
            "processing": 30,
            "completed": 69,
            "failed": 1,
            "retries": 4,
        },
        "workers": {"target": 30, "seen": 30, "active": 30, "busy_seconds": 9.0},
        "nominal_slice_rate": 7.5,
        "capacity": 1.0,
        "backlog": 231,
        "backlog_growth": 6.5,
        "measured_backlog_growth": 5.78,
        "workers_to_keep_up": 225,
        "keeps_up": False,
    },
}


def parsed(*words: str) -> argparse.Namespace:
    return build_parser().parse_args(words)


@pytest.mark.parametrize(
    "command",
    [
        "init",
        "start-local",
        "stop-local",
        "status-local",
        "status",
        "run",
        "run-workflow",
        "stop-workflow",
        "pause-workflow",
        "resume-workflow",
        "start-agents",
        "stop-agents",
        "logs",
        "validate",
        "token",
        "prune",
        "login",
        "demo",
    ],
)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        parsed(command, "--help")
    assert caught.value.code == 0
    assert f"testbed {command}" in capsys.readouterr().out


def test_overrides_keep_their_types():
    options = parsed(
        *("run", "fast", "--stf-count", "5", "--stf-interval", "0.5"),
        *("--set", "fast_processing.slices_per_sample=7", "--set", "name=some text"),
    )

    assert executions.overrides(options) == {
        "stf_count": 5,
        "stf_interval": 0.5,
        "fast_processing.slices_per_sample": 7,
        "name": "some text",
    }


def test_workers_are_a_parameter_of_the_run():
    options = parsed("run-workflow", "stf_datataking", "--worker-count", "50")

    assert executions.overrides(options) == {"target_worker_count": 50}


def test_all_faulty_assignments_are_told_at_once():
    with pytest.raises(ConfigurationError) as caught:
        executions.overrides(parsed("run", "--set", "a", "--set", "=1"))
    assert len(caught.value.problems) == 2


def test_speed_and_realtime_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as caught:
        parsed("run", "--speed", "3", "--realtime")
    assert caught.value.code == 2


def test_an_error_is_one_message_and_exit_status_1(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SWF_HOME", str(tmp_path))

    assert main(["token"]) == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert "not initialised" in told.err
    assert "testbed init" in told.err


def test_the_summary_shows_the_imbalance():
    lines = dict(summary_lines(ExecutionProgress(RECORD), 1234))

    assert lines["execution"] == "stf_datataking-ann-0001"
    assert lines["status"] == "completed, run processing"
    assert lines["STF files"] == "20 taken, 20 registered"
    assert lines["slices"] == "300 made, 69 done, 1 failed"
    assert lines["messages"] == "1234 recorded"
    assert lines["backlog"].startswith("231 slices")
    assert "grown by 5.78/s" in lines["backlog"]
    assert lines["workers"] == "30 finish 1 of 7.5 slices/s: 225 would keep up"


def test_the_summary_of_a_run_too_short_for_its_workers_says_so():
    counts = {**RECORD["statistics"], "keeps_up": True, "note": "in this run all were unfinished"}
    lines = dict(summary_lines(ExecutionProgress({**RECORD, "statistics": counts}), 1234))

    assert lines["workers"].endswith("as configured, once all are ready, they keep up")
    assert lines["note"] == "in this run all were unfinished"


def test_the_summary_of_an_execution_without_a_run_is_short():
    record = {"execution_id": "x", "status": "terminated", "statistics": None}

    assert summary_lines(ExecutionProgress(record), 0) == [
        ("execution", "x"),
        ("status", "terminated"),
        ("messages", "0 recorded"),
    ]


@pytest.mark.parametrize(
    ("status", "phase", "over"),
    [
        ("pending", "", False),
        ("running", "completed", False),
        ("completed", "processing", False),
        ("completed", "completed", True),
        ("completed", "", True),
        ("failed", "processing", True),
        ("terminated", "", True),
    ],
)
def test_an_execution_is_over_with_the_work_it_caused(status, phase, over):
    record = {**RECORD, "status": status, "statistics": {"phase": phase}}

    assert ExecutionProgress(record).over is over


def test_an_execution_whose_run_is_not_yet_recorded_is_not_over():
    record = {"status": "completed", "statistics": None, "performance_metrics": {"stf_files": 5}}
    assert not ExecutionProgress(record).over


def test_the_expected_stf_files_come_from_the_configuration():
    assert ExecutionProgress(RECORD).expected_stf_files == 20
    assert ExecutionProgress({**RECORD, "parameter_values": {}}).expected_stf_files is None


def test_following_a_log_gives_whole_lines_and_survives_rotation(tmp_path):
    path = tmp_path / "x.log"
    assert agents._written_since(path, 5) == ([], 0)
    path.write_text("one\ntwo\nthr")
    lines, position = agents._written_since(path, 0)
    assert lines == ["one", "two"]
    with path.open("a") as file:
        file.write("ee\n")
    assert agents._written_since(path, position) == (["three"], position + 6)
    path.write_text("new\n")
    assert agents._written_since(path, position + 6) == (["new"], 4)


def test_the_tail_of_a_log_is_its_last_lines(tmp_path):
    path = tmp_path / "x.log"
    assert tail(path, 3) == []
    path.write_bytes(b"".join(b"line %d \xff\n" % n for n in range(10_000)))
    assert [line[:9] for line in tail(path, 2)] == ["line 9998", "line 9999"]
    assert tail(path, 0) == []


def test_brackets_are_printed_as_they_are(capsys):
    process = Process("[red]x[/red]", "RUNNING", 1, "[bold]", 2.0, Path("x"))
    Console(width=120).print(process_table("T", [process]))

    assert "[red]x[/red]" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["run"], ["run-workflow", "stf_datataking"]])
def test_a_start_brings_the_testbed_toml_that_was_named(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[testbed]\nnamespace = "mine"\n[parameters]\nstf_count = 4\n')
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(executions, "require_token", lambda settings: None)
    monkeypatch.setattr(executions, "start_agents", lambda settings: [])
    monkeypatch.setattr(executions, "check", lambda client, request: asked.append(request))
    monkeypatch.setattr(executions, "start_and_print", lambda context, request, *, wait: 0)
    monkeypatch.setenv("SWF_HOME", str(tmp_path))
    monkeypatch.setenv("SWF_TESTBED_CONFIG", str(mine))

    assert main(words) == 0

    assert asked[0]["namespace"] == "mine"
    assert asked[0]["testbed_name"] == "mine.toml"
    assert asked[0]["testbed_text"] == mine.read_text()
