"""The tables of the monitor, one module for each subject."""

from monitor.records.models.access import ApiToken, LoginLink
from monitor.records.models.agents import Namespace, Subscriber, SystemAgent
from monitor.records.models.counters import Counter
from monitor.records.models.files import FastMonFile, StfFile, TFSlice
from monitor.records.models.logs import AppLog
from monitor.records.models.messages import SystemStateEvent, WorkflowMessage
from monitor.records.models.runs import Run, RunState, Worker
from monitor.records.models.workflows import WorkflowDefinition, WorkflowExecution

__all__ = [
    "ApiToken",
    "AppLog",
    "Counter",
    "FastMonFile",
    "LoginLink",
    "Namespace",
    "Run",
    "RunState",
    "StfFile",
    "Subscriber",
    "SystemAgent",
    "SystemStateEvent",
    "TFSlice",
    "Worker",
    "WorkflowDefinition",
    "WorkflowExecution",
    "WorkflowMessage",
]
