"""Making and bringing up to date the database, from nothing and with data in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from monitor.database import databases
from swf_common_lib.settings import load_settings
from tests.monitor_database import MonitorDatabase
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
MIGRATIONS = ROOT / "monitor/records/migrations"
MESSAGE = (
    "INSERT INTO records_workflowmessage (message_id, message_type, namespace, sender_agent,"
    " execution_id, run_id, destination, sent_at, received_at, content, problem) VALUES (%s,"
    " 'stf_gen', '', '', '', '', '/topic/epictopic', '2026-05-01 12:00:00',"
    " '2026-05-01 12:00:00', '{}', '')"
)

DEFINITION = (
    "INSERT INTO records_workflowdefinition (id, workflow_name, version, workflow_type, definition,"
    " digest, parameter_values, created_by, created_at, updated_at, source) VALUES (1, 'w', '1',"
    " '', '', '', '{}', 'maria', '2026-05-01 12:00:00', '2026-05-01 12:00:00', '{}')"
)
EXECUTION = (
    "INSERT INTO records_workflowexecution (execution_id, namespace, parameter_values, options,"
    " performance_metrics, execution_environment, source, status, created_at, executed_by,"
    " started_through, error_message, stack_trace, status_reason, runner, end_unannounced,"
    " idempotency_key, workflow_definition_id) VALUES (%s, 'n', '{}', '{}', '{}', '{}', '{}',"
    " 'completed', '2026-05-01 12:00:00', 'maria', %s, '', '', '', '', false, %s, 1)"
)


def set_up(
    folder: Path, environ: dict[str, str], *command: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m monitor initialise``, or another command with its arguments."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SWF_")}
    return subprocess.run(
        [sys.executable, "-m", "monitor", *(command or ("initialise",))],
        cwd=ROOT,
        env={**inherited, **environ, "SWF_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_from_nothing_and_again_with_data(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    environ = new_database()
    first = set_up(tmp_path, environ)
    assert first.returncode == 0, first.stderr
    assert "wrote the operator's token" in first.stdout
    database = MonitorDatabase(load_settings(environ={**environ, "SWF_RUNTIME_DIR": str(tmp_path)}))
    database.write("INSERT INTO records_counter (name, value) VALUES (%s, %s)", ("run", 100007))

    again = set_up(tmp_path, environ)

    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert database.ask("SELECT value FROM records_counter WHERE name = 'run'") == [(100007,)]
    assert len(database.ask("SELECT name FROM records_apitoken")) == 1


def test_from_each_earlier_state_with_data(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    steps = sorted(path.stem for path in MIGRATIONS.glob("0*.py"))
    environ = new_database()
    database = MonitorDatabase(load_settings(environ={**environ, "SWF_RUNTIME_DIR": str(tmp_path)}))
    for number, step in enumerate(steps):
        done = set_up(tmp_path, environ, "migrate", "records", step)
        assert done.returncode == 0, done.stderr
        database.write(MESSAGE, (f"m{number}",))

    done = set_up(tmp_path, environ)

    assert done.returncode == 0, done.stderr
    kept = database.ask("SELECT message_id FROM records_workflowmessage ORDER BY id")
    assert kept == [(f"m{number}",) for number in range(len(steps))]


def test_idempotency_keys_go_to_their_users_and_those_of_messages_to_nobody(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    environ = new_database()
    database = MonitorDatabase(load_settings(environ={**environ, "SWF_RUNTIME_DIR": str(tmp_path)}))
    done = set_up(tmp_path, environ, "migrate", "records", "0002")
    assert done.returncode == 0, done.stderr
    database.write(DEFINITION, ())
    for through, key in (("mcp", "k1"), ("message", "k2"), ("web", None)):
        database.write(EXECUTION, (f"e-{through}", through, key))

    done = set_up(tmp_path, environ)

    assert done.returncode == 0, done.stderr
    scopes = dict(
        database.ask("SELECT execution_id, idempotency_scope FROM records_workflowexecution")
    )
    assert scopes == {"e-mcp": "maria", "e-message": "", "e-web": ""}


@pytest.mark.django_db
def test_django_has_nothing_to_object_to() -> None:
    call_command("check", fail_level="WARNING")


@pytest.mark.django_db
def test_the_models_have_no_change_without_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_a_server_that_is_not_there_and_one_that_refuses(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    nobody = set_up(tmp_path, {"SWF_DATABASE_URL": "postgresql://me:s3cr3t@127.0.0.1:1/db"})
    assert nobody.returncode == 1
    assert "does not answer" in nobody.stderr
    assert "Start PostgreSQL" in nobody.stderr
    texts = [nobody.stderr]
    if url := new_database().get("SWF_DATABASE_URL"):
        place = url.rpartition("@")[2]
        refused = set_up(tmp_path, {"SWF_DATABASE_URL": f"postgresql://me:s3cr3t@{place}"})
        assert refused.returncode == 1
        assert "refuses the monitor" in refused.stderr
        texts.append(refused.stderr)
    assert not any("s3cr3t" in text or "Traceback" in text for text in texts)


def test_a_commands_error_is_printed_and_its_status_is_1(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    environ = new_database()
    assert set_up(tmp_path, environ).returncode == 0

    made = set_up(tmp_path, environ, "token", "create", "night shift")
    assert (made.returncode, made.stderr) == (0, "")
    (key,) = made.stdout.splitlines()
    taken = set_up(tmp_path, environ, "token", "create", "night shift")
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr.startswith("error: ")
    assert "Traceback" not in taken.stderr

    listed = set_up(tmp_path, environ, "token", "list").stdout
    assert "night shift  read  made " in listed
    assert key not in listed
    short = set_up(tmp_path, environ, "prune", "--older-than=1h")
    assert (short.returncode, short.stdout) == (1, "")
    assert short.stderr == (
        "error: --older-than 1h: expected an age of a day or more\nWrite it as 30d, 8w or 48h.\n"
    )
    wrong = set_up(tmp_path, environ, "prune")
    assert wrong.returncode == 2
    assert "usage: testbed prune" in wrong.stderr


def test_a_faulty_setting_is_named_by_every_program(tmp_path: Path) -> None:
    for command in ("initialise", "serve", "ingest", "database_check", "serve_mcp"):
        done = set_up(tmp_path, {"SWF_WEB_PORT": "x"}, command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: SWF_WEB_PORT in the environment: 'x' is not")
        assert "Traceback" not in done.stderr


def test_how_the_database_stands_is_told_as_json(
    tmp_path: Path, new_database: Callable[[], dict[str, str]]
) -> None:
    nobody = {"SWF_DATABASE_URL": "postgresql://me:s3cr3t@127.0.0.1:1/db"}
    told = json.loads(set_up(tmp_path, nobody, "database_check").stdout)
    assert "does not answer" in told["problem"]
    assert "Start PostgreSQL" in told["remedy"]
    environ = new_database()
    assert set_up(tmp_path, environ).returncode == 0
    told = json.loads(set_up(tmp_path, environ, "database_check").stdout)
    assert (told["missing_migrations"], told["write_error"]) == ([], "")


def test_connections_are_pooled_and_checked(tmp_path: Path) -> None:
    url = "postgresql://me:secret@db.host:6543/monitor?sslmode=verify-full"
    made = databases(load_settings(tmp_path, {"SWF_DATABASE_URL": url}))["default"]
    assert (made["HOST"], made["PORT"], made["NAME"]) == ("db.host", "6543", "monitor")
    assert made["OPTIONS"]["sslmode"] == "verify-full"
    assert made["OPTIONS"]["pool"]
    assert made["CONN_HEALTH_CHECKS"]
