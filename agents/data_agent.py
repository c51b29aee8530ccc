"""The data agent: registers runs and super time frames, and announces what is ready."""

from __future__ import annotations

from typing import Any

from agents.file_catalogue import Catalogue, Dataset, catalogue, dataset_name
from agents.run_parameters import run_number
from agents.stf_content import stf_content
from swf_common_lib.agent_main import run_agent
from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.messages import EndRun, Message, RunImminent, StfGen
from swf_common_lib.roles import DATA
from swf_common_lib.settings import Settings
from swf_common_lib.sizing import TIME_FRAMES_PER_STF

CONFIRMATION_PATIENCE = 5.0
"""Seconds that the broker has to confirm the files of a run, each time that it is asked."""


class DataAgent(BaseAgent):
    """Registers runs, their datasets and their super time frames; announces each STF as ready."""

    agent_type = DATA.agent_type
    description = "registers runs and STF files"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.catalogue: Catalogue = catalogue(settings.swf_catalogue, self.monitor)

    def started(self) -> None:
        """Log which file catalogue is used."""
        self.logger.info("catalogue: %s", self.catalogue.description)

    def on_run_imminent(self, message: RunImminent) -> None:
        """Register the run and its dataset."""
        name = self._dataset(message)
        self.logger.info("run %s: dataset %s is open", message.run_id, name)

    def on_stf_gen(self, message: StfGen) -> None:
        """Register the STF and announce it."""
        name = self._dataset(message)
        content = stf_content(message.filename)
        self.catalogue.register_file(name, message.filename, content.size_bytes, content.checksum)
        self.broadcast(
            "stf_ready",
            message,
            discriminator=message.filename,
            filename=message.filename,
            size_bytes=content.size_bytes,
            checksum=content.checksum,
            sequence=message.sequence,
            tf_count=TIME_FRAMES_PER_STF,
        )
        self.total_stf_processed += 1

    def on_end_run(self, message: EndRun) -> None:
        """Close the run's dataset."""
        name = self._dataset(message)
        # A file that is announced again, after a crash, would find its dataset closed.
        self.bus.flush(CONFIRMATION_PATIENCE)
        self.catalogue.close(name)
        self.logger.info("run %s: dataset %s is closed", message.run_id, name)

    def heartbeat_metadata(self) -> dict[str, Any]:
        """Return which file catalogue is used."""
        return {"catalogue": self.catalogue.description}

    def _dataset(self, message: Message) -> str:
        dataset = Dataset(
            dataset_name(message.run_id),
            run_number(message),
            message.execution_id,
            message.namespace,
        )
        self.catalogue.ensure_dataset(dataset)
        return dataset.name


if __name__ == "__main__":
    raise SystemExit(run_agent(DataAgent))
