"""Heartbeats: one that the monitor swallows is followed by the next at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.agent.heartbeat import Heartbeat
from swf_common_lib.settings import load_settings
from tests.http_server import serving
from tests.waiting import PATIENCE

RARELY = 3600.0


def test_a_swallowed_beat_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swf_common_lib.agent.heartbeat.TIMEOUT", 0.1)
    beats: list[dict[str, Any]] = []
    hang, answered = threading.Event(), threading.Event()

    def answer(_method: str, _path: str, body: Any) -> tuple[int, Any]:
        beats.append(body)
        if len(beats) == 1:
            hang.wait(PATIENCE)
        return 200, {}

    with serving(answer) as url:
        it = Heartbeat(load_settings(tmp_path, {"SWF_MONITOR_URL": url}), dict, RARELY)
        it.start(lambda _answer: answered.set())
        assert answered.wait(PATIENCE)
        hang.set()
        it.close()
    assert len(beats) == 3  # the swallowed one, the next, the last
