"""The parameters that the testbed knows: type, range, unit, sections and meaning.

Configurations of other workflows may hold parameters of their own; these here are the ones that
the shipped workflows and agents act on, and whose values are checked wherever they stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

DAQ = "daq_state_machine"
FAST = "fast_processing"
STF = "stf_processing"
INFRASTRUCTURE = "infrastructure"
LEGACY = "parameters"
"""The single section of configurations of the older form."""

SECTIONS = (STF, FAST, LEGACY, INFRASTRUCTURE, DAQ)
"""The sections of the testbed's own, the most specific first."""

_YEAR = 31_536_000.0


@dataclass(frozen=True)
class Parameter:
    """One parameter: ``minimum`` and ``maximum`` are allowed values themselves."""

    name: str
    kind: type[int] | type[float]
    default: float | None
    """Value where no configuration gives one; None: the parameter is then absent."""
    minimum: float
    maximum: float
    unit: str
    """``s``, ``min``; empty for counts and fractions."""
    section: str
    """Where it belongs."""
    doc: str
    also_in: tuple[str, ...] = ()
    """Further sections in which it acts."""
    legacy_of: str = ""
    """The parameter that this one is the older name of."""
    factor: float = 1.0
    """Value of ``legacy_of`` = value of this one times ``factor``."""

    @property
    def sections(self) -> tuple[str, ...]:
        """Return every section in which it has effect."""
        return (self.section, *self.also_in)

    @property
    def expected(self) -> str:
        """Return a description of the values that are allowed."""
        kind = "a whole number" if self.kind is int else "a number"
        unit = f" {self.unit}" if self.unit else ""
        return f"{kind} from {self.minimum:.12g} to {self.maximum:.12g}{unit}"

    def accepts(self, value: Any) -> bool:
        """Return whether ``value`` has the type (a whole number is a number too) and range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind is int and not isinstance(value, int):
            return False
        return self.minimum <= value <= self.maximum


def _daq(name: str, default: float, doc: str, minimum: float = 0.0) -> Parameter:
    return Parameter(
        name, float, default, minimum, _YEAR, "s", DAQ, doc, also_in=(FAST, STF, LEGACY)
    )


def _legacy(
    name: str, kind: type[int] | type[float], modern: Parameter, unit: str, factor: float = 1.0
) -> Parameter:
    return Parameter(
        name,
        kind,
        None,
        modern.minimum / factor,
        modern.maximum / factor,
        unit,
        LEGACY,
        f"Older name of {modern.name}.",
        legacy_of=modern.name,
        factor=factor,
    )


_CURRENT = (
    _daq("no_beam_not_ready_delay", 10, "Time in no_beam/not_ready before the run is announced."),
    _daq("broadcast_delay", 1, "Time after each broadcast of a run transition."),
    _daq("beam_not_ready_delay", 5, "Time in beam/not_ready before the detector is ready."),
    _daq("beam_ready_delay", 2, "Time in beam/ready before physics starts."),
    Parameter(
        "physics_period_count",
        int,
        3,
        0,
        1_000_000,
        "",
        DAQ,
        "Number of physics periods of a run; 0: until it is stopped.",
        also_in=(FAST, STF, LEGACY),
    ),
    _daq("physics_period_duration", 180, "Length of a physics period without stf_count."),
    _daq("standby_duration", 30, "Time in run/standby between two physics periods."),
    _daq("beam_not_ready_end_delay", 5, "Time in beam/not_ready after the end of the run."),
    _daq("stf_interval", 2, "Pause between two super time frames.", minimum=0.001),
    _daq("stf_generation_time", 0.1, "Time that the DAQ takes to write a super time frame."),
    Parameter(
        "stf_count",
        int,
        None,
        1,
        10_000_000,
        "",
        FAST,
        "Super time frames of each physics period; replaces physics_period_duration.",
        also_in=(STF, DAQ, LEGACY),
    ),
    Parameter(
        "target_worker_count",
        int,
        30,
        1,
        100_000,
        "",
        FAST,
        "Workers that process the slices of a run.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "stf_sampling_rate",
        float,
        0.05,
        0.001,
        1,
        "",
        FAST,
        "Fraction of the time frames of an STF that its TF sample takes.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "slices_per_sample",
        int,
        15,
        1,
        10_000,
        "",
        FAST,
        "Slices that are made of each TF sample.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "slice_processing_time",
        float,
        30,
        0.001,
        _YEAR,
        "s",
        FAST,
        "Time that a worker spends on a slice.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "worker_rampup_time",
        float,
        300,
        0,
        _YEAR,
        "s",
        FAST,
        "Time over which the workers become ready, from the announcement of the run.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "worker_rampdown_time",
        float,
        60,
        0,
        _YEAR,
        "s",
        FAST,
        "Time over which the workers leave once no slice waits.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "slice_failure_rate",
        float,
        None,
        0,
        1,
        "",
        FAST,
        "Fraction of the tries of slices that fail on purpose, chosen reproducibly; none unless"
        " given.",
        also_in=(LEGACY,),
    ),
    Parameter(
        "stf_processing_time",
        float,
        10,
        0,
        _YEAR,
        "s",
        STF,
        "Time that processing a complete super time frame takes.",
    ),
    Parameter(
        "activemq_streams",
        int,
        1,
        1,
        1_000,
        "",
        INFRASTRUCTURE,
        "Slice queues over which the work is spread.",
        also_in=(FAST, LEGACY),
    ),
    Parameter(
        "node_parallelism",
        int,
        0,
        0,
        100_000,
        "",
        INFRASTRUCTURE,
        "Workers in one worker process; 0: as many as the run asks for.",
        also_in=(FAST, LEGACY),
    ),
    Parameter(
        "retry_max_attempts",
        int,
        3,
        1,
        100,
        "",
        INFRASTRUCTURE,
        "Tries of a slice before it counts as failed.",
        also_in=(FAST, LEGACY),
    ),
)


def _table() -> dict[str, Parameter]:
    current = {parameter.name: parameter for parameter in _CURRENT}
    older = (
        _legacy("worker_count", int, current["target_worker_count"], ""),
        _legacy("stf_interval_sec", float, current["stf_interval"], "s"),
        _legacy("target_processing_sec", float, current["slice_processing_time"], "s"),
        _legacy("sample_fraction", float, current["stf_sampling_rate"], ""),
        _legacy("physics_duration_min", float, current["physics_period_duration"], "min", 60.0),
    )
    return {**current, **{parameter.name: parameter for parameter in older}}


PARAMETERS: dict[str, Parameter] = _table()
"""Every known parameter by its name."""
