"""What the doctor says about each thing that can be wrong, without services."""

from __future__ import annotations

import json
import socket
import threading
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from orchestrator.cli import main
from orchestrator.doctor import machine
from orchestrator.doctor.broker import check_broker
from orchestrator.doctor.check_result import healthy
from orchestrator.doctor.database import judge_database
from orchestrator.doctor.examination import examine
from orchestrator.doctor.mcp import check_mcp
from orchestrator.doctor.monitor import _check_clock, check_monitor
from swf_common_lib.settings import load_settings
from tests.http_server import serving
from tests.ports import free_ports
from tests.stack import CHECKOUT, COPIED

GOOD_DATABASE = {
    "kind": "postgresql",
    "version": "15.4",
    "missing_migrations": [],
    "write_error": "",
}
NOW = datetime(2026, 3, 1, 12, 0, 0, 600_000, tzinfo=timezone.utc)


@pytest.fixture
def home(tmp_path):
    """A checkout that was initialised, without services."""
    for name in COPIED:
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    (tmp_path / "testbed.toml").write_text('[testbed]\nnamespace = "n"\n')
    for folder in (tmp_path / ".testbed", tmp_path / ".testbed/logs"):
        folder.mkdir(mode=0o700)
    return tmp_path


def settings_of(home, **environment):
    return load_settings(home, {name: str(value) for name, value in environment.items()})


def only(results):
    (result,) = results
    return result


def test_an_old_python_is_an_error_and_a_new_one_a_warning():
    assert only(machine.check_python((3, 9))).status == "error"
    assert only(machine.check_python((3, 13))).status == "ok"
    assert only(machine.check_python((3, 14))).status == "warning"


def test_every_wrong_setting_is_told_and_nothing_else_is_tried(home):
    environment = {"SWF_WEB_PORT": "no", "SWF_BROKER": "kafka", "SWF_PUBLIC_URL": "ftp://x"}
    results = [f for f in examine(home, environment) if f.what != "python"]
    assert {result.what for result in results} == {"settings"}
    assert len(results) == 3
    assert not healthy(results)


