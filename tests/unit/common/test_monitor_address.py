"""What a host needs to know of a monitor elsewhere: its authority, and who gets the token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from swf_common_lib.errors import ConfigurationError
from swf_common_lib.monitor_client import MonitorClient
from swf_common_lib.settings import load_settings

MONITOR = "https://monitor.example.org"


def test_certificates_are_checked_against_the_authority_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/of-everybody.pem")

    def trusted(environment: dict[str, str]) -> Any:
        session = MonitorClient.from_settings(load_settings(tmp_path, environment)).session
        session.trust_env = True  # as it is for an address of TLS
        return session.merge_environment_settings(MONITOR, {}, None, None, None)["verify"]

    assert trusted({"SWF_MONITOR_CA_CERTS": str(authority)}) == str(authority)
    assert trusted({}) == "/etc/of-everybody.pem"


def test_an_authority_that_is_not_there_is_told(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"SWF_MONITOR_CA_CERTS": str(tmp_path / "ca.pem")})
    with pytest.raises(ConfigurationError, match="SWF_MONITOR_CA_CERTS"):
        MonitorClient.from_settings(settings)


@pytest.mark.parametrize(
    ("address_for_logs", "token"),
    [("", "swf_key"), (f"{MONITOR}/", "swf_key"), ("http://logs.example.org", "")],
)
def test_log_records_carry_the_token_to_the_monitor_alone(
    tmp_path: Path, address_for_logs: str, token: str
) -> None:
    settings = load_settings(
        tmp_path,
        {
            "SWF_API_TOKEN": "swf_key",
            "SWF_MONITOR_URL": MONITOR,
            "SWF_MONITOR_HTTP_URL": address_for_logs,
        },
    )
    assert settings.log_token == token
