"""A monitor whose every answer the test knows: run numbers, claims, and reports that it keeps."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.http_server import serving


class ScriptedMonitor:
    """``reports`` holds what was reported, by execution; while ``away`` it answers 503."""

    def __init__(self) -> None:
        self.url = ""
        self.away = False
        self.asked_while_away = threading.Event()
        self.reports: dict[str, list[dict[str, Any]]] = {}
        self._runs = itertools.count(100001)
        self._lock = threading.Lock()

    def __call__(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        if self.away:
            self.asked_while_away.set()
            return 503, {"detail": "away"}
        with self._lock:
            if path.endswith("/next-run-number/"):
                return 200, {"status": "success", "run_number": next(self._runs)}
            if method == "PATCH":
                execution_id = path.strip("/").split("/")[-1]
                self.reports.setdefault(execution_id, []).append(body)
                return 200, {}
        return 404, {"detail": f"nothing at {path}"}

    def statuses(self, execution_id: str) -> list[str]:
        return [report["status"] for report in self.reports.get(execution_id, [])]


@contextmanager
def scripted_monitor() -> Iterator[ScriptedMonitor]:
    monitor = ScriptedMonitor()
    with serving(monitor) as url:
        monitor.url = url
        yield monitor
