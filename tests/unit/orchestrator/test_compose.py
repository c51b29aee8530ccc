"""docker compose: the file, its environment, and what is said where docker is missing."""

from __future__ import annotations

import os
import re
import stat

import pytest
import yaml

from orchestrator import installation
from orchestrator.cli import main
from orchestrator.servers import compose
from swf_common_lib.errors import ConfigurationError, Unavailable
from swf_common_lib.settings import Settings, load_settings
from tests.stack import CHECKOUT, COPIED

FILE = CHECKOUT / "docker-compose.yml"
OURS = ("broker", "setup", "web", "ingest", "mcp")


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in list(os.environ):
        if name.startswith(("SWF_", "ACTIVEMQ_")):
            monkeypatch.delenv(name)
    for name in COPIED:
        (tmp_path / name).write_text((CHECKOUT / name).read_text())
    return tmp_path


def docker_that(home, monkeypatch, script: str) -> None:
    """Put a `docker` of this shell script on the PATH, and nothing else."""
    folder = home / "bin"
    folder.mkdir()
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")


def services() -> dict[str, dict[str, object]]:
    read: dict[str, dict[str, object]] = yaml.safe_load(FILE.read_text())["services"]
    return read


def test_every_port_is_published_on_loopback_alone():
    published = [port for service in services().values() for port in service.get("ports", [])]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_every_lasting_service_of_ours_restarts_and_says_how_it_is_asked():
    for name, service in services().items():
        assert service["restart"] == ("no" if name == "setup" else "unless-stopped")
        assert "healthcheck" in service or name in ("setup", "ingest")


def test_every_setting_in_it_is_one_that_the_services_know():
    known = {name.upper() for name in Settings.model_fields}
    for name in OURS:
        assert set(services()[name]["environment"]) <= known


def test_the_environment_file_has_every_variable_and_keeps_the_databases_password(home):
    prepared = installation.prepare(load_settings(home), stack="compose").settings
    path = compose.environment_file(prepared)
    before = path.read_text()
    wanted = set(re.findall(r"\$\{(\w+)", FILE.read_text()))
    assert {line.partition("=")[0] for line in before.splitlines() if "=" in line} == wanted
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert prepared.activemq_password in before

    again = installation.prepare(load_settings(home), stack="compose")
    assert again.done == []
    assert path.read_text() == before


def test_commands_for_the_other_way_to_run_are_told(home, capsys):
    installation.prepare(load_settings(home), stack="compose")
    assert main(["--home", str(home), "start-local"]) == 1
    assert "testbed start" in capsys.readouterr().err
    (home / ".testbed/settings.toml").write_text("")
    for command in ("start", "stop"):
        assert main(["--home", str(home), command]) == 1
        assert "start-local" in capsys.readouterr().err


def test_without_docker_nothing_is_written(home, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(home))
    assert main(["--home", str(home), "start"]) == 1
    assert "there is no `docker` on the PATH" in capsys.readouterr().err
    assert not (home / ".testbed").exists()


@pytest.mark.parametrize(
    ("script", "part"),
    [
        ('[ "$1" != compose ] || { echo "unknown command: compose" >&2; exit 1; }', "no compose"),
        ('[ "$1" != info ] || { echo "Cannot connect" >&2; exit 1; }', "Cannot connect"),
    ],
)
def test_docker_without_its_plugin_or_its_engine(home, monkeypatch, script, part):
    docker_that(home, monkeypatch, script)
    with pytest.raises(Unavailable, match=part) as caught:
        compose.require_docker()
    assert "make services" in caught.value.hint


def test_what_docker_is_asked(home, monkeypatch):
    installation.prepare(load_settings(home), stack="compose")
    docker_that(home, monkeypatch, f'echo "$@" >> {home}/asked; [ "$6" != exec ] || echo key')
    settings = load_settings(home)
    compose.up(settings)
    compose.down(settings)
    assert load_settings(home).swf_api_token == "key"
    asked = [line for line in (home / "asked").read_text().splitlines() if "--file" in line]
    assert [line.split()[5] for line in asked] == ["up", "exec", "down"]
    assert all(f"--env-file {compose.environment_file(settings)}" in line for line in asked)


def test_compose_that_fails(home, monkeypatch):
    installation.prepare(load_settings(home), stack="compose")
    docker_that(home, monkeypatch, '[ "$2" != --file ] || exit 17')
    with pytest.raises(compose.ComposeFailed, match="status 17"):
        compose.down(load_settings(home))


def test_a_password_that_the_file_cannot_hold(home):
    settings = load_settings(home, {"ACTIVEMQ_PASSWORD": "it's"})
    with pytest.raises(ConfigurationError, match="quote"):
        compose.write_compose_environment(settings)
