"""`testbed init --services`: ActiveMQ and PostgreSQL of the installation's own, and back."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from orchestrator.supervisord.orphans import programs_of
from swf_common_lib.database_url import parse_database_url
from tests.activemq_process import skip_without_activemq
from tests.postgres_process import require_postgres
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def run_to_the_end(stack: Stack) -> dict[str, object]:
    done = stack.run(["run", "fast_processing", "--stf-count", "3", "--wait"])
    record = stack.execution(done.stdout.split()[0])
    assert record["status"] == "completed"
    slices: dict[str, object] = record["statistics"]["slices"]
    return slices


def test_a_run_on_services_of_our_own(facility):
    settings = facility.settings
    assert (settings.swf_broker, settings.swf_database_server) == ("activemq", "local")
    processes = facility.services.processes()
    assert {name for name, process in processes.items() if process.running} == {
        "postgres",
        "broker",
    }

    facility.run(["start-local"])
    assert run_to_the_end(facility)["completed"] == 45
    check_tells_no_secret(facility)
    report = facility.run(["doctor"]).stdout
    assert "ActiveMQ/5" in report
    assert "postgresql 1" in report
    facility.run(["init"])  # again, while all of it runs
    refused = facility.run(["init", "--embedded"], check=False)
    assert (refused.returncode, "stop-local" in refused.stderr) == (1, True)

    # What a killed supervisord leaves behind is ended, and nothing is lost.
    daemon = facility.services.pid()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: facility.services.pid() is None)
    facility.run(["start-local"])
    assert len(facility.client().get("workflow-executions/")) == 1

    facility.run(["stop-local"])
    assert programs_of(facility.services.socket) == []
    data = settings.swf_runtime_dir / "postgresql"
    assert not (data / "postmaster.pid").exists()

    facility.run(["init", "--new-ports"])
    old, new = (parse_database_url(s.swf_database_url) for s in (settings, facility.settings))
    assert (new.password, new.name) == (old.password, old.name)
    facility.run(["stop-local"])

    facility.run(["init", "--embedded"])
    assert facility.settings.swf_broker == "embedded"
    assert facility.settings.swf_database_url == ""
    assert facility.settings.database_file.exists()


def check_tells_no_secret(stack: Stack) -> None:
    """Check that the broker's password is in no listing of processes, and in no open file."""
    words = Path(f"/proc/{stack.pid('broker')}/cmdline").read_text().split("\0")
    assert words[0].endswith("java")
    assert not any(stack.settings.activemq_password in word for word in words)
    folder = stack.settings.swf_runtime_dir / "activemq"
    assert (folder / "data" / "kahadb").is_dir()
    assert (folder / "conf" / "activemq.xml").stat().st_mode & 0o077 == 0


def test_a_folder_that_postgres_may_not_enter_is_told(installation):
    skip_without_activemq()
    require_postgres()
    if os.geteuid() != 0:
        pytest.skip("only root's servers run as another user")
    installation.home.chmod(0o700)
    done = installation.run(["init", "--services"], check=False)
    assert done.returncode == 1
    assert "may not pass through" in done.stderr
    assert "chmod o+x" in done.stderr
