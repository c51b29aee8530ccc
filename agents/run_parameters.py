"""The parameters of the run that a message belongs to, as agents need them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.config import PARAMETERS, FastProcessing, fast_processing
from swf_common_lib.config.parameters import FAST, LEGACY, STF
from swf_common_lib.errors import InvalidMessage, NotFound
from swf_common_lib.messages import UNPACED, Message

CACHED = 64


@dataclass(frozen=True)
class RunParameters:
    """The part of an execution's configuration that agents act on. Times are simulated seconds."""

    fast: FastProcessing | None
    """None: the execution asks for no fast processing."""
    stf_processing_time: float | None
    """Time to process a complete STF; None: the execution asks for no such processing."""
    slice_failure_rate: float
    """Fraction of the tries of slices that fail on purpose."""


NOTHING = RunParameters(fast=None, stf_processing_time=None, slice_failure_rate=0.0)
"""For a message of an execution that the monitor does not know: nothing is asked for."""


class ParametersOfRuns:
    """Looks up the parameters of a message's execution, and caches those it has found."""

    def __init__(self, agent: BaseAgent) -> None:
        self._agent = agent
        self._known: OrderedDict[str, RunParameters] = OrderedDict()
        self._told_unknown = ""

    def of(self, message: Message) -> RunParameters:
        """Return the parameters of the message's execution; waits for the monitor."""
        execution_id = message.execution_id
        if execution_id not in self._known:
            try:
                record = self._agent.execution(execution_id)
            except NotFound as error:
                # Not for good: a proxy answers so while the monitor behind it begins anew.
                self._tell_unknown(message, error)
                return NOTHING
            self._known[execution_id] = run_parameters(record["parameter_values"])
            if len(self._known) > CACHED:
                self._known.popitem(last=False)
        return self._known[execution_id]

    def _tell_unknown(self, message: Message, error: NotFound) -> None:
        if message.execution_id != self._told_unknown:
            self._told_unknown = message.execution_id
            self._agent.logger.warning(
                "a message of run %s is left alone: the configuration of its execution %r is not"
                " known (%s)",
                message.run_id,
                message.execution_id,
                error.detail,
            )


def run_parameters(sections: Mapping[str, Any]) -> RunParameters:
    """Read an expanded configuration, which has one table per section."""
    stf_time = None
    if STF in sections:
        default = PARAMETERS["stf_processing_time"].default or 0.0
        stf_time = float(_table(sections, STF).get("stf_processing_time", default))
    rate = 0.0
    for name in (LEGACY, FAST):
        rate = float(_table(sections, name).get("slice_failure_rate", rate))
    return RunParameters(fast_processing(sections), stf_time, rate)


def _table(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = sections.get(name)
    return table if isinstance(table, Mapping) else {}


def run_number(message: Message) -> int:
    """Return the message's run as the number that the tables use; raises InvalidMessage."""
    if not (message.run_id.isascii() and message.run_id.isdigit()):
        raise InvalidMessage(f"{message.msg_type}: run_id {message.run_id!r} is not a run number")
    return int(message.run_id)


def pace(message: Message) -> float:
    """Return the simulated seconds per wall second of the message's run; 0: unpaced."""
    return UNPACED if message.time_scale is None else max(UNPACED, message.time_scale)
