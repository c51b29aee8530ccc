"""Executions: start, claim, stop, pause, resume, and the end when their runner is lost."""

from monitor.executions.control import claim, report, request_change
from monitor.executions.request import StartRequest
from monitor.executions.start import Started, start
from monitor.executions.wait_text import wait_text
from monitor.executions.waiting import Wait, WaitKind, waiting_for

__all__ = [
    "StartRequest",
    "Started",
    "Wait",
    "WaitKind",
    "claim",
    "report",
    "request_change",
    "start",
    "wait_text",
    "waiting_for",
]
