from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cli import agents, executions, main
from orchestrator.cli.main import build_parser
from orchestrator.cli.status_tables import process_table, slice_text, stf_text
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
        "target_workers": 30,
        "slices_per_s": 6.818182,
        "nominal_slices_per_s": 7.5,
        "nominal_workers": 225,
        "capacity_slices_per_s": 1.0,
        "mean_wait_s": 131.5,
        "max_wait_s": 263.0,
        "measured_slices": 290,
        "late_slices": 270,
        "backlog_slices": 231,
        "backlog_growth_slices_per_s": 5.78,
        "at_tick": 29.0,
        "over": True,
        "workers_to_keep_up": 205,
        "enough_workers": False,
        "worker_rampup_s": 300.0,
        "data_taking_s": 44.0,
        "basis": "measured",
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
        "diagnose",
        "doctor",
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
    assert lines["STF files"] == "20 of 20 taken, 20 registered"
    assert lines["slices"] == "300 made, 69 done, 1 failed, 230 unfinished"
    assert lines["messages"] == "1234 recorded"
    assert (
        lines["waiting"] == "132 s mean, 263 s longest; 270 of 290 slices until after the next STF"
    )
    assert lines["backlog"].startswith("231 slices unfinished when data taking ended (at 29 sim")
    assert "grown by 5.78/s" in lines["backlog"]
    verdict = "they did not keep up; 205 would keep up"
    assert lines["workers"] == f"30 finish 1 of 6.82 slices/s: {verdict}"
    assert lines["nominal"].startswith("7.5 slices/s, 225 workers: the documents' figures")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"basis": "schedule"}, "205 would keep up"),
        ({"basis": "schedule", "enough_workers": True, "keeps_up": True}, "enough, once all are"),
        ({"enough_workers": True, "keeps_up": True}, ": they kept up"),
        ({"keeps_up": True}, "they kept up in this short run; 205 would keep up"),
        ({"enough_workers": True}, "they came up over 300 s, data taking lasted 44 s"),
        ({"capacity_slices_per_s": None}, "30 finish any of 6.82 slices/s"),
    ],
)
def test_the_verdict_on_the_workers_goes_by_what_was_measured(changes, expected):
    counts = {**RECORD["statistics"], **changes}
    lines = dict(summary_lines(ExecutionProgress({**RECORD, "statistics": counts}), 1234))
    assert expected in lines["workers"]


def test_a_summary_before_anything_was_measured():
    unknown = {"mean_wait_s": None, "max_wait_s": None, "at_tick": None}
    counts = {**RECORD["statistics"], **unknown, "over": False}
    counts["backlog_growth_slices_per_s"] = None
    lines = dict(summary_lines(ExecutionProgress({**RECORD, "statistics": counts}), 1234))
    assert lines["waiting"] == "no slice has begun"
    assert lines["backlog"] == "231 slices unfinished so far"


def test_long_waits_are_plain_seconds():
    counts = {**RECORD["statistics"], "mean_wait_s": 1095.25, "max_wait_s": 22190.5}
    lines = dict(summary_lines(ExecutionProgress({**RECORD, "statistics": counts}), 1234))
    assert lines["waiting"].startswith("1095 s mean, 22190 s longest")


def test_a_summary_without_fast_processing_has_no_verdict():
    counts = {**RECORD["statistics"], "keeps_up": None}
    lines = dict(summary_lines(ExecutionProgress({**RECORD, "statistics": counts}), 1234))
    assert not {"waiting", "backlog", "workers", "nominal"} & set(lines)


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


def test_the_requested_stf_files_come_from_the_configuration():
    assert ExecutionProgress(RECORD).requested_stf_files == 20
    assert ExecutionProgress({**RECORD, "parameter_values": {}}).requested_stf_files is None


@pytest.mark.parametrize(
    ("progress", "stfs", "slices"),
    [
        ({}, "", ""),
        ({"stf_files_requested": 6, "stf_files_announced": 0}, "0 of 6", ""),
        (
            {
                "stf_files_requested": 200,
                "stf_files_announced": 47,
                "stf_files_registered": 40,
                "slices_made": 705,
                "slices_done": 345,
                "slices_failed": 360,
            },
            "47 of 200, 40 registered",
            "345 of 705, 360 failed",
        ),
        (
            {"stf_files_requested": None, "stf_files_announced": 5, "slices_made": 75},
            "5",
            "0 of 75",
        ),
    ],
)
def test_the_status_shows_what_is_missing_and_what_failed(progress, stfs, slices):
    assert (stf_text(progress), slice_text(progress)) == (stfs, slices)


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
    monkeypatch.setattr(executions, "start_agents_on_record", lambda settings: [])
    monkeypatch.setattr(executions, "check", lambda client, request: asked.append(request))
    monkeypatch.setattr(executions, "start_and_print", lambda context, request, *, wait: 0)
    monkeypatch.setenv("SWF_HOME", str(tmp_path))
    monkeypatch.setenv("SWF_TESTBED_CONFIG", str(mine))

    assert main(words) == 0

    assert asked[0]["namespace"] == "mine"
    assert asked[0]["testbed_name"] == "mine.toml"
    assert asked[0]["testbed_text"] == mine.read_text()
