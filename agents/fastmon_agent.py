"""The fastmon agent: takes a sample of each super time frame for fast monitoring."""

from __future__ import annotations

from agents.run_parameters import ParametersOfRuns
from agents.sampling import choose_sample, sample_filename
from swf_common_lib.agent_main import run_agent
from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.messages import StfReady
from swf_common_lib.roles import FASTMON
from swf_common_lib.settings import Settings
from swf_common_lib.sizing import TIME_FRAMES_PER_STF


class FastmonAgent(BaseAgent):
    """Takes a TF sample of each STF, where the execution is configured for fast processing."""

    agent_type = FASTMON.agent_type
    description = "samples the time frames of STFs"

    def __init__(self, settings: Settings, namespace: str) -> None:
        super().__init__(settings, namespace)
        self.parameters = ParametersOfRuns(self)

    def on_stf_ready(self, message: StfReady) -> None:
        """Choose the sample of the STF and register it."""
        fast = self.parameters.of(message).fast
        if fast is None:
            return
        tf_count = TIME_FRAMES_PER_STF if message.tf_count is None else message.tf_count
        fraction = fast.stf_sampling_rate
        sample = choose_sample(message.run_id, message.filename, tf_count, fraction)
        if sample is None:
            self.logger.warning("%s has no time frames to sample", message.filename)
            return
        self.broadcast(
            "tf_file_registered",
            message,
            discriminator=message.filename,
            tf_filename=sample_filename(message.filename),
            stf_filename=message.filename,
            tf_first=sample.first,
            tf_last=sample.last,
            tf_count=sample.count,
        )
        self.total_stf_processed += 1


if __name__ == "__main__":
    raise SystemExit(run_agent(FastmonAgent))
