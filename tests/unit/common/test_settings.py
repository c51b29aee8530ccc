"""Settings: environment before file before default; a wrong one is named."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import load_settings


def test_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.swf_monitor_url == "http://127.0.0.1:8002"
    assert settings.swf_monitor_http_url == settings.swf_monitor_url
    assert settings.swf_runtime_dir == tmp_path / ".testbed"
    assert settings.swf_testbed_config == tmp_path / "testbed.toml"
    assert settings.swf_api_token == ""


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed/settings.toml").write_text(
        'SWF_WEB_PORT = 9000\nACTIVEMQ_PORT = 9001\nACTIVEMQ_USER = "from-file"\n'
    )
    (tmp_path / ".testbed/token").write_text("secret\n")
    settings = load_settings(tmp_path, {"ACTIVEMQ_PORT": "9002", "ACTIVEMQ_USE_SSL": "true"})
    assert settings.swf_monitor_url == "http://127.0.0.1:9000"
    assert (settings.activemq_port, settings.activemq_user) == (9002, "from-file")
    assert settings.activemq_use_ssl is True
    assert settings.swf_api_token == "secret"


def test_trailing_slash_of_a_url_does_not_matter(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"SWF_MONITOR_URL": "http://host:1/"})
    assert settings.swf_monitor_url == "http://host:1"


def test_every_wrong_setting_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed/settings.toml").write_text('SWF_WEB_PORT = "no"\nSWF_WEB_PROT = 1\n')
    environment = {"ACTIVEMQ_PORT": "70000", "ACTIVEMQ_USE_SSL": "maybe", "SWF_BROKER": "x"}
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path, environment)
    text = "\n".join(caught.value.problems)
    for expected in (
        "SWF_WEB_PROT is not a setting",
        "SWF_WEB_PORT in",
        "ACTIVEMQ_PORT in the environment: 70000",
        "ACTIVEMQ_USE_SSL in the environment: 'maybe'",
        "SWF_BROKER in the environment: 'x' is not 'embedded', 'activemq' or 'external'",
    ):
        assert expected in text


def test_no_secret_is_in_what_is_shown_or_refused(tmp_path: Path) -> None:
    secrets = {
        "SWF_API_TOKEN": "t0ken-value",
        "SWF_BROKER_STORE_PASSWORD": "store-value",
        "SWF_DATABASE_URL": "postgresql://me:database-value@host/name",
        "SWF_SECRET_KEY": "signing-value",
        "ACTIVEMQ_PASSWORD": "broker-value",
    }
    assert "-value" not in repr(load_settings(tmp_path, secrets))
    (tmp_path / ".testbed").mkdir()
    text = "".join(f"{name} = ['{value}']\n" for name, value in secrets.items())
    (tmp_path / ".testbed/settings.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path, {})
    assert len(caught.value.problems) == len(secrets)
    told = "".join(traceback.format_exception(caught.value))
    assert "-value" not in told


def test_what_one_writes_for_a_setting_of_each_kind(tmp_path: Path) -> None:
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed/settings.toml").write_text(
        "ACTIVEMQ_PASSWORD = 12345\nACTIVEMQ_USE_SSL = ''\nSWF_PENDING_TIMEOUT = 5\n"
        "SWF_WEB_PORT = '9000'\nSWF_LOG_NETWORKS = ''\nSWF_HOME = '/elsewhere'\n"
    )
    settings = load_settings(tmp_path, {"SWF_WEB_PORT": "", "swf_mcp_port": "1"})
    assert settings.activemq_password == "12345"
    assert settings.activemq_use_ssl is False
    assert settings.swf_pending_timeout == 5.0
    assert (settings.swf_web_port, settings.swf_mcp_port) == (9000, 8001)
    assert settings.swf_log_networks == ""
    assert settings.swf_home == tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("SWF_WEB_PORT = true", "'True' is not a whole number"),
        ("SWF_WEB_PORT = 0", "0 is not a port (1 to 65535)"),
        ("SWF_PENDING_TIMEOUT = 'soon'", "'soon' is not a number of seconds"),
        ("SWF_PENDING_TIMEOUT = nan", "is not a positive number of seconds"),
        ("SWF_PENDING_TIMEOUT = 0", "0 is not a positive number of seconds"),
        ("SWF_PENDING_TIMEOUT = 1e9", "is not a positive number of seconds"),
        ("SWF_HEARTBEAT_INTERVAL = 3600", "is not a positive number of seconds below 3600"),
        ("SWF_BROKER = 1", "1 is not 'embedded', 'activemq' or 'external'"),
        ("ACTIVEMQ_USE_SSL = 2", "2 is not a truth value (true or false)"),
    ],
)
def test_values_that_are_refused_in_our_words(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed/settings.toml").write_text(line)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(tmp_path, {})
    (problem,) = caught.value.problems
    name = line.partition(" ")[0]
    assert problem.startswith(f"{name} in {tmp_path}/.testbed/settings.toml: ")
    assert said in problem


def test_file_that_is_not_toml(tmp_path: Path) -> None:
    (tmp_path / ".testbed").mkdir()
    (tmp_path / ".testbed/settings.toml").write_text("a = = 1")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_settings(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SWF_LISTEN", "eth0"),
        ("SWF_SERVICES", "docker"),
        ("SWF_DATABASE_SERVER", "mysql"),
        ("SWF_DATABASE_SERVER", "local"),  # without SWF_DATABASE_URL
        ("SWF_PUBLIC_URL", "testbed.example.org"),
        ("SWF_PUBLIC_URL", "https://testbed.example.org/monitor"),
        ("SWF_MCP_URL", "http://host:port/mcp"),
        ("SWF_ALLOWED_HOSTS", "good.example.org, https://bad.example.org"),
        ("SWF_ALLOWED_HOSTS", "*"),
        ("ACTIVEMQ_HEARTBEAT_TOPIC", "heartbeat"),
    ],
)
def test_addresses_that_cannot_be(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load_settings(tmp_path, {name: value})


def test_names_under_which_requests_are_taken(tmp_path: Path) -> None:
    environment = {
        "SWF_PUBLIC_URL": "https://Testbed.example.org:8443/",
        "SWF_ALLOWED_HOSTS": "web, mcp,",
    }
    settings = load_settings(tmp_path, environment)
    assert settings.public_url == "https://Testbed.example.org:8443"
    assert settings.host_names == ["mcp", "testbed.example.org", "web"]
    assert load_settings(tmp_path, {}).public_url == "http://127.0.0.1:8002"
