"""The catalogue of datasets and files: where a run's super time frames are registered.

``SWF_CATALOGUE`` chooses: ``monitor``, the catalogue in the monitor's database, or ``rucio``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Protocol

from swf_common_lib.errors import ConfigurationError, Conflict, InvalidRequest, NotFound
from swf_common_lib.messages import utc_now
from swf_common_lib.monitor_client import MonitorClient

SETTING = "SWF_CATALOGUE"
REMEMBERED_FILES = 10_000
"""New files of a dataset that are compared with later ones of the same name."""

REMEMBERED_DATASETS = 50
"""Datasets that are not asked for again when a file of theirs comes."""


@dataclass(frozen=True)
class Dataset:
    """A run's files under one name."""

    name: str
    run_number: int
    execution_id: str = ""
    namespace: str = ""


@dataclass(frozen=True)
class CatalogueFile:
    """A registered file; ``adler32`` is 8 lower-case hex digits."""

    lfn: str
    size: int | None
    adler32: str


class Catalogue(Protocol):
    """A register of datasets and files. Every call may be repeated: the result is the same.

    Conflict is raised for a file that is registered with another size or checksum, and for a new
    file in a closed dataset.
    """

    description: str
    """What it is and where, for status and logs."""

    def ensure_dataset(self, dataset: Dataset) -> None:
        """Create the dataset unless it exists."""

    def register_file(self, dataset: str, lfn: str, size: int, adler32: str, pfn: str = "") -> None:
        """Register a file in a dataset."""

    def close(self, dataset: str) -> None:
        """Close the dataset: its files are complete."""

    def list_files(self, dataset: str) -> list[CatalogueFile]:
        """List the files of a dataset."""


def dataset_name(run_id: str) -> str:
    """Return the name of a run's dataset."""
    return f"swf.{run_id}.run"


def catalogue(name: str, monitor: MonitorClient) -> Catalogue:
    """Return the catalogue that the settings name.

    Raises ConfigurationError for one that does not exist or is not available yet.
    """
    if name == "monitor":
        return MonitorCatalogue(monitor)
    if name == "rucio":
        raise ConfigurationError(
            [f"{SETTING}=rucio: the Rucio catalogue is not available yet"],
            f"Set {SETTING}=monitor to use the catalogue in the monitor's database.",
        )
    raise ConfigurationError(
        [f"{SETTING}={name!r} is no catalogue"], f"Set {SETTING} to monitor or rucio."
    )


@dataclass
class _OpenDataset:
    dataset: Dataset
    row: int
    """Key of the run's row in the monitor."""
    open: bool
    files: OrderedDict[str, CatalogueFile] = field(default_factory=OrderedDict)

    def add(self, file: CatalogueFile) -> None:
        """Remember a file; forget the oldest of an open dataset beyond ``REMEMBERED_FILES``."""
        self.files[file.lfn] = file
        while self.open and len(self.files) > REMEMBERED_FILES:
            self.files.popitem(last=False)


class MonitorCatalogue:
    """The monitor's database as catalogue: a run's row is its dataset.

    The run and the state of its dataset are written over REST, once a run. A file's row is made by
    the monitor's ingest from the file's ``stf_ready`` message, which carries all that a
    registration says; ``register_file`` checks it against what is registered already.
    """

    def __init__(self, monitor: MonitorClient) -> None:
        self.description = f"embedded: the monitor's database at {monitor.url}"
        self._monitor = monitor
        self._datasets: OrderedDict[str, _OpenDataset] = OrderedDict()

    def ensure_dataset(self, dataset: Dataset) -> None:
        """Register the run with its dataset, unless it is there."""
        if dataset.name in self._datasets:
            self._datasets.move_to_end(dataset.name)
            return
        run = self._run(dataset) or self._new_run(dataset)
        if run.get("dataset") != dataset.name:
            run = self._monitor.patch(f"runs/{run['run_id']}/", {"dataset": dataset.name})
        known = _OpenDataset(dataset, int(run["run_id"]), bool(run.get("dataset_open", True)))
        self._datasets[dataset.name] = known
        if len(self._datasets) > REMEMBERED_DATASETS:  # of a run without an end
            self._datasets.popitem(last=False)
        files = reversed(self.list_files(dataset.name))  # the monitor gives the newest first
        known.files = OrderedDict((file.lfn, file) for file in files)

    def register_file(self, dataset: str, lfn: str, size: int, adler32: str, pfn: str = "") -> None:
        """Check that the file may be registered; its ``stf_ready`` message makes the record."""
        known = self._known(dataset)
        file = CatalogueFile(lfn, size, adler32)
        registered = known.files.get(lfn)
        if registered is not None:
            _check_same(registered, file)
        elif not known.open:
            raise Conflict(
                f"dataset {dataset} is closed; {lfn} cannot be added to it",
                "The run has ended: a file of it that comes now was not announced in its order.",
            )
        known.add(file)

    def close(self, dataset: str) -> None:
        """Close the dataset and note the end of its run."""
        known = self._known(dataset)
        if known.open:
            change = {"end_time": utc_now(), "dataset_open": False}
            self._monitor.patch(f"runs/{known.row}/", change)
        del self._datasets[dataset]  # read again, should something come after the end

    def list_files(self, dataset: str) -> list[CatalogueFile]:
        """List the files that the monitor has registered."""
        number = self._known(dataset).dataset.run_number
        rows = self._monitor.get_all("stf-files/", run_number=number)
        return [
            CatalogueFile(row["stf_filename"], row["file_size_bytes"], row["checksum"])
            for row in rows
        ]

    def _known(self, dataset: str) -> _OpenDataset:
        if dataset not in self._datasets:
            raise NotFound(f"dataset {dataset} is not known", "Call ensure_dataset first.")
        return self._datasets[dataset]

    def _run(self, dataset: Dataset) -> dict[str, Any] | None:
        rows = self._monitor.get("runs/", run_number=dataset.run_number)
        return next((row for row in rows if row["run_number"] == dataset.run_number), None)

    def _new_run(self, dataset: Dataset) -> dict[str, Any]:
        body = {
            "run_number": dataset.run_number,
            "start_time": utc_now(),
            "execution_id": dataset.execution_id,
            "namespace": dataset.namespace,
            "dataset": dataset.name,
        }
        try:
            run: dict[str, Any] = self._monitor.post("runs/", body)
        except (InvalidRequest, Conflict):
            # Ingest made the row between our question and our request.
            found = self._run(dataset)
            if found is None:
                raise
            run = found
        return run


def _check_same(registered: CatalogueFile, file: CatalogueFile) -> None:
    same_size = registered.size is None or registered.size == file.size
    if not same_size or (registered.adler32 and registered.adler32 != file.adler32):
        raise Conflict(
            f"{file.lfn} is registered with {registered.size} bytes and adler32"
            f" {registered.adler32}, not with {file.size} bytes and {file.adler32}",
            "Two files have the same name; one of the data agents is not ours, or of another age.",
        )
