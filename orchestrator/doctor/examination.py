"""All checks, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from orchestrator.doctor import machine
from orchestrator.doctor.broker import check_broker
from orchestrator.doctor.check_result import OK, CheckResult, error, ok
from orchestrator.doctor.database import check_database
from orchestrator.doctor.mcp import check_mcp
from orchestrator.doctor.monitor import check_monitor, is_local
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.settings import Settings, load_settings

Check = Callable[[Settings], Iterator[CheckResult]]

EVERYWHERE: Mapping[str, Check] = {
    "testbed.toml": machine.check_testbed_file,
    "runtime folder": machine.check_files,
    "disk": machine.check_disk,
    "sockets": machine.check_sockets,
}
OF_SERVICES: Mapping[str, Check] = {
    "ports": machine.check_ports,
    "supervisord (services)": machine.check_services,
}
"""Only where the services run."""


def examine(home: Path | None, environ: Mapping[str, str] | None = None) -> Iterator[CheckResult]:
    """Check the installation at ``home``; yield each result as soon as there is one."""
    yield from machine.check_python()
    try:
        settings = load_settings(home, environ)
    except ConfigurationError as fault:
        for problem in fault.problems:
            yield error("settings", problem, fault.hint)
        return
    yield ok("settings", _origin(settings))
    here = is_local(settings)
    checks = {
        **EVERYWHERE,
        **(OF_SERVICES if here else {}),
        "supervisord (agents)": machine.check_programs,
    }
    for name, check in checks.items():
        yield from _guarded(name, check, settings)
    yield from _guarded("broker", check_broker, settings)
    results = list(_guarded("monitor", check_monitor, settings))
    yield from results
    if here:
        if not any(result.what == "database" for result in results):
            yield from _guarded("database", check_database, settings)
        yield from _guarded("mcp", check_mcp, settings)


def _origin(settings: Settings) -> str:
    file = settings.settings_file
    return f"{file} and the environment" if file.is_file() else "defaults and the environment"


def _guarded(name: str, check: Check, settings: Settings) -> Iterator[CheckResult]:
    """Yield a check's results; an error that ends it becomes a result, and others go on."""
    try:
        yield from check(settings)
    except TestbedError as fault:
        yield error(name, fault.detail, fault.hint)
    except OSError as fault:
        yield error(name, f"cannot be looked at: {fault}", "See that its owner runs this command.")


def summary_line(results: list[CheckResult]) -> str:
    """Return the result in one line."""
    wrong = [result for result in results if result.status != OK]
    if not wrong:
        return f"All {len(results)} checks are good."
    errors = sum(result.status == "error" for result in wrong)
    return f"{len(results)} checks: {errors} errors, {len(wrong) - errors} warnings."
