"""Where and how an execution ran: kept with its record."""

from __future__ import annotations

import getpass
import os
import platform
import socket
from functools import lru_cache
from importlib import metadata
from typing import Any

from swf_common_lib.messages import UNPACED
from swf_common_lib.settings import Settings
from workflows.runner.record import REALTIME, ExecutionRecord

PACKAGES = ("swf-testbed", "simpy", "stomp.py", "requests", "pydantic")


def execution_environment(
    settings: Settings, record: ExecutionRecord, runner: str
) -> dict[str, Any]:
    """Describe host, user, software and mode of an execution."""
    modes = {UNPACED: "fast", REALTIME: "realtime"}
    return {
        **_machine(),
        "runner": runner,
        "pid": os.getpid(),
        "mode": modes.get(record.speed, "paced"),
        "speed": record.speed,
        "duration_limit": record.duration,
        "source_commit": record.commit,
        "broker": {
            "kind": "embedded" if settings.swf_broker == "embedded" else "activemq",
            "address": f"{settings.activemq_host}:{settings.activemq_port}",
        },
        "monitor_url": settings.swf_monitor_url,
    }


@lru_cache(maxsize=1)
def _machine() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "user": getpass.getuser(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
