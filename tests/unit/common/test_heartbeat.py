"""Heartbeats: how often they come; one that the monitor swallows is followed at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.agent.heartbeat import Heartbeat
from swf_common_lib.base_agent import BaseAgent
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


class Patient(BaseAgent):
    """An agent that beats as often as the setting says."""

    agent_type = "patient"


class Watched(BaseAgent):
    """An agent whose silence has to be noticed soon."""

    agent_type = "watched"
    longest_heartbeat_interval = 2.0


@pytest.mark.parametrize(
    ("agent", "set_to", "interval"),
    [
        (Patient, None, 10.0),
        (Patient, "1.5", 1.5),
        (Patient, "60", 60.0),
        (Watched, None, 2.0),
        (Watched, "1.5", 1.5),
        (Watched, "60", 2.0),
    ],
)
def test_an_agent_declares_the_interval_of_its_heartbeats(
    tmp_path: Path, agent: type[BaseAgent], set_to: str | None, interval: float
) -> None:
    environ = {"SWF_HEARTBEAT_INTERVAL": set_to} if set_to else {}
    told = agent(load_settings(tmp_path, environ), "here").describe()
    assert told["heartbeat_interval"] == interval
