"""Whether what every execution needs is there: monitor, broker, ingest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from mcp_server.diagnosis.finding import Finding
from monitor.executions.announcer import announcer
from monitor.records.status import ERROR, OK, service_status
from orchestrator.embedded_broker.destinations import DEAD_LETTERS
from orchestrator.embedded_broker.statistics import STATISTICS
from swf_common_lib.errors import BrokerUnavailable

_ANSWER_WITHIN = 1.0
_CAUSES = {"broker": "broker_down", "web": "monitor_down", "ingest": "ingest_down"}
_EFFECTS = {
    "broker": "no message passes: nothing starts, stops or goes on until it is back",
    "web": "agents and runners can neither report nor claim work; what is known of them is old",
    "ingest": "messages wait in the broker; counts and statistics here are behind, nothing is lost",
}
_NEXT = "`testbed start-local` starts it; `testbed logs {name}` says why it ended."


def service_findings() -> Iterator[Finding]:
    """Give what is wrong with the services."""
    services = service_status(from_outside=True)
    for name, cause in _CAUSES.items():
        told = services[name]
        if told["status"] == OK:
            continue
        yield Finding(
            cause,
            "error" if told["status"] == ERROR else "warning",
            f"{name}: {told['detail']}; {_EFFECTS[name]}",
            _NEXT.format(name=name),
        )


def queues() -> dict[str, dict[str, Any]]:
    """Give depth and consumers of the queues that hold something; none where it is not told.

    The embedded broker answers; an ActiveMQ's own console and its JMX tell the same.
    """
    if settings.TESTBED.swf_broker != "embedded" or not announcer().status().connected:
        return {}
    try:
        told = announcer().open().request(STATISTICS, {}, _ANSWER_WITHIN)
    except BrokerUnavailable:
        return {}
    return {
        str(row["destination"]): {
            "waiting": row["depth"],
            "in_hand": row["unacknowledged"],
            "consumers": row["consumers"],
        }
        for row in told.get("destinations", [])
        if str(row["destination"]).startswith("/queue/")
        and row["depth"] + row["unacknowledged"] > 0
    }


def queue_findings(waiting: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    """Give which queues hold messages that nobody takes."""
    for name, told in waiting.items():
        if name == DEAD_LETTERS:
            yield Finding(
                "message_unconsumed",
                "warning",
                f"{told['waiting']} messages lie in {name}: their handlers failed each time",
                "list_logs with level=ERROR says over what; they stay there until taken by hand.",
            )
        elif told["waiting"] and not told["consumers"]:
            yield Finding(
                "message_unconsumed",
                "warning",
                f"{told['waiting']} messages wait in {name}, which nobody consumes",
                "start_agents brings its consumers up; get_system_status shows who lives.",
            )
