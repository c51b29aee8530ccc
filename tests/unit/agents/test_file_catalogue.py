"""The catalogue in the monitor's database, against an HTTP server that keeps runs and files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agents.file_catalogue import CatalogueFile, Dataset, MonitorCatalogue, catalogue
from swf_common_lib.errors import ConfigurationError, Conflict, InvalidRequest, NotFound
from swf_common_lib.monitor_client import MonitorClient
from tests.http_server import serving

DATASET = Dataset("swf.100001.run", 100001, "x-u-0001", "n")
NAME = DATASET.name


class RunsApi:
    """Runs and STF files, by the rules of the wire contract."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.hidden = False
        self.requests: list[str] = []

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.requests.append(method)
        url = urlsplit(path)
        wanted = {key: values[0] for key, values in parse_qs(url.query).items()}
        if url.path == "/api/stf-files/":
            return 200, self.files
        if method == "GET":
            hidden, self.hidden = self.hidden, False
            number = int(wanted["run_number"])
            return 200, [] if hidden else [r for r in self.runs if r["run_number"] == number]
        if method == "POST":
            if any(run["run_number"] == body["run_number"] for run in self.runs):
                return 400, {"detail": "run_number: there is such a run already"}
            self.runs.append({"run_id": len(self.runs) + 1, "dataset_open": True, **body})
            return 201, self.runs[-1]
        match = re.fullmatch(r"/api/runs/(\d+)/", url.path)
        assert match is not None
        run = self.runs[int(match[1]) - 1]
        run.update(body)
        return 200, run


@pytest.fixture
def runs_api() -> RunsApi:
    return RunsApi()


@pytest.fixture
def monitor(runs_api: RunsApi) -> Iterator[MonitorClient]:
    with serving(runs_api.answer) as url:
        client = MonitorClient(url, "token")
        yield client
        client.session.close()


def test_a_run_is_registered_once_with_its_dataset(
    monitor: MonitorClient, runs_api: RunsApi
) -> None:
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    asked = len(runs_api.requests)
    served.ensure_dataset(DATASET)
    assert len(runs_api.requests) == asked
    (run,) = runs_api.runs
    assert (run["run_number"], run["dataset"], run["execution_id"], run["namespace"]) == (
        100001,
        NAME,
        "x-u-0001",
        "n",
    )


def test_a_run_that_is_there_gets_its_dataset(monitor: MonitorClient, runs_api: RunsApi) -> None:
    runs_api.runs.append({"run_id": 1, "run_number": 100001, "dataset": "", "dataset_open": True})
    MonitorCatalogue(monitor).ensure_dataset(DATASET)
    assert [run["dataset"] for run in runs_api.runs] == [NAME]


def test_a_run_that_appears_meanwhile_is_taken(monitor: MonitorClient, runs_api: RunsApi) -> None:
    runs_api.runs.append({"run_id": 1, "run_number": 100001, "dataset": "", "dataset_open": True})
    runs_api.hidden = True
    MonitorCatalogue(monitor).ensure_dataset(DATASET)
    assert [run["dataset"] for run in runs_api.runs] == [NAME]


def test_a_run_that_the_monitor_refuses_is_an_error(
    monitor: MonitorClient, runs_api: RunsApi
) -> None:
    refused = {"run_id": 1, "run_number": 5}
    runs_api.runs.append(refused)
    runs_api.answer = lambda method, path, body: (400, {"detail": "no"}) if body else (200, [])  # type: ignore[method-assign]
    with serving(runs_api.answer) as url, pytest.raises(InvalidRequest):
        MonitorCatalogue(MonitorClient(url, "")).ensure_dataset(DATASET)


def test_a_file_may_be_registered_again_but_not_otherwise(monitor: MonitorClient) -> None:
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    served.register_file(NAME, "f", 10, "0000000a")
    served.register_file(NAME, "f", 10, "0000000a")
    with pytest.raises(Conflict, match="registered with 10 bytes"):
        served.register_file(NAME, "f", 11, "0000000a")
    with pytest.raises(Conflict, match="0000000b"):
        served.register_file(NAME, "f", 10, "0000000b")


def test_a_closed_dataset_takes_only_what_it_has(monitor: MonitorClient, runs_api: RunsApi) -> None:
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    served.close(NAME)
    assert runs_api.runs[0]["dataset_open"] is False
    assert runs_api.runs[0]["end_time"]
    runs_api.files.append({"stf_filename": "f", "file_size_bytes": 10, "checksum": "0000000a"})
    served.ensure_dataset(DATASET)
    served.register_file(NAME, "f", 10, "0000000a")
    with pytest.raises(Conflict, match="closed"):
        served.register_file(NAME, "g", 10, "0000000a")
    end = runs_api.runs[0]["end_time"]
    served.close(NAME)
    assert runs_api.runs[0]["end_time"] == end


def test_files_are_those_of_the_database(monitor: MonitorClient, runs_api: RunsApi) -> None:
    runs_api.files.append({"stf_filename": "f", "file_size_bytes": None, "checksum": ""})
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    assert served.list_files(NAME) == [CatalogueFile("f", None, "")]
    served.register_file(NAME, "f", 10, "0000000a")


def test_an_unknown_dataset_is_an_error(monitor: MonitorClient) -> None:
    with pytest.raises(NotFound, match="ensure_dataset"):
        MonitorCatalogue(monitor).close(NAME)


@pytest.mark.parametrize(("name", "expected"), [("rucio", "not available yet"), ("x", "no cat")])
def test_what_cannot_serve_is_refused(monitor: MonitorClient, name: str, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        catalogue(name, monitor)


def test_the_monitor_serves_when_it_is_named(monitor: MonitorClient) -> None:
    assert "monitor's database" in catalogue("monitor", monitor).description


def test_a_run_without_end_costs_no_memory(
    monitor: MonitorClient, runs_api: RunsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.file_catalogue.REMEMBERED_FILES", 3)
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    for number in range(10):
        served.register_file(NAME, f"f{number}", 10, "0000000a")
    with pytest.raises(Conflict):
        served.register_file(NAME, "f9", 11, "0000000a")
    assert list(served._datasets[NAME].files) == ["f7", "f8", "f9"]


def test_all_files_of_a_closed_dataset_are_known(
    monitor: MonitorClient, runs_api: RunsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.file_catalogue.REMEMBERED_FILES", 3)
    runs_api.runs.append(
        {"run_id": 1, "run_number": 100001, "dataset": NAME, "dataset_open": False}
    )
    runs_api.files += [
        {"stf_filename": f"f{number}", "file_size_bytes": 10, "checksum": "0000000a"}
        for number in range(10)
    ]
    served = MonitorCatalogue(monitor)
    served.ensure_dataset(DATASET)
    for number in range(10):
        served.register_file(NAME, f"f{number}", 10, "0000000a")  # announced again
    with pytest.raises(Conflict):
        served.register_file(NAME, "new", 10, "0000000a")


def test_runs_without_an_end_are_forgotten_and_read_again(
    monitor: MonitorClient, runs_api: RunsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.file_catalogue.REMEMBERED_DATASETS", 2)
    served = MonitorCatalogue(monitor)
    for number in range(3):
        served.ensure_dataset(Dataset(f"swf.{number}.run", number))
    with pytest.raises(NotFound):
        served.register_file("swf.0.run", "f", 1, "00000001")
    served.ensure_dataset(Dataset("swf.0.run", 0))
    served.register_file("swf.0.run", "f", 1, "00000001")
    assert len(runs_api.runs) == 3
