"""Settings: environment before file before default; a wrong one is named."""

from __future__ import annotations

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
        "SWF_BROKER: 'x'",
    ):
        assert expected in text


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
