"""ActiveMQ's configuration as written from the settings, and what is said when it cannot run."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from orchestrator.servers import activemq, broker
from orchestrator.servers.activemq import ActiveMQ
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import Settings, load_settings

CORE = "{http://activemq.apache.org/schema/core}"


def settings(folder: Path, **environ: str) -> Settings:
    base = {"SWF_BROKER": "activemq", "ACTIVEMQ_PASSWORD": "secret", "ACTIVEMQ_PORT": "61999"}
    return load_settings(folder, {**base, **environ})


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it look installed: no process is started."""
    package = tmp_path / "package"
    (package / "bin").mkdir(parents=True)
    (package / "bin" / "activemq.jar").touch()
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch(0o755)
    monkeypatch.setattr(activemq, "PACKAGE", package)
    monkeypatch.setenv("PATH", str(java.parent))


def configuration(one: ActiveMQ) -> ElementTree.Element:
    one.prepare()
    return ElementTree.parse(one.folder / "conf" / "activemq.xml").getroot()


@pytest.mark.usefixtures("installed")
def test_any_password_survives_the_file_and_is_on_no_command_line(tmp_path: Path) -> None:
    password = "a\"b'c<d>&e${f}%g{h}"
    one = ActiveMQ.from_settings(settings(tmp_path, ACTIVEMQ_PASSWORD=password))
    (user,) = configuration(one).iter(f"{CORE}authenticationUser")
    assert user.attrib["password"] == password
    assert not any(password in word for word in one.prepare())
    assert (one.folder / "conf" / "activemq.xml").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("installed")
def test_connector_is_plain_or_tls(tmp_path: Path) -> None:
    plain = configuration(ActiveMQ.from_settings(settings(tmp_path)))
    (connector,) = plain.iter(f"{CORE}transportConnector")
    assert connector.attrib["uri"].startswith("stomp+nio://127.0.0.1:61999?transport.hbGrace")
    assert not list(plain.iter(f"{CORE}sslContext"))
    stores = {}
    for name in ("KEYSTORE", "TRUSTSTORE"):
        (tmp_path / name).touch()
        stores[f"SWF_BROKER_{name}"] = str(tmp_path / name)
    secure = configuration(
        ActiveMQ.from_settings(settings(tmp_path, ACTIVEMQ_USE_SSL="true", **stores))
    )
    (connector,) = secure.iter(f"{CORE}transportConnector")
    assert connector.attrib["uri"].startswith("stomp+ssl://")
    assert connector.attrib["uri"].endswith("needClientAuth=true")
    context = list(secure.iter(f"{CORE}sslContext"))[-1]
    assert context.attrib["keyStore"] == (tmp_path / "KEYSTORE").as_uri()


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="ACTIVEMQ_PASSWORD is empty"):
        ActiveMQ.from_settings(settings(tmp_path, ACTIVEMQ_PASSWORD=""))
    with pytest.raises(ConfigurationError, match="SWF_BROKER_KEYSTORE is empty"):
        ActiveMQ.from_settings(settings(tmp_path, ACTIVEMQ_USE_SSL="true"))
    absent = {"ACTIVEMQ_USE_SSL": "true", "SWF_BROKER_KEYSTORE": str(tmp_path / "absent")}
    with pytest.raises(ConfigurationError, match="SWF_BROKER_KEYSTORE: there is no file"):
        ActiveMQ.from_settings(settings(tmp_path, **absent))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(activemq, "PACKAGE", tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        ActiveMQ.from_settings(settings(tmp_path)).prepare()
    assert "no `java` on the PATH" in str(caught.value)
    assert "holds no ActiveMQ" in str(caught.value)
    assert "apt install" in caught.value.hint


def test_a_broker_that_runs_elsewhere_is_not_started_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SWF_HOME", str(tmp_path))
    monkeypatch.setenv("SWF_BROKER", "external")
    assert broker.main() == 2
    assert "runs elsewhere" in caplog.text
