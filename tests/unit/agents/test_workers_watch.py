"""Which runs a worker asks the monitor about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agents.workers.watch import SCANNED_RUNS, RunWatch
from swf_common_lib.settings import load_settings
from tests.http_server import serving
from tests.waiting import wait_until


class Runs:
    """The run states of a monitor, by the parameters of its list."""

    def __init__(self) -> None:
        self.states: list[dict[str, Any]] = []

    def answer(self, _method: str, path: str, _body: Any) -> tuple[int, Any]:
        wanted = {name: given[0] for name, given in parse_qs(urlsplit(path).query).items()}
        limit = int(wanted.pop("limit", "200"))
        rows = [state for state in reversed(self.states) if self._suits(state, wanted)]
        return 200, rows[:limit]

    def _suits(self, state: dict[str, Any], wanted: dict[str, str]) -> bool:
        return all(str(state[name]) in text.split(",") for name, text in wanted.items())

    def add(self, number: int, phase: str, namespace: str = "n") -> None:
        self.states.append({"run_number": number, "phase": phase, "namespace": namespace})


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def watch(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunWatch]:
    monkeypatch.setattr("agents.workers.watch.SCAN_INTERVAL", 0.0)
    with serving(runs.answer) as url:
        settings = load_settings(tmp_path, {"SWF_MONITOR_URL": url})
        watching = RunWatch(settings, "n", lambda: None)
        yield watching
        watching.close()


def seen(watch: RunWatch) -> Callable[[int], bool]:
    """Return a function that returns whether the watch has reported a run so far."""
    told: set[int] = set()

    def reported(number: int) -> bool:
        told.update(state["run_number"] for state in watch.news())
        return number in told

    return reported


def test_a_long_run_is_seen_behind_many_short_ones(watch: RunWatch, runs: Runs) -> None:
    runs.add(1, "physics")
    for number in range(2, 3 + SCANNED_RUNS):
        runs.add(number, "completed")
    runs.add(9_000, "physics", "other")
    watch.start()
    told = seen(watch)
    wait_until(lambda: told(1))
    assert not told(2)
    assert not told(9_000)


def test_a_served_run_is_told_to_be_completed(watch: RunWatch, runs: Runs) -> None:
    runs.add(1, "physics")
    runs.add(2, "completed")
    runs.add(3, "completed")
    watch.ask_about(frozenset(), served=frozenset({"1", "2", "5"}))
    watch.start()
    told = seen(watch)
    wait_until(lambda: told(1) and told(2))
    assert not told(3)
