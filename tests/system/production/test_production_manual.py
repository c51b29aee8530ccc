"""docs/production.md is followed to the letter, on two hosts, and what it promises is tried.

The tests are in the order of the manual: each finds what those before it have done.
"""

from __future__ import annotations

import json

import pytest

from tests.system.production.facility import AGENTS, CERTIFICATES, HOME, PUBLIC, Facility, commit
from tests.system.production.programs import ASSISTANT, BROWSER
from tests.waiting import wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

AUTHORITY = f"{CERTIFICATES}/ca.pem"
STRANGER = (
    "cd; openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    " -subj /CN=stranger -keyout stranger.key -out stranger.pem"
)
MIGRATION = """
from django.db import migrations

class Migration(migrations.Migration):
    dependencies = [("records", {last!r})]
    operations = [migrations.RunSQL("CREATE TABLE of_the_next_version (id integer)")]
"""


def program(facility: Facility, code: str, *arguments: str) -> str:
    """Run a Python program on the host of agents and return its output."""
    words = " ".join(arguments)
    script = f"cat > program.py <<'END'\n{code}\nEND\n{HOME}/.venv/bin/python program.py {words}"
    return facility.agents.run(script, "swf").stdout


def test_a_run_on_another_host_is_recorded(facility):
    # It warns of a message that took long, as on a slow machine one may.
    wait_until(
        lambda: (
            "All 19 checks are good." in facility.testbed(facility.agents, "doctor", check=False)
        )
    )

    (execution,) = facility.rest("workflow-executions/")
    assert execution["status"] == "completed"
    assert execution["execution_environment"]["host"] == AGENTS
    found = facility.rest(f"workflow-executions/{execution['execution_id']}/")
    assert found["statistics"]["slices"]["created"] == 75
    assert found["statistics"]["slices"]["completed"] == 75
    # What the agents say there is recorded here; without their token it would be refused.
    runner = execution["runner"]
    wait_until(lambda: facility.rest(f"logs/?instance_name={runner}"))


def test_supervisorctl_shows_what_runs_on_each_host(facility):
    # Packages are not installed anew here, and so their commands are not there either.
    show = f"cd {HOME}; .venv/bin/python -m supervisor.supervisorctl -c %s status"
    services = facility.monitor.run(show % "supervisord.conf", "swf").stdout
    agents = facility.agents.run(show % "agents.supervisord.conf", "swf").stdout
    assert services.count("RUNNING") == 5, services
    assert agents.count("RUNNING") == 6, agents


def test_browser_and_assistant_reach_it_through_the_proxy(facility):
    link = facility.testbed(facility.agents, "login").strip()
    assert link.startswith(f"{PUBLIC}/login/")
    seen = json.loads(program(facility, BROWSER, link, AUTHORITY))

    assert seen["status"] == 302, seen["page"]
    assert seen["insecure cookies"] == []
    status, text = seen["foreign"]
    assert status == 400
    assert "evil.example.org" in text
    assert "SWF_PUBLIC_URL" in text

    execution_id = seen["location"].split("/")[2]
    token = f"$(cat {HOME}/.testbed/token)"
    wait_until(
        lambda: facility.rest(f"workflow-executions/{execution_id}/")["status"] == "completed"
    )
    told = json.loads(program(facility, ASSISTANT, f"{PUBLIC}/mcp", token, AUTHORITY, execution_id))
    assert told["found"]["status"] == "completed"
    assert told["foreign"] == 421


