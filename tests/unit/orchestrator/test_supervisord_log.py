"""supervisord's log: its lines, and what they tell of a program."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from orchestrator.supervisord.log import (
    BYTES_READ,
    EventKind,
    LogEvent,
    histories,
    parse,
    read_histories,
)

LINES = """\
2026-11-30 11:41:10,001 INFO supervisord started with pid 7
2026-11-30 11:41:10,100 INFO spawned: 'web' with pid 8
2026-11-30 11:41:11,200 INFO success: web entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)
2026-11-30 11:41:18,123 WARN exited: web (terminated by SIGKILL; not expected)
2026-11-30 11:41:18,200 INFO spawned: 'web' with pid 9
2026-11-30 11:41:18,400 WARN exited: web (terminated by SIGSEGV (core dumped); not expected)
2026-11-30 11:41:20,000 INFO gave up: web entered FATAL state, too many start retries too quickly
2026-11-30 11:41:21,000 INFO exited: mcp (exit status 0; expected)
2026-11-30 11:41:22,000 INFO stopped: mcp (exit status 0)
2026-11-30 11:41:23,000 WARN stopped: mcp (terminated by SIGTERM)
2026-11-30 11:41:24,000 CRIT something else: mcp (exit status 1)
2026-11-30 11:41:25,000 INFO waiting for broker, web to die
nonsense
"""  # noqa: E501
START = datetime(2026, 11, 30, 11, 0).astimezone()


def history(*steps: tuple[float, EventKind]):
    events = [LogEvent(START + timedelta(seconds=s), kind, "web", "x") for s, kind in steps]
    return histories(events)["web"]


def test_each_line_is_read_and_all_others_are_left_out():
    read = [(event.kind.name, event.program, event.how) for event in parse(LINES)]

    assert read == [
        ("DAEMON_STARTED", "", ""),
        ("SPAWNED", "web", ""),
        ("SUCCESS", "web", ""),
        ("EXITED", "web", "terminated by SIGKILL"),
        ("SPAWNED", "web", ""),
        ("EXITED", "web", "terminated by SIGSEGV (core dumped)"),
        ("GAVE_UP", "web", ""),
        ("EXITED", "mcp", "exit status 0"),
        ("STOPPED", "mcp", "exit status 0"),
        ("STOPPED", "mcp", "terminated by SIGTERM"),
    ]


def test_times_are_local():
    first = next(iter(parse(LINES)))

    assert first.at == datetime(2026, 11, 30, 11, 41, 10, 1000).astimezone()
    assert first.at.tzinfo


def test_a_process_that_was_killed_and_replaced_has_died_and_has_no_end():
    told = history(
        (0, EventKind.SPAWNED),
        (1, EventKind.SUCCESS),
        (5, EventKind.EXITED),
        (6, EventKind.SPAWNED),
    )

    assert [(end.at, end.orderly, end.was_up) for end in told.deaths] == [
        (START + timedelta(seconds=5), False, True)
    ]
    assert told.end is None


def test_what_never_stayed_up_had_not_been_up():
    told = history((0, EventKind.SPAWNED), (0.5, EventKind.EXITED))

    assert [end.was_up for end in told.deaths] == [False]


def test_what_began_before_the_first_line_had_been_up():
    assert [end.was_up for end in history((0, EventKind.EXITED)).deaths] == [True]


def test_an_ordered_stop_is_an_orderly_end_and_ends_the_count():
    told = history(
        (0, EventKind.EXITED),
        (1, EventKind.SPAWNED),
        (2, EventKind.STOPPED),
    )

    assert told.deaths == []
    assert told.end.orderly


@pytest.mark.parametrize("by_hand", [30, 3600])
def test_a_start_by_somebody_ends_the_count_and_one_by_supervisord_does_not(by_hand):
    again = (3, EventKind.SPAWNED)
    assert len(history((0, EventKind.EXITED), again).deaths) == 1
    assert history((0, EventKind.EXITED), (by_hand, EventKind.SPAWNED)).deaths == []


def test_a_start_after_supervisord_gave_up_ends_the_count():
    steps = [(0, EventKind.EXITED), (1, EventKind.GAVE_UP), (2, EventKind.SPAWNED)]

    assert history(*steps).deaths == []


def test_a_new_supervisord_ends_the_count():
    events = [
        LogEvent(START, EventKind.EXITED, "web", "x"),
        LogEvent(START, EventKind.DAEMON_STARTED),
    ]

    assert histories(events)["web"].deaths == []


def test_a_log_that_is_not_there_tells_nothing(tmp_path):
    assert read_histories(tmp_path / "none.log") == {}


def test_the_file_of_before_a_rotation_is_read_too(tmp_path):
    log = tmp_path / "s.log"
    first, rest = LINES.splitlines(keepends=True)[:4], LINES.splitlines(keepends=True)[4:]
    (tmp_path / "s.log.1").write_text("".join(first))
    log.write_text("".join(rest))

    assert len(read_histories(log)["web"].deaths) == 2


def test_no_more_than_the_end_of_a_long_log_is_read(tmp_path):
    log = tmp_path / "s.log"
    other = "2026-11-30 11:41:18,200 INFO spawned: 'ingest' with pid 9\n"
    log.write_text(LINES + other * (BYTES_READ // len(other) + 2))

    assert set(read_histories(log)) == {"ingest"}


def test_bytes_that_are_no_text_do_no_harm(tmp_path):
    log = tmp_path / "s.log"
    log.write_bytes(b"\xff\xfe\0\n" + LINES.encode())

    assert "web" in read_histories(log)
