"""The steps of an execution's work: what was asked of each role, and what it has answered."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.diagnosis.execution_look import ExecutionLook
from swf_common_lib.roles import DATA, FAST_PROCESSING, FASTMON, PROCESSING, WORKER, Role


@dataclass(frozen=True)
class Step:
    """One step of the work: messages, and the role that has to answer each of them."""

    role: Role
    asked: int
    answered: int
    unit: str
    """What ``asked`` and ``answered`` count."""
    busy: bool = False
    """Whether the role is at work: who has its hands full may leave the rest waiting."""

    @property
    def missing(self) -> int:
        """How many were not answered (yet)."""
        return max(0, self.asked - self.answered)


def steps_of(look: ExecutionLook) -> list[Step]:
    """Return the steps that the execution's configuration asks for, in their order."""
    count = look.count
    registered = count("stf_files_registered")
    steps = [Step(DATA, count("stf_files_generated"), registered, "STFs")]
    fast = look.fast
    if fast is not None and fast.stf_sampling_rate > 0:
        made = count("slices_created")
        # Samples of STFs without time frames give no slices, and those STFs no sample.
        samples = count("stf_samples_received")
        steps += [
            Step(FASTMON, registered - look.empty_stfs, samples, "STFs"),
            Step(FAST_PROCESSING, max(look.slices_expected, made), made, "slices"),
            Step(WORKER, made, made - look.slices_open, "slices", count("slices_processing") > 0),
        ]
    if "stf_processing" in look.execution.parameter_values:
        processed = count("stf_files_processed")
        steps.append(Step(PROCESSING, registered, processed, "STFs"))
    return steps
