"""Trouble with a whole installation's processes, made for real, and what is found of it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from orchestrator.cli.finding_texts import sentence
from orchestrator.process_health import last_end_of, process_findings
from orchestrator.services import services_of
from orchestrator.supervisord.orphans import process_exists
from swf_common_lib.findings import Finding, FindingCode, Remedy
from tests.stack import Stack
from tests.strangers import stranger_listening
from tests.waiting import wait_until

pytestmark = pytest.mark.system


def codes(stack: Stack) -> list[FindingCode]:
    return [finding.code for finding in process_findings(stack.settings)]


def once(stack: Stack, *expected: FindingCode):
    """Return what is found once it is exactly this, the worst first."""

    def found():
        findings = process_findings(stack.settings)
        return findings if [one.code for one in findings] == list(expected) else None

    return wait_until(found, message=f"{codes(stack)} is not {expected}")


def kill_supervisord(supervisor) -> None:
    pid = supervisor.pid()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not process_exists(pid))


def status(stack: Stack) -> dict:
    return json.loads(stack.run("status --json", check=False).stdout)


def diagnosis(stack: Stack, *words: str) -> tuple[int, dict]:
    """Return the exit status and the answer of `testbed diagnose`."""
    done = stack.run(["diagnose", "--json", *words], check=False)
    return done.returncode, json.loads(done.stdout)


def told_by_monitor(stack: Stack) -> Finding:
    """Return the first finding that the monitor tells."""
    return Finding.from_json(stack.client().get("health/")["findings"][0])


def test_a_healthy_installation_has_no_finding_and_each_trouble_of_a_process_has_its_own(
    installation,
):
    installation.start(agents=True)
    assert codes(installation) == []
    wait_until(lambda: diagnosis(installation)[0] == 0)
    assert "All is well" in installation.run("status").stdout
    assert {told.get("status") for told in status(installation)["services"].values()} == {"ok"}

    killed = installation.kill("ingest")
    wait_until(lambda: installation.pid("ingest") not in (0, killed))
    (died,) = once(installation, FindingCode.PROCESS_DIED)
    assert died.subject.id == "ingest"
    assert died.fact("how") == "terminated by SIGKILL"

    installation.services.stop("ingest", "mcp")
    ingest, mcp = once(installation, FindingCode.INGEST_AWAY, FindingCode.MCP_AWAY)
    assert ingest.remedy is Remedy.START_SERVICES
    assert ingest.target == {"service": "ingest"}
    assert ingest.fact("stopped_in_order") is True
    assert ingest.since is not None
    assert mcp.subject.id == "mcp"

    installation.run("stop-agents data")
    assert codes(installation) == [FindingCode.INGEST_AWAY, FindingCode.MCP_AWAY]
    end = last_end_of(installation.settings, "data-agent")
    assert end is not None
    assert end.orderly

    status_, told = diagnosis(installation)
    assert status_ == 1
    assert {one["code"] for one in told["findings"]} >= {"ingest_away", "mcp_away"}

    installation.stop()
    away = status(installation)
    assert (away["healthy"], away["executions"]) == (False, [])
    assert away["findings"][0]["code"] == "monitor_away"
    assert installation.run("status", check=False).returncode == 1
    status_, told = diagnosis(installation)
    assert (status_, told["findings"][0]["code"]) == (1, "monitor_away")
    first, *rest = process_findings(installation.settings)
    assert first.code is FindingCode.MONITOR_AWAY
    assert first.fact("stopped_in_order") is True
    assert {one.symptom_of for one in rest} == {first.code}
    assert len(rest) == len(services_of(installation.settings)) - 1

    installation.run("start-local")
    assert codes(installation) == []


def test_a_stranger_on_the_port_of_the_mcp_server(installation):
    installation.start()
    installation.services.stop("mcp")
    port = installation.settings.swf_mcp_port
    with stranger_listening(port) as stranger:
        taken, away = process_findings(installation.settings)
        assert (taken.code, away.code) == (FindingCode.PORT_TAKEN, FindingCode.MCP_AWAY)

        installation.services.start("mcp")  # as supervisorctl does, which looks at no port

        def restarting():
            found = {one.code: one for one in process_findings(installation.settings)}
            return found if FindingCode.PROCESS_RESTARTING in found else None

        found = wait_until(restarting)
        taken = found[FindingCode.PORT_TAKEN]
        assert next(iter(found)) is FindingCode.PORT_TAKEN
        assert taken.subject.id == "mcp"
        assert (taken.fact("port"), taken.fact("pid")) == (port, stranger)
        assert taken.remedy is Remedy.FREE_PORT
        assert found[FindingCode.PROCESS_RESTARTING].symptom_of is FindingCode.PORT_TAKEN

        seen = status(installation)
        assert seen["services"]["mcp"]["status"] == "error"
        assert seen["findings"][0]["code"] == "port_taken"
        local = installation.run("status-local", check=False)
        assert local.returncode == 1
        assert f"port {port} (SWF_MCP_PORT) is taken by another program" in local.stdout
        # The check of the port met the same trouble: it is told once, as the finding says it.
        doctor = installation.run("doctor --json", check=False)
        assert doctor.returncode == 1
        report = json.loads(doctor.stdout)
        checks = {check["what"]: check for check in report["checks"]}
        assert checks[f"port {port}"]["status"] == "error"
        assert checks[f"port {port}"]["detail"] == sentence(told_by_monitor(installation))
        assert "port_taken" not in [one["code"] for one in report["findings"]]
        diagnosis = installation.run("diagnose", check=False)
        assert diagnosis.returncode == 1
        assert sentence(told_by_monitor(installation)) in diagnosis.stdout
        wait_until(lambda: installation.services.process("mcp").up)
        started = installation.run("start-local", check=False)
        assert started.returncode == 1
        assert f"port {port} (SWF_MCP_PORT) is taken by another program" in started.stderr

    installation.services.stop("mcp")
    installation.run("start-local")
    assert codes(installation) == []


def test_processes_whose_supervisords_were_killed(installation):
    installation.start(agents=True)
    services = {service.name for service in services_of(installation.settings)}
    kill_supervisord(installation.services)
    kill_supervisord(installation.agents)

    found = {one.subject.id: one for one in once(installation, *[FindingCode.SUPERVISORD_AWAY] * 2)}

    assert found["services"].remedy is Remedy.RESTART_SERVICES
    assert found["services"].fact("programs") == ", ".join(sorted(services))
    assert found["agents"].remedy is Remedy.RESTART_AGENTS
    seen = status(installation)
    assert {told["process"] for told in seen["services"].values() if "process" in told} == {
        "ORPHANED"
    }
    local = installation.run("status-local", check=False)
    assert local.returncode == 1
    assert "without their supervisord" in local.stdout
    assert {told["status"] for told in seen["services"].values() if "process" in told} == {
        "warning"
    }
    doctor = installation.run("doctor --json", check=False)
    checks = {check["what"]: check for check in json.loads(doctor.stdout)["checks"]}
    for killed in ("services", "agents"):
        check = checks[f"supervisord ({killed})"]
        assert check["status"] == "error"
        assert check["detail"] == sentence(found[killed])
    assert not any("taken by another program" in check["detail"] for check in checks.values())

    web = seen["services"]["web"]["pid"]
    os.kill(web, signal.SIGKILL)
    wait_until(lambda: not process_exists(web))
    *away, monitor = process_findings(installation.settings)
    assert [one.code for one in away] == [FindingCode.SUPERVISORD_AWAY] * 2
    assert (monitor.code, monitor.symptom_of) == (
        FindingCode.MONITOR_AWAY,
        FindingCode.SUPERVISORD_AWAY,
    )

    installation.run("start-local")
    installation.run("start-agents")
    assert codes(installation) == []


def test_a_service_that_cannot_live(installation):
    installation.run("init")
    file = installation.home / "supervisord.conf"
    file.write_text(file.read_text().replace("python -m mcp_server", "python -c 'exit(3)'"))
    installation.services.ensure_daemon()
    installation.services.start("mcp")

    def given_up():
        found = {one.code: one for one in process_findings(installation.settings)}
        return found.get(FindingCode.PROCESS_GIVEN_UP)

    finding = wait_until(given_up)

    assert finding.subject.id == "mcp"
    assert finding.fact("how") == "exit status 3"
    assert finding.target == {"program": "mcp"}
