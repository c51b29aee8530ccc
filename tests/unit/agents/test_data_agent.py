"""The data agent's decisions, message by message, without a broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.data_agent import DataAgent
from agents.file_catalogue import Dataset
from orchestrator.embedded_broker.selector import compile_selector
from swf_common_lib.errors import BrokerUnavailable
from swf_common_lib.messages import EndRun
from swf_common_lib.settings import load_settings


class Datasets:
    """Records which datasets are closed."""

    description = "notes"

    def __init__(self) -> None:
        self.closed: list[str] = []

    def ensure_dataset(self, dataset: Dataset) -> None:
        """Do nothing: every dataset exists."""

    def close(self, dataset: str) -> None:
        self.closed.append(dataset)


def test_a_dataset_stays_open_until_its_files_are_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.data_agent.CONFIRMATION_PATIENCE", 0.01)
    agent = DataAgent(load_settings(tmp_path, {}), "n")
    datasets = Datasets()
    monkeypatch.setattr(agent, "catalogue", datasets)
    end = EndRun(msg_type="end_run", namespace="n", run_id="100001", message_id="m")
    agent.on_end_run(end)
    assert datasets.closed == ["swf.100001.run"]
    agent.broadcast("stf_ready", end, filename="f")  # there is no broker to confirm it
    with pytest.raises(BrokerUnavailable):
        agent.on_end_run(end)
    assert len(datasets.closed) == 1


@pytest.mark.parametrize(
    ("headers", "heard"),
    [
        ({"msg_type": "stf_gen", "namespace": "o'clock"}, True),
        ({"msg_type": "stf_gen"}, True),
        ({"msg_type": "stf_gen", "namespace": ""}, True),
        ({"namespace": "o'clock"}, True),
        ({"msg_type": "stf_gen", "namespace": "other"}, False),
        ({"msg_type": "slice_status", "namespace": "o'clock"}, False),
    ],
)
def test_only_what_concerns_it_is_kept_for_it(
    tmp_path: Path, headers: dict[str, str], heard: bool
) -> None:
    interest = DataAgent(load_settings(tmp_path, {}), "o'clock").interest
    assert compile_selector(interest)(headers) is heard