def test_the_command_works_with_wrong_settings(home, monkeypatch, capsys):
    monkeypatch.setenv("ACTIVEMQ_PORT", "99999")
    assert main(["--home", str(home), "doctor", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["healthy"] is False
    assert "99999 is not a port" in report["checks"][-1]["detail"]


def test_files_that_others_may_read(home):
    settings = settings_of(home)
    assert only(machine.check_files(settings)).status == "ok"
    settings.token_file.write_text("secret")
    settings.token_file.chmod(0o644)
    settings.log_dir.chmod(0o755)
    remedies = [result.remedy for result in machine.check_files(settings)]
    assert f"chmod 600 {settings.token_file}" in remedies
    assert f"chmod 700 {settings.log_dir}" in remedies


def test_a_runtime_folder_that_another_user_may_pass_through_is_good(home):
    settings = settings_of(home)
    settings.swf_runtime_dir.chmod(0o711)
    assert only(machine.check_files(settings)).status == "ok"


def test_no_runtime_folder(home):
    result = only(machine.check_files(settings_of(home, SWF_RUNTIME_DIR=home / "none")))
    assert (result.status, result.remedy) == ("error", "Run `testbed init`.")


def test_a_port_that_somebody_else_has(home):
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen(1)
        port = squatter.getsockname()[1]
        broker, mcp = free_ports(2)
        settings = settings_of(home, SWF_WEB_PORT=port, SWF_MCP_PORT=mcp, ACTIVEMQ_PORT=broker)
        wrong = only(f for f in machine.check_ports(settings) if f.status != "ok")
    assert wrong.what == f"port {port}"
    assert "--new-ports" in wrong.remedy


def test_faults_of_testbed_toml(home):
    settings = settings_of(home)
    assert only(machine.check_testbed_file(settings)).status == "ok"
    settings.swf_testbed_config.write_text(
        '[testbed]\nnamespace = "n"\n[agents.x]\nenabled = true\nscript = "agents/none.py"\n'
    )
    assert "agents/none.py" in only(machine.check_testbed_file(settings)).detail


def test_supervisords_that_do_not_run_are_warnings(home):
    settings = settings_of(home)
    results = [*machine.check_services(settings), *machine.check_programs(settings)]
    assert [result.status for result in results] == ["warning", "warning"]


def test_little_disk_space(home, monkeypatch):
    settings = settings_of(home)
    assert only(machine.check_disk(settings)).what == "disk"
    monkeypatch.setattr(machine, "NO_SPACE", 2**62)
    assert only(machine.check_disk(settings)).status == "error"


def test_no_broker(home):
    (port,) = free_ports(1)
    result = only(check_broker(settings_of(home, ACTIVEMQ_PORT=port)))
    assert result.status == "error"
    assert f"127.0.0.1:{port}" in result.detail


def test_a_broker_that_says_nothing(home, monkeypatch):
    monkeypatch.setattr("swf_common_lib.messaging.link.CONNECT_TIMEOUT", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(4)
        result = only(check_broker(settings_of(home, ACTIVEMQ_PORT=mute.getsockname()[1])))
    assert result.status == "error"


def test_a_broker_without_heart_beats_that_loses_messages(home, monkeypatch):
    monkeypatch.setattr("orchestrator.doctor.broker.ANSWER_TIMEOUT", 0.5)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4)
        thread = threading.Thread(target=_careless_broker, args=(listener,))
        thread.start()
        settings = settings_of(home, ACTIVEMQ_PORT=listener.getsockname()[1])
        found = {result.what: result for result in check_broker(settings)}
        thread.join()
    assert found["broker"].status == "ok"
    assert (found["heart-beat"].status, found["message"].status) == ("warning", "error")


def _careless_broker(listener):
    """Accept logins and messages over two connections (the first only tries the port)."""
    listener.accept()[0].close()
    connection, _ = listener.accept()
    with connection:
        while data := connection.recv(65536):
            for frame in data.decode().split("\0"):
                if frame.strip().startswith(("CONNECT", "STOMP")):
                    connection.sendall(b"CONNECTED\nversion:1.2\nserver:Careless/1\n\n\0")
                elif "receipt:" in frame:
                    receipt = frame.partition("receipt:")[2].partition("\n")[0]
                    connection.sendall(f"RECEIPT\nreceipt-id:{receipt}\n\n\0".encode())


def test_what_the_database_may_lack():
    assert [f.status for f in judge_database(GOOD_DATABASE)] == ["ok", "ok"]
    for change, what in (
        ({"version": "12.1"}, "too old"),
        ({"missing_migrations": ["records.0009_x"]}, "records.0009_x"),
        ({"write_error": "attempt to write a readonly database"}, "readonly"),
    ):
        wrong = only(f for f in judge_database({**GOOD_DATABASE, **change}) if f.status != "ok")
        assert (wrong.status, what in wrong.detail) == ("error", True)


@pytest.mark.parametrize(
    ("skew", "status"), [(0.0, "ok"), (1.4, "ok"), (-5, "warning"), (5, "warning"), (90, "error")]
)
def test_clocks_that_differ(skew, status):
    there = format_datetime((NOW + timedelta(seconds=skew)).replace(microsecond=0), usegmt=True)
    assert only(_check_clock({"date": there}, NOW)).status == status


def test_no_date_to_compare():
    assert only(_check_clock({}, NOW)).status == "warning"


@pytest.mark.parametrize(
    ("status", "body", "what", "part"),
    [
        (401, {"detail": "the token is unknown"}, "token", "the token is unknown"),
        (503, {"detail": "the database is away"}, "monitor", "the database is away"),
        (400, b"<h1>Bad Request (400)</h1>", "monitor", "host name"),
        (200, b"<html>", "monitor", "not JSON"),
    ],
)
def test_a_monitor_that_refuses(home, status, body, what, part):
    with serving(lambda *_: (status, body)) as url:
        settings = settings_of(home, SWF_MONITOR_URL=url, SWF_API_TOKEN="t")
        wrong = only(f for f in check_monitor(settings) if f.status != "ok")
    assert (wrong.what, part in wrong.detail) == (what, True)


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [(401, {}, "refuses the token"), (404, {}, "404"), (200, {"result": {}}, "not as an MCP")],
)
def test_an_mcp_server_that_is_none(home, status, body, part):
    with serving(lambda *_: (status, body)) as url:
        result = only(check_mcp(settings_of(home, SWF_MCP_URL=f"{url}/mcp")))
    assert (result.status, part in result.detail) == ("error", True)
