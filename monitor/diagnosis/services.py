"""Whether what every execution needs is there: monitor, broker, ingest."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.diagnosis.finding import Finding
from monitor.health.status import ERROR, OK, WARNING, service_status
from orchestrator.queue_depths import Reading

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
        if name == "ingest" and told["status"] == WARNING and services["broker"]["status"] == ERROR:
            continue  # it lives and waits for the broker, as everybody does
        yield Finding(
            cause,
            "error" if told["status"] == ERROR else "warning",
            f"{name}: {told['detail']}; {_EFFECTS[name]}",
            _NEXT.format(name=name),
        )


def hanging_broker(reading: Reading) -> Iterator[Finding]:
    """Tell of a broker that keeps the connections it has, and greets nobody any more."""
    if reading.unreachable:
        yield Finding(
            "broker_down",
            "error",
            f"broker: it answers nobody new, so it hangs or is overloaded: {reading.unreachable}",
            "`testbed logs broker` says more; `testbed stop-local` and `testbed start-local` "
            "restart it, what it holds stays.",
        )
