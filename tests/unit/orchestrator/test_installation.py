from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import installation, ports
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import load_settings

NO_OUTPUT = subprocess.CompletedProcess([], 0, "", "")


@pytest.fixture
def settings(tmp_path, monkeypatch):
    for name in ("SWF_HOME", "SWF_RUNTIME_DIR", "SWF_TESTBED_CONFIG", *ports.FIRST_CHOICE):
        monkeypatch.delenv(name, raising=False)
    # The database is the monitor's; tests/system initialises whole installations.
    monkeypatch.setattr(installation, "_prepare_database", lambda settings: [])
    return load_settings(tmp_path, {})


def test_folders_and_settings_are_for_the_owner_alone(settings):
    installation.prepare(settings)

    assert settings.swf_runtime_dir.stat().st_mode & 0o777 == 0o700
    assert settings.log_dir.stat().st_mode & 0o777 == 0o700
    assert settings.settings_file.stat().st_mode & 0o777 == 0o600


def test_secrets_are_long_and_each_installations_own(settings, tmp_path):
    first = installation.prepare(settings).settings
    second = installation.prepare(load_settings(tmp_path / "other", {})).settings

    assert len(first.activemq_password) > 20
    assert len(first.swf_secret_key) > 40
    assert first.activemq_password != second.activemq_password
    assert first.swf_secret_key != second.swf_secret_key


def test_a_second_time_changes_nothing_and_says_nothing(settings):
    assert installation.prepare(settings).done
    before = settings.settings_file.read_bytes()

    assert installation.prepare(load_settings(settings.swf_home, {})).done == []
    assert settings.settings_file.read_bytes() == before


def test_ports_that_are_taken_are_stepped_over(settings, monkeypatch):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        taken = server.getsockname()[1]
        monkeypatch.setitem(ports.FIRST_CHOICE, "SWF_WEB_PORT", taken)

        chosen = installation.prepare(settings).settings.swf_web_port

    assert chosen > taken


def test_new_ports_replace_the_stored_ones_and_keep_the_secrets(settings, monkeypatch):
    first = installation.prepare(settings).settings
    monkeypatch.setitem(ports.FIRST_CHOICE, "SWF_MCP_PORT", first.swf_mcp_port + 1)

    second = installation.prepare(first, new_ports=True).settings

    assert second.swf_mcp_port != first.swf_mcp_port
    assert second.activemq_password == first.activemq_password


def test_a_port_of_the_environment_is_kept_as_it_is(settings, monkeypatch):
    monkeypatch.setenv("SWF_WEB_PORT", "45678")

    installation.prepare(load_settings(settings.swf_home))

    assert tomli.loads(settings.settings_file.read_text())["SWF_WEB_PORT"] == 45678


def test_with_an_external_broker_no_password_is_made_up(settings, monkeypatch):
    monkeypatch.setenv("SWF_BROKER", "external")

    installation.prepare(load_settings(settings.swf_home))

    stored = tomli.loads(settings.settings_file.read_text())
    assert "ACTIVEMQ_PASSWORD" not in stored
    assert "ACTIVEMQ_PORT" not in stored


def test_the_testbed_toml_it_writes_is_good_and_never_overwritten(settings):
    installation.prepare(settings)
    testbed = load_testbed_file(settings.swf_testbed_config)
    assert testbed.namespace
    assert testbed.workflow.config == "fast_processing_default"

    settings.swf_testbed_config.write_text("mine")
    installation.prepare(settings)
    assert settings.swf_testbed_config.read_text() == "mine"


def test_a_user_name_that_is_no_namespace_still_gives_one(settings, monkeypatch):
    monkeypatch.setattr(installation.getpass, "getuser", lambda: "Ω\\ü$")

    installation.prepare(settings)

    assert load_testbed_file(settings.swf_testbed_config).namespace == "testbed"


def test_without_init_the_error_says_what_to_do(settings):
    with pytest.raises(ConfigurationError, match="not initialised") as caught:
        installation.require_prepared(settings)
    assert "testbed init" in caught.value.hint


def test_a_database_that_cannot_be_prepared_is_told(tmp_path, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback...\nOperationalError: disk full\n")
    monkeypatch.setattr(installation.subprocess, "run", lambda *_, **__: failed)

    with pytest.raises(installation.SetupFailed, match="disk full"):
        installation._prepare_database(load_settings(tmp_path, {}))


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,12}", fullmatch=True),
        st.text() | st.booleans() | st.integers(-(2**62), 2**62),
        max_size=6,
    )
)
def test_settings_survive_being_written(values):
    assert tomli.loads(installation._toml(values)) == values


def test_the_interpreter_is_the_one_that_runs_us(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        installation.subprocess, "run", lambda command, **_: seen.append(command) or NO_OUTPUT
    )

    installation._prepare_database(load_settings(tmp_path, {}))

    assert seen == [[sys.executable, "-m", "monitor", "initialise"]]


def test_a_host_of_agents_gets_folders_and_no_secrets(settings):
    settings.swf_runtime_dir.mkdir()
    text = 'SWF_SERVICES = "elsewhere"\nSWF_BROKER = "external"\n'
    settings.settings_file.write_text(text)
    prepared = installation.prepare(load_settings(settings.swf_home, {}))

    assert settings.settings_file.read_text() == text
    assert settings.log_dir.is_dir()
    assert prepared.settings.swf_services == "elsewhere"
    assert not settings.database_file.exists()


def test_a_local_database_keeps_its_password_at_a_new_port(monkeypatch):
    monkeypatch.setattr(ports, "pick", lambda setting: 5443)
    url = installation._at_new_port("postgresql://testbed:5433@127.0.0.1:5433/testbed")
    assert url == "postgresql://testbed:5433@127.0.0.1:5443/testbed"
