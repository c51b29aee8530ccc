"""The ``runner`` object of an executor: sends its messages and counts them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Protocol

import requests

from swf_common_lib.messaging import BROADCAST

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:  # cannot be subscripted before Python 3.11
    _Adapter = logging.LoggerAdapter

_BROADCAST = str(BROADCAST)
_STATES = {
    "run_imminent": ("beam", "not_ready"),
    "start_run": ("run", "physics"),
    "pause_run": ("run", "standby"),
    "resume_run": ("run", "physics"),
    "end_run": ("beam", "not_ready"),
}
"""State and substate that follow from a message which does not name them."""


class Publisher(Protocol):
    """What sends messages: the message bus, or a recorder of them."""

    def publish(self, destination: str, body: Mapping[str, Any], /) -> int:
        """Send a message to a destination in STOMP's form."""
        ...


class RunnerHandle:
    """The ``runner`` of one execution's ``WorkflowExecutor``.

    ``monitor_url`` and ``api_session`` (with the token) reach the monitor, ``logger`` adds the
    execution to each record, ``send_message`` fills in the envelope.
    """

    def __init__(
        self,
        publisher: Publisher,
        *,
        sender: str,
        namespace: str,
        execution_id: str,
        tick: Callable[[], float],
        time_scale: Callable[[], float],
        monitor_url: str,
        api_session: requests.Session,
        logger: logging.Logger,
    ) -> None:
        self.agent_name = sender
        self.namespace = namespace
        self.execution_id = execution_id
        self.monitor_url = monitor_url
        self.api_session = api_session
        self.logger = _ExecutionLogger(logger, self)
        self.run_id = ""
        self.state = self.substate = ""
        self.messages_sent = 0
        self.first_sent: float | None = None
        """Monotonic time at which the first message had been handed to the bus."""
        self.stf_files = 0
        self.muted = False
        """Nothing more is sent: the execution belongs to another runner now."""
        self._run_open = self._held = False
        self._publisher = publisher
        self._tick = tick
        self._time_scale = time_scale

    def set_clock(self, tick: Callable[[], float], time_scale: Callable[[], float]) -> None:
        """Set the functions that return the simulated time and its scale."""
        self._tick, self._time_scale = tick, time_scale

    @property
    def tick(self) -> float:
        """Return the simulated seconds since the workflow began."""
        return self._tick()

    @property
    def in_physics(self) -> bool:
        """Return whether data taking is going on."""
        return self._run_open and (self.state, self.substate) == ("run", "physics")

    def initialize_state(
        self, run_id: str | int, execution_id: str = "", config: Mapping[str, Any] | None = None
    ) -> None:
        """Set the run of the execution; its state follows from the messages sent about it."""
        self.run_id = str(run_id)

    def send_message(self, destination: str, body: Mapping[str, Any]) -> None:
        """Send a message to ``/topic/...`` or ``/queue/...``.

        Sender, namespace, execution, message id, time, tick and time scale are filled in. Waits
        only while the broker has far too many unconfirmed messages of ours.
        """
        if self.muted:
            return
        message = {
            "execution_id": self.execution_id,
            "run_id": self.run_id,
            "message_id": str(uuid.uuid4()),
            "simulation_tick": self._tick(),
            **body,
            "sender": self.agent_name,
            "namespace": self.namespace,
            "time_scale": self._time_scale(),
            "timestamp": _utc(body.get("timestamp")),
        }
        self._note(message)
        self._publisher.publish(str(destination), message)
        if not self.messages_sent:
            self.first_sent = time.monotonic()
        self.messages_sent += 1

    def hold_run(self, reason: str) -> None:
        """Put data taking into standby; does nothing when no data are being taken."""
        if self.in_physics:
            self._announce("pause_run", reason=reason or "paused")
            self._held = True

    def continue_run(self) -> None:
        """Resume data taking if ``hold_run`` has put it into standby."""
        if self._held and self._run_open:
            self._announce("resume_run")
        self._held = False

    def close_run(self, reason: str) -> None:
        """Announce the end of a run that was announced and not ended by the executor itself."""
        if self._run_open:
            self._announce("end_run", total_stf_files=self.stf_files, reason=reason)

    def _announce(self, msg_type: str, **fields: Any) -> None:
        state, substate = _STATES[msg_type]
        envelope = {"msg_type": msg_type, "state": state, "substate": substate}
        self.send_message(_BROADCAST, {**envelope, **fields})

    def _note(self, message: dict[str, Any]) -> None:
        """Update the run's state from a message about it, and complete the message."""
        kind = message.get("msg_type", "")
        state, substate = _STATES.get(kind, (self.state, self.substate))
        message.setdefault("state", state)
        message.setdefault("substate", substate)
        message["run_id"] = str(message["run_id"] or self.run_id)
        if kind == "stf_gen":
            self.stf_files += 1
        elif kind in _STATES:
            self.run_id = message["run_id"]
            self.state, self.substate = message["state"], message["substate"]
            self._run_open = kind != "end_run"


def _utc(given: Any) -> str:
    """Return a time in UTC: the present one, or a given one, which is local if it has no zone."""
    if isinstance(given, str) and given:
        text = f"{given[:-1]}+00:00" if given.endswith("Z") else given
        try:
            return datetime.fromisoformat(text).astimezone(timezone.utc).isoformat()
        except (ValueError, OverflowError):
            pass  # no time at all, or one at the edge of the calendar
    return datetime.now(timezone.utc).isoformat()


class _ExecutionLogger(_Adapter):
    """Adds execution, run and tick to every record; the caller's ``extra`` stays."""

    def __init__(self, logger: logging.Logger, handle: RunnerHandle) -> None:
        super().__init__(logger, {})
        self._handle = handle

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Complete the ``extra`` of a record."""
        handle = self._handle
        known = {"execution_id": handle.execution_id, "simulation_tick": handle.tick}
        if handle.run_id:
            known["run_id"] = handle.run_id
        kwargs["extra"] = {**known, **(kwargs.get("extra") or {})}
        return msg, kwargs
