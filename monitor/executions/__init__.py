"""Executions: start, claim, stop, pause, resume, and the end when their runner is lost."""

from monitor.executions.control import claim, report, request_change
from monitor.executions.request import StartRequest
from monitor.executions.start import Started, start

__all__ = ["StartRequest", "Started", "claim", "report", "request_change", "start"]
