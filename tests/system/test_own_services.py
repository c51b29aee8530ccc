"""`testbed init --services`: ActiveMQ and PostgreSQL of the installation's own, and back."""

from __future__ import annotations

import os
import signal
import stat

import pytest

from orchestrator.leftovers import programs_of
from swf_common_lib.database_url import parse_database_url
from tests.activemq_process import require_activemq
from tests.postgres_process import require_postgres
from tests.stack import Stack
from tests.waiting import wait_until

pytestmark = pytest.mark.system


@pytest.fixture
def facility(installation):
    """An installation on services of its own, prepared."""
    require_activemq()
    require_postgres()
    if os.geteuid() == 0:  # PostgreSQL's user has to pass through pytest's folders
        for folder in (installation.home, *installation.home.parents):
            folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o011)
    installation.run(["init", "--services"])
    return installation


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
    report = facility.run(["doctor"]).stdout
    assert "ActiveMQ/5" in report
    assert "postgresql 15" in report
    assert facility.run(["init"]).returncode == 0  # again, while all of it runs

    # What a killed supervisord leaves behind is ended, and nothing is lost.
    daemon = facility.services.pid()
    assert daemon is not None
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: facility.services.pid() is None, 10)
    facility.run(["start-local"])
    assert len(facility.client().get("workflow-executions/")) == 1

    facility.run(["stop-local"])
    assert programs_of(facility.services.socket) == []
    data = settings.swf_runtime_dir / "postgresql"
    assert not (data / "postmaster.pid").exists()

    facility.run(["init", "--embedded"])
    assert facility.settings.swf_broker == "embedded"
    assert facility.settings.swf_database_url == ""
    assert facility.settings.database_file.exists()


def test_the_stack_is_not_changed_under_running_services(facility):
    done = facility.run(["init", "--embedded"], check=False)
    assert done.returncode == 1
    assert "stop-local" in done.stderr
    old = parse_database_url(facility.settings.swf_database_url)
    facility.run(["stop-local"])
    facility.run(["init", "--new-ports"])
    new = parse_database_url(facility.settings.swf_database_url)
    assert (new.password, new.name) == (old.password, old.name)
    # The port that it had is free again, so that it may have it again.
    assert new.port % 10 == 3


def test_a_folder_that_postgres_may_not_enter_is_told(installation):
    require_activemq()
    require_postgres()
    if os.geteuid() != 0:
        pytest.skip("only root's servers run as another user")
    installation.home.chmod(0o700)
    done = installation.run(["init", "--services"], check=False)
    assert done.returncode == 1
    assert "may not pass through" in done.stderr
    assert "chmod o+x" in done.stderr