@pytest.mark.parametrize(
    ("environment", "what", "detail", "remedy"),
    [
        (
            {"ACTIVEMQ_PASSWORD": "wrong", "SWF_API_TOKEN": "swf_wrong"},
            ("broker", "token"),
            ("password is invalid", "the token is unknown"),
            ("ACTIVEMQ_PASSWORD", "testbed token create"),
        ),
        (
            {
                "ACTIVEMQ_SSL_CERT_FILE": "~/stranger.pem",
                "ACTIVEMQ_SSL_KEY_FILE": "~/stranger.key",
                "SWF_MONITOR_CA_CERTS": "~/stranger.pem",
            },
            ("broker", "monitor"),
            ("does it trust the certificate", "unable to get local issuer certificate"),
            ("SWF_BROKER_TRUSTSTORE", "SWF_MONITOR_CA_CERTS"),
        ),
        (
            {
                "ACTIVEMQ_SSL_CA_CERTS": "~/stranger.pem",
                "SWF_MONITOR_URL": "https://monitor.example.org:81",
            },
            ("broker", "monitor"),
            ("certificate verify failed", "Connection refused"),
            ("ACTIVEMQ_SSL_CA_CERTS", "SWF_MONITOR_URL"),
        ),
    ],
)
def test_doctor_on_the_host_of_agents(facility, environment, what, detail, remedy):
    facility.agents.run(STRANGER, "swf")
    errors = facility.errors(facility.agents, **environment)

    assert set(errors) == set(what)
    for name, said, advised in zip(what, detail, remedy, strict=True):
        assert said in errors[name]["detail"]
        assert advised in errors[name]["remedy"]


@pytest.mark.parametrize(
    ("old", "new", "detail", "remedy"),
    [
        ("testbed:", "testbed:not", "password authentication failed", "Correct SWF_DATABASE_URL"),
        (":5433", ":5999", "does not answer", "Start PostgreSQL"),
    ],
)
def test_doctor_on_the_host_of_the_monitor_which_is_down(facility, old, new, detail, remedy):
    url = facility.setting("SWF_DATABASE_URL").replace(old, new)
    errors = facility.errors(
        facility.monitor, SWF_DATABASE_URL=url, SWF_MONITOR_URL="http://127.0.0.1:1"
    )

    assert set(errors) == {"database", "monitor"}
    assert detail in errors["database"]["detail"]
    assert remedy in errors["database"]["remedy"]


def test_doctor_sees_from_afar_that_the_database_takes_nothing(facility):
    facility.sql("REVOKE INSERT ON ALL TABLES IN SCHEMA public FROM testbed")
    try:
        errors = facility.errors(facility.agents)
    finally:
        facility.sql("GRANT INSERT ON ALL TABLES IN SCHEMA public TO testbed")

    assert "permission denied" in errors["tables"]["detail"]
    assert "rights" in errors["tables"]["remedy"]


def test_a_second_user_has_a_namespace_on_the_same_broker(facility):
    facility.follow("Several users")

    (execution,) = facility.rest("workflow-executions/?namespace=ann")
    assert execution["status"] == "completed"
    assert execution["executed_by"] == "ann"
    messages = facility.rest("workflow-messages/?namespace=ann")
    assert {message["execution_id"] for message in messages} == {execution["execution_id"]}
    # Runners take any execution; agents act on messages of their own namespace alone.
    senders = {message["sender_agent"] for message in messages}
    others = {name for name in senders if "-ann-" not in name}
    assert all(name.startswith("workflow_runner-") for name in others), others
    assert len(senders) > 3


def test_tokens_are_made_and_revoked(facility):
    said = facility.follow("Tokens")
    assert "shifter: revoked" in said


def test_restore_ends_an_execution_that_has_no_runner_any_more(facility):
    dump, restore = facility.administrator.steps("Backup and restore")
    started = facility.testbed(facility.agents, "run fast_processing --realtime --stf-count 1000")
    execution_id = started.split()[0]
    address = f"workflow-executions/{execution_id}/"
    wait_until(lambda: facility.rest(address)["status"] == "running")

    facility.administrator.do(dump)
    facility.testbed(facility.agents, f"stop-workflow {execution_id}")
    wait_until(lambda: facility.rest(address)["status"] == "terminated")
    facility.administrator.do(restore)

    wait_until(lambda: facility.rest(address)["status"] != "running")
    found = facility.rest(address)
    assert found["status"] == "failed"
    assert "runner" in found["status_reason"] + found["error_message"]


def test_upgrade(facility):
    migrations = facility.repository / "monitor/records/migrations"
    last = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "9999_next_version.py").write_text(MIGRATION.format(last=last))
    commit(facility.repository, "The next version")

    facility.follow("Upgrade")

    assert facility.sql("SELECT count(*) FROM of_the_next_version") == "0"
    done = facility.testbed(facility.agents, "run fast_processing --stf-count 1 --wait")
    assert "15 made, 15 done" in done
