"""`testbed doctor` on installations that are well, and on several that are not."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def examined(stack: Stack, **environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Return the exit status, and the worst result about each thing."""
    done = stack.run(["doctor", "--json"], check=False, **environment)
    assert not done.stderr
    results = sorted(
        json.loads(done.stdout)["checks"],
        key=lambda result: ("ok", "warning", "error").index(result["status"]),
    )
    for result in results:
        assert result["status"] == "ok" or result["remedy"], result
    return done.returncode, {result["what"]: result for result in results}


def test_all_is_well(running):
    found: dict[str, dict[str, str]] = {}

    def well() -> bool:
        status, examination = examined(running)
        found.clear()
        found.update(examination)
        return status == 0 and {result["status"] for result in found.values()} == {"ok"}

    # What an earlier test killed may be missed for a while yet; a busy machine answers slowly.
    wait_until(well, message=f"not all is well: {found}")
    for what in (
        "broker",
        "message",
        "heart-beat",
        "monitor",
        "token",
        "database",
        "mcp",
        "agents",
    ):
        assert what in found
    assert "sqlite" in found["database"]["detail"]


@pytest.mark.parametrize(
    ("environment", "what", "status"),
    [
        ({"ACTIVEMQ_PASSWORD": "wrong"}, "broker", "error"),
        ({"ACTIVEMQ_HOST": "127.0.0.2"}, "broker", "error"),
        ({"ACTIVEMQ_USE_SSL": "true"}, "broker", "error"),
        ({"SWF_API_TOKEN": "swf_unknown"}, "token", "error"),
        ({"SWF_MCP_URL": "http://127.0.0.1:1/mcp"}, "mcp", "warning"),
        ({"SWF_MONITOR_URL": "http://127.0.0.1:1"}, "monitor", "error"),
        ({"SWF_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/n"}, "monitor", "ok"),
    ],
)
def test_one_thing_is_wrong(running, environment, what, status):
    code, found = examined(running, **environment)
    assert found[what]["status"] == status
    assert code == (1 if status == "error" else 0)


def test_a_token_that_may_only_read_is_a_warning(running):
    key = running.run(["token", "create", "doctors-reader"]).stdout.strip()
    _, found = examined(running, SWF_API_TOKEN=key)
    assert found["token"]["status"] == "warning"
    assert "scope read" in found["token"]["detail"]


def test_a_host_of_agents_alone_needs_no_services(running, tmp_path):
    monitor = running.settings
    environment = {
        "SWF_HOME": str(tmp_path),
        "SWF_MONITOR_URL": monitor.swf_monitor_url,
        "SWF_SERVICES": "elsewhere",
        "SWF_BROKER": "external",
        "SWF_API_TOKEN": monitor.swf_api_token,
        "ACTIVEMQ_PORT": str(monitor.activemq_port),
        "ACTIVEMQ_PASSWORD": monitor.activemq_password,
    }
    elsewhere = Stack.create(tmp_path / "h", chosen_ports=False)
    environment["SWF_HOME"] = str(elsewhere.home)
    _, found = examined(elsewhere, **environment)
    assert found["monitor"]["status"] == "ok"
    assert found["message"]["status"] in ("ok", "warning")  # it warns of a slow machine
    assert "mcp" not in found
    assert not any(what.startswith("port ") for what in found)


def test_before_init_and_before_start(installation):
    status, found = examined(installation)
    assert status == 1
    assert "testbed init" in found["database"]["remedy"] + found["token"]["remedy"]

    installation.run(["init"])
    status, found = examined(installation)
    assert status == 1
    assert found["broker"]["status"] == found["monitor"]["status"] == "error"
    assert found["database"]["status"] == found["tables"]["status"] == "ok"
    assert "start-local" in found["broker"]["remedy"]


def test_a_database_of_an_older_version(installation):
    installation.run(["init"])
    with sqlite3.connect(installation.settings.database_file) as database:
        last = database.execute("SELECT max(name) FROM django_migrations WHERE app='records'")
        (name,) = last.fetchone()
        database.execute("DELETE FROM django_migrations WHERE app='records' AND name=?", (name,))
    database.close()
    status, found = examined(installation)
    assert status == 1
    assert name in found["tables"]["detail"]
    assert "testbed init" in found["tables"]["remedy"]
