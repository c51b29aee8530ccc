"""The ``slice_result`` message: what a worker reports about one try of one slice."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swf_common_lib.messages import SliceResult, SliceWork
from swf_common_lib.states import SliceStatus

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class SliceOutcome:
    """The result of one try of a slice. Ticks are simulated seconds, times are wall time."""

    tf_filename: str
    slice_id: int
    failed: bool
    retries: int
    """Tries before this one."""
    worker: str
    started_tick: float | None
    finished_tick: float | None
    processing_start_at: str | None
    processed_at: str | None
    error: str
    request: dict[str, Any] | None
    """The content of the slice message; None when the worker did not return it."""

    def __str__(self) -> str:
        return f"slice {self.slice_id} of {self.tf_filename} (try {self.retries + 1})"

    def state(self) -> dict[str, Any]:
        """Return the slice's entry in a ``slice_status`` message."""
        entry: dict[str, Any] = {
            "tf_filename": self.tf_filename,
            "slice_id": self.slice_id,
            "status": SliceStatus.FAILED if self.failed else SliceStatus.COMPLETED,
            "worker": self.worker,
            "retries": self.retries,
            "processing_start_at": self.processing_start_at,
            "processed_at": self.processed_at,
        }
        if self.started_tick is not None:
            entry["started_tick"] = self.started_tick
        if self.finished_tick is not None:
            entry["finished_tick"] = self.finished_tick
        if self.error:
            entry["error"] = self.error
        return entry


def outcome(message: SliceResult) -> SliceOutcome | None:
    """Read a result; return None when it does not say which slice it is about.

    Workers written elsewhere name the slice inside ``result.result`` only, and know nothing of
    ticks and tries.
    """
    content = message.content
    wrapper = _mapping(content.get("result"))
    inner = _mapping(wrapper.get("result"))
    known = {**inner, **content}
    tf_filename, slice_id = known.get("tf_filename"), _integer(known.get("slice_id"))
    if not tf_filename or slice_id is None or not _storable(str(tf_filename), slice_id):
        return None
    request = content.get("request")
    return SliceOutcome(
        tf_filename=str(tf_filename),
        slice_id=slice_id,
        failed=content.get("state") == FAILED or wrapper.get("state") == FAILED,
        retries=_integer(known.get("retries")) or 0,
        worker=str(known.get("worker") or known.get("hostname") or message.sender),
        started_tick=_number(content.get("started_tick")),
        finished_tick=_number(content.get("finished_tick")),
        processing_start_at=_text(content.get("processing_start_at")),
        processed_at=_text(content.get("processed_at")),
        error=str(content.get("error") or wrapper.get("error") or ""),
        request=request if isinstance(request, dict) else None,
    )


class ResultWriter:
    """Writes the content of results, including the fields that are the same for this process."""

    def __init__(self) -> None:
        self.hostname = socket.gethostname()
        self._common = {
            "hostname": self.hostname,
            # Filled by workers that PanDA started; this one it did not.
            "panda_server_url": "",
            "panda_task_id": None,
            "panda_id": None,
            "harvester_id": None,
        }

    def content(
        self,
        work: SliceWork,
        *,
        worker: str,
        ticks: tuple[float, float],
        times: tuple[str, str],
        error: str = "",
    ) -> dict[str, Any]:
        """Return the content of the result of one try.

        ``ticks`` and ``times``: start and end of the processing, simulated and of the wall.
        """
        request = work.content.model_dump()
        state = FAILED if error else DONE
        return {
            **self._common,
            "run_id": work.content.run_id,
            "execution_id": work.content.execution_id,
            "req_id": work.content.req_id,
            "tf_filename": work.content.tf_filename,
            "slice_id": work.content.slice_id,
            "retries": request.get("retries", 0),
            "worker": worker,
            "requested_at": work.created_at,
            "processing_start_at": times[0],
            "processed_at": times[1],
            "started_tick": ticks[0],
            "finished_tick": ticks[1],
            "state": state,
            "error": error,
            "request": request if error else None,
            "result": {
                "state": state,
                "result": None if error else _processed(request, ticks[1] - ticks[0]),
                "error": error or None,
            },
        }


def _processed(request: dict[str, Any], seconds: float) -> dict[str, Any]:
    output = f"{request['tf_filename'].removesuffix('.tf')}.slice_{request['slice_id']:03d}.out"
    return {
        **request,
        "processed": True,
        "actual_processing_time": seconds,
        "output_file": output,
        "output_filename": output,
    }


def _storable(tf_filename: str, slice_id: int) -> bool:
    """Return whether the database can hold it; if not, states beside it would be lost."""
    return len(tf_filename) <= 255 and 0 <= slice_id < 2**31


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _integer(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
