"""The steps of an execution's work: what was asked of each role, and what it has answered."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.diagnosis.queues import WORKER
from monitor.records.models import FastMonFile, RunState, StfFile, TFSlice, WorkflowExecution
from monitor.records.states import SliceStatus
from swf_common_lib.config import fast_processing


@dataclass(frozen=True)
class Step:
    """One step of the work: messages, and the role that has to answer each of them."""

    agent_type: str
    program: str
    message: str
    """What it consumes."""
    asked: int
    answered: int
    busy: bool = False
    """Whether the role is at work: who has its hands full may leave the rest waiting."""

    @property
    def missing(self) -> int:
        """How many were not answered (yet)."""
        return max(0, self.asked - self.answered)

    @property
    def counted(self) -> str:
        """The same in words."""
        return f"{self.missing} of {self.asked} {self.message} messages have no answer"


def steps_of(execution: WorkflowExecution, state: RunState | None) -> list[Step]:
    """Give the steps that the execution's configuration asks for, in their order."""
    values = execution.parameter_values if isinstance(execution.parameter_values, dict) else {}
    generated = state.stf_files_generated if state else 0
    registered = state.stf_files_registered if state else 0
    steps = [Step("data", "data-agent", "stf_gen", generated, registered)]
    run = state.run_number if state else None
    fast = fast_processing(values)
    if fast is not None and fast.stf_sampling_rate > 0:
        files = StfFile.objects.filter(run__run_number=run).exclude(tf_count=0).count()
        samples = FastMonFile.objects.filter(stf_file__run__run_number=run).exclude(tf_count=0)
        slices = TFSlice.objects.filter(run_number=run)
        sliced = slices.values("tf_filename").distinct().count()
        made = slices.count()
        open_ = slices.filter(status=SliceStatus.QUEUED).count()
        at_work = slices.filter(status=SliceStatus.PROCESSING).exists()
        steps += [
            Step("fastmon", "fastmon-agent", "stf_ready", files, samples.count()),
            Step(
                "fast_processing",
                "fast-processing-agent",
                "tf_file_registered",
                samples.count(),
                sliced,
            ),
            Step("worker", WORKER, "slice", made, made - open_, at_work),
        ]
    if "stf_processing" in values:
        done = state.stf_files_processed if state else 0
        steps.append(Step("processing", "processing-agent", "stf_ready", registered, done))
    return steps
