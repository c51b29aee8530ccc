"""What workflows and agents read from an expanded configuration, whichever form it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from swf_common_lib.config.parameters import (
    DAQ,
    FAST,
    INFRASTRUCTURE,
    LEGACY,
    PARAMETERS,
    STF,
)


@dataclass(frozen=True)
class FastProcessing:
    """Parameters of fast processing; times are simulated seconds."""

    target_worker_count: int
    stf_sampling_rate: float
    """Fraction of an STF's time frames that its sample takes."""
    slices_per_sample: int
    slice_processing_time: float
    worker_rampup_time: float
    worker_rampdown_time: float
    activemq_streams: int
    """Slice queues over which the work is spread."""
    node_parallelism: int
    """Workers in one worker process; 0: as many as the run asks for."""
    retry_max_attempts: int
    """Tries of a slice."""
    stf_interval: float


def data_taking(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the DAQ state machine for this configuration.

    ``daq_state_machine`` overlaid by ``fast_processing``, then ``stf_processing``; older names in
    ``parameters`` count under their present ones. What is not configured has its default, but for
    ``stf_count``, which is then absent.
    """
    values = _defaults(DAQ)
    if _section(sections, LEGACY) and DAQ not in sections:
        values["physics_period_count"] = 1  # the older form knows a single period
    for name in (LEGACY, DAQ, FAST, STF):
        values.update(_present_names(_section(sections, name)))
    return values


def fast_processing(sections: Mapping[str, Any]) -> FastProcessing | None:
    """Return the parameters of fast processing, or None when the configuration asks for none.

    It asks for it with a section ``fast_processing``, or, in the older form, with
    fast-processing parameters in ``parameters``. What is not configured has its default.
    """
    legacy = _present_names(_section(sections, LEGACY))
    if FAST not in sections and not any(_belongs_to_fast(name) for name in legacy):
        return None
    values = {**_defaults(FAST), **_defaults(INFRASTRUCTURE)}
    for name in (LEGACY, INFRASTRUCTURE, FAST):
        values.update(_present_names(_section(sections, name)))
    values["stf_interval"] = data_taking(sections)["stf_interval"]
    return FastProcessing(**{field.name: values[field.name] for field in fields(FastProcessing)})


def _section(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = sections.get(name)
    return table if isinstance(table, Mapping) else {}


def _defaults(section: str) -> dict[str, Any]:
    return {
        name: parameter.default
        for name, parameter in PARAMETERS.items()
        if parameter.section == section and parameter.default is not None
    }


def _belongs_to_fast(name: str) -> bool:
    return name in PARAMETERS and PARAMETERS[name].section == FAST and name != "stf_count"


def _present_names(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table with older names replaced; a present name given beside wins."""
    renamed = {
        parameter.legacy_of: table[name] * parameter.factor if parameter.factor != 1 else value
        for name, value in table.items()
        if (parameter := PARAMETERS.get(name)) is not None and parameter.legacy_of
    }
    return {**renamed, **{key: value for key, value in table.items() if not _is_older(key)}}


def _is_older(name: str) -> bool:
    return name in PARAMETERS and bool(PARAMETERS[name].legacy_of)
