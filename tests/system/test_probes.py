"""What other programs ask a whole installation: whether it is ready, and its figures."""

from __future__ import annotations

import os
import signal

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as parsed

from orchestrator.process_health import process_findings
from tests.stack import Stack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def problems(stack: Stack) -> dict[str, str]:
    """Return why it is not ready, by part."""
    answer = requests.get(f"{stack.settings.swf_monitor_url}/readyz", timeout=PATIENCE)
    told = answer.json()
    found = {name: check["problem"] for name, check in told["checks"].items() if not check["ready"]}
    assert answer.status_code == (503 if found else 200)
    assert told["ready"] is not bool(found)
    return found


def figures(stack: Stack) -> Figures:
    answer = requests.get(
        f"{stack.settings.swf_monitor_url}/metrics",
        headers={"Authorization": f"Bearer {stack.settings.swf_api_token}"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parsed(answer.text)
        for sample in family.samples
    }


def test_an_installation_after_a_run(installation):
    installation.start(agents=True)
    wait_until(lambda: problems(installation) == {})
    for url in (installation.settings.swf_monitor_url, installation.settings.swf_mcp_url[:-4]):
        assert requests.get(f"{url}/healthz", timeout=PATIENCE).text == "ok\n"
    installation.run("run fast_processing --speed 0 --stf-count 2 --wait")

    newest = installation.client().get("workflow-messages/", limit=1)
    found = figures(installation)

    def figure(name: str, **labels: str) -> float:
        return found[name, tuple(sorted(labels.items()))]

    assert figure("swf_executions", status="completed") == 1
    assert figure("swf_runs", phase="completed") == 1
    assert figure("swf_slices", status="completed") == 30
    assert figure("swf_slices", status="queued") == 0
    assert figure("swf_messages_recorded_total") >= newest[0]["id"]
    assert figure("swf_ingest_up") == 1
    assert figure("swf_ingest_lag_seconds") >= 0
    assert figure("swf_queue_consumers", queue="/queue/workflow_control") >= 1
    assert figure("swf_queue_messages_waiting", queue="/queue/panda.transformer.slices") == 0
    assert figure("swf_agents", agent_type="workflow_runner", liveness="alive") == 1
    assert figure("swf_database_up") == 1
    assert figure("swf_findings", code="ingest_away") == 0

    installation.services.stop("ingest")
    wait_until(lambda: problems(installation) == {"ingest": "it has ended"})
    wait_until(lambda: figures(installation)["swf_findings", (("code", "ingest_away"),)] == 1)
    installation.services.stop("broker")
    wait_until(lambda: set(problems(installation)) == {"broker", "ingest"})
    assert figures(installation)["swf_queues_known", ()] == 0
    installation.run("start-local")
    wait_until(lambda: problems(installation) == {})


def test_an_ingest_that_is_killed_or_stands_still_is_told(installation):
    installation.start()
    wait_until(lambda: problems(installation) == {})
    pid = installation.pid("ingest")
    os.kill(pid, signal.SIGSTOP)
    try:
        told = wait_until(lambda: problems(installation))
        assert told["ingest"].startswith("it has not reported for")
        assert figures(installation)["swf_ingest_up", ()] == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: problems(installation) == {})


def test_a_database_that_is_away(facility):
    with facility.settings.settings_file.open("a") as file:
        file.write('SWF_METRICS_NETWORKS = "127.0.0.0/8"\n')
    facility.run("start-local")
    wait_until(lambda: problems(facility) == {})
    address = facility.settings.swf_monitor_url
    # Java's broker, and a PostgreSQL that root runs as another user, are nobody's strangers.
    assert process_findings(facility.settings) == []

    facility.services.stop("postgres")

    told = wait_until(lambda: problems(facility))
    assert told["database"] == "the database does not answer"
    assert told["ingest"] == "unknown: the database does not answer"
    assert requests.get(f"{address}/healthz", timeout=PATIENCE).status_code == 200
    answer = requests.get(f"{address}/metrics", timeout=PATIENCE)
    assert answer.status_code == 200
    assert "swf_database_up 0.0" in answer.text
    assert "swf_executions" not in answer.text
    assert 'swf_findings{code="database_away"} 1.0' in answer.text
    facility.services.start("postgres")
    wait_until(lambda: problems(facility) == {})
