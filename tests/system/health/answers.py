"""What every surface says once all troubles of a module are there, each asked once."""

from __future__ import annotations

from functools import cache
from typing import Any

from swf_common_lib.findings import Finding, FindingCode, Remedy
from swf_common_lib.states import TERMINAL
from tests.stack import Stack
from tests.system.health.surfaces import SURFACES, Shown, rest, shown
from tests.waiting import wait_until


class Answers:
    """The surfaces of an installation; each is asked at most once about each thing."""

    def __init__(self, stack: Stack) -> None:
        self._ask = cache(lambda surface, asked: SURFACES[surface](stack, asked))

    def of(self, surface: str, execution_id: str = "") -> list[Shown]:
        """Return what a surface shows, of all or of one execution."""
        return list(self._ask(surface, execution_id))

    def check(self, wanted: Shown, *execution_ids: str) -> None:
        """Check that each surface shows it, of the whole (id "") and of executions."""
        for execution_id in execution_ids:
            for name in SURFACES:
                told = self.of(name, execution_id)
                assert wanted in told, f"{name} on {execution_id or 'all'}: {told}"


def of_execution(code: FindingCode, execution_id: str, remedy: Remedy) -> Shown:
    """Return what is shown of a finding about an execution."""
    return Shown(code.value, f"execution {execution_id}", remedy.value)


def wait_for(stack: Stack, wanted: set[Shown], execution_id: str = "") -> list[Finding]:
    """Wait until REST finds all of these at once, of all or of one execution; return all."""
    seen: list[Finding] = []

    def all_there() -> bool:
        seen[:] = rest(stack, execution_id)
        return wanted <= {shown(one) for one in seen}

    try:
        wait_until(all_there)
    except AssertionError:
        told = {shown(one) for one in seen}
        raise AssertionError(f"not found: {wanted - told}, but {told - wanted}") from None
    return seen


def start(stack: Stack, workflow: str, **body: Any) -> str:
    """Start an execution and return its id."""
    record = stack.client().post("workflow-executions/start/", {"workflow": workflow, **body})
    return str(record["execution_id"])


def wait_status(stack: Stack, execution_id: str, *statuses: str) -> dict[str, Any]:
    """Wait until an execution has one of these statuses, and return its record."""

    def there() -> dict[str, Any] | None:
        record = stack.execution(execution_id)
        return record if record["status"] in statuses else None

    return wait_until(there, message=f"{execution_id} is not {statuses}")


def is_processed(stack: Stack, execution_id: str) -> bool:
    """Return whether an execution has ended, and agents and workers are done with its run."""
    record = stack.execution(execution_id)
    if record["status"] not in TERMINAL or record["run_number"] is None:
        return False
    state = stack.client().get(f"run-states/{record['run_number']}/")
    return bool(state["phase"] == "completed")
