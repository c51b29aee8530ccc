"""Checks of the database: through the monitor, or in a process of its own where that is down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.doctor.check_result import CheckResult, error, ok
from orchestrator.installation import run_monitor_command
from swf_common_lib.database_url import require_driver
from swf_common_lib.settings import Settings

OLDEST_POSTGRESQL = 15
_UPGRADE = "Run `testbed init`, then start the services again."


def check_database(settings: Settings) -> Iterator[CheckResult]:
    """Check the database itself, without the monitor's web process."""
    if settings.swf_database_url:
        require_driver()  # without, no command of the monitor can be run
    run = run_monitor_command(settings, "database_check", capture=True)
    if run.returncode:
        said = run.stderr.strip().splitlines() or ["it gave no reason"]
        yield error("database", said[-1], _remedy(settings))
        return
    answer = json.loads(run.stdout)
    if "problem" in answer:
        yield error("database", answer["problem"], answer["remedy"] or _remedy(settings))
        return
    yield from judge_database(answer)


def _remedy(settings: Settings) -> str:
    if settings.swf_database_url:
        return "Start PostgreSQL, or correct SWF_DATABASE_URL; then `testbed init`."
    return "Run `testbed init`."


def judge_database(state: Mapping[str, Any]) -> Iterator[CheckResult]:
    """Check what the monitor reports about its database."""
    kind, version = state["kind"], state["version"]
    if kind == "postgresql" and int(version.partition(".")[0]) < OLDEST_POSTGRESQL:
        remedy = f"Upgrade the server to PostgreSQL {OLDEST_POSTGRESQL} or newer."
        yield error("database", f"{kind} {version} is too old", remedy)
    else:
        yield ok("database", f"{kind} {version}")
    missing = state["missing_migrations"]
    if missing:
        detail = f"{len(missing)} changes of its tables are missing: {', '.join(missing[:3])}"
        yield error("tables", detail, _UPGRADE)
    elif state["write_error"]:
        remedy = "Make it writable: its owner and mode, its disk, or the role's rights."
        yield error("tables", f"not writable: {state['write_error']}", remedy)
    else:
        yield ok("tables", "up to date and writable")
