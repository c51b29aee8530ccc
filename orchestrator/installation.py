"""Making an installation ready: folders, ports, secrets, database, token, `testbed.toml`."""

from __future__ import annotations

import getpass
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tomli

from orchestrator import ports
from orchestrator.servers.activemq import require_activemq
from orchestrator.servers.compose import write_compose_environment
from orchestrator.servers.postgres import require_postgres, runtime_folder_mode
from orchestrator.services import Report, start_services
from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError, Conflict, TestbedError
from swf_common_lib.private_file import write_private
from swf_common_lib.remedies import Remedy
from swf_common_lib.roles import ROLES, RUNNER
from swf_common_lib.settings import Settings, load_settings

TESTBED_TOML = """\
# What this testbed runs, and under which namespace. `testbed validate` checks it.

[testbed]
namespace = "{namespace}"

# What a bare `testbed run` runs.
[workflow]
name = "stf_datataking"
config = "fast_processing_default"
realtime = true

{agents}
# Overrides of any configuration's parameters, for every run from here.
[parameters]
# stf_count = 5
"""


class SetupFailed(TestbedError):
    """The database could not be prepared."""

    code = "setup-failed"


@dataclass
class Prepared:
    """What `prepare` did."""

    settings: Settings
    done: list[str] = field(default_factory=list)
    """A line for each thing that was made; empty when all was there."""


def require_token(settings: Settings) -> None:
    """Raise ConfigurationError unless there is a token, from `testbed init` or the environment."""
    if not settings.swf_api_token:
        raise _not_initialised(settings)


def require_prepared(settings: Settings) -> None:
    """Raise ConfigurationError unless `testbed init` has prepared the installation."""
    database_there = bool(settings.swf_database_url) or settings.database_file.is_file()
    if not settings.settings_file.is_file() or not database_there:
        raise _not_initialised(settings)


def _not_initialised(settings: Settings) -> ConfigurationError:
    return ConfigurationError(
        [f"{settings.swf_runtime_dir} is not initialised"],
        "Run `testbed init`.",
        Remedy.INITIALISE,
    )


def prepare(
    settings: Settings,
    *,
    new_ports: bool = False,
    stack: str = "",
    report: Report = lambda line: None,
) -> Prepared:
    """Create whatever is missing; what exists stays as it is.

    ``new_ports`` picks ports again. ``stack`` changes what the installation runs on: ``services``
    (an ActiveMQ and a PostgreSQL of its own, started here), ``embedded``, or ``compose`` (all in
    containers). Raises SetupFailed when the database cannot be prepared, Conflict in a container.
    """
    if settings.swf_services == "container":
        raise Conflict("this is a container of docker-compose.yml", "Run it on the host.")
    done: list[str] = []
    for folder in (settings.swf_runtime_dir, settings.log_dir):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            done.append(f"made {folder}")
        folder.chmod(0o700)
    if stack or settings.swf_services != "elsewhere":
        done += _complete_settings_file(settings, new_ports=new_ports, stack=stack)
    done += _write_testbed_toml(settings)
    settings = load_settings(settings.swf_home)
    settings.swf_runtime_dir.chmod(runtime_folder_mode(settings))
    if settings.swf_services == "compose":
        done += write_compose_environment(settings)
    if settings.swf_services != "local":  # and so is the database
        return Prepared(settings, done)
    if settings.swf_database_server == "local":
        start_services(settings, report, only=("postgres",))
    done += _prepare_database(settings)
    return Prepared(load_settings(settings.swf_home), done)


def _complete_settings_file(settings: Settings, *, new_ports: bool, stack: str) -> list[str]:
    path = settings.settings_file
    stored = tomli.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    values = dict(stored)
    if os.environ.get("SWF_BROKER"):  # a later start has to be of the same broker
        values["SWF_BROKER"] = settings.swf_broker
    if os.environ.get("SWF_DATABASE_URL"):  # and of the same database
        values["SWF_DATABASE_URL"] = settings.swf_database_url
    if settings.swf_broker != "external" and not settings.activemq_password:
        values["ACTIVEMQ_PASSWORD"] = secrets.token_urlsafe(24)
    if not settings.swf_secret_key:
        values["SWF_SECRET_KEY"] = secrets.token_urlsafe(48)
    if stack:
        values.update(STACKS[stack](settings))
    if new_ports and not stack and settings.swf_database_server == "local":
        values["SWF_DATABASE_URL"] = _at_new_port(settings.swf_database_url)
    values.update(_choose_ports(settings, stored, new_ports=new_ports))
    if values == stored:
        return []
    write_private(path, _toml(values))
    changed = sorted(name for name in values if values[name] != stored.get(name))
    return [f"wrote {', '.join(changed)} to {path}"]


def _choose_ports(
    settings: Settings, stored: Mapping[str, Any], *, new_ports: bool
) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for setting in ports.FIRST_CHOICE:
        if setting == "ACTIVEMQ_PORT" and settings.swf_broker == "external":
            continue
        if os.environ.get(setting):
            chosen[setting] = getattr(settings, setting.lower())
        elif new_ports or setting not in stored:
            chosen[setting] = ports.pick(setting, avoid=chosen.values())
    return chosen


def _own_services(settings: Settings) -> dict[str, Any]:
    """Return the settings for a broker and a database server of this installation's own.

    Raises ConfigurationError when one of them is not installed.
    """
    require_activemq()
    require_postgres()
    chosen = {
        "SWF_SERVICES": "local",
        "SWF_BROKER": "activemq",
        "SWF_DATABASE_SERVER": "local",
    }
    if settings.swf_database_server != "local":
        address = f"{ports.LOOPBACK}:{ports.pick('SWF_DATABASE_URL')}"
        password = secrets.token_urlsafe(24)
        chosen["SWF_DATABASE_URL"] = f"postgresql://testbed:{password}@{address}/testbed"
    return chosen


def _at_new_port(url: str) -> str:
    old = f":{parse_database_url(url).port}/"
    return url.replace(old, f":{ports.pick('SWF_DATABASE_URL')}/", 1)


def _embedded_services(settings: Settings) -> dict[str, Any]:
    return {
        "SWF_SERVICES": "local",
        "SWF_BROKER": "embedded",
        "SWF_DATABASE_SERVER": "external",
        "SWF_DATABASE_URL": "",
    }


def _compose_services(settings: Settings) -> dict[str, Any]:
    """Return the settings for a host where docker compose runs the services, but not the agents."""
    if settings.swf_services == "compose":
        return {}
    chosen = {**_embedded_services(settings), "SWF_SERVICES": "compose", "SWF_BROKER": "external"}
    if not settings.activemq_password:
        chosen["ACTIVEMQ_PASSWORD"] = secrets.token_urlsafe(24)
    # Its port is published here, wherever the broker of before was.
    return {**chosen, "ACTIVEMQ_HOST": ports.LOOPBACK, "ACTIVEMQ_PORT": ports.pick("ACTIVEMQ_PORT")}


STACKS = {
    "services": _own_services,
    "embedded": _embedded_services,
    "compose": _compose_services,
}
"""What an installation can run on, and the settings that say so."""


def _toml(values: Mapping[str, Any]) -> str:
    lines = ["# Settings of this installation, by the names of their environment variables."]
    for name, value in sorted(values.items()):
        lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda c: f"\\u{ord(c[0]):04x}", text) + '"'


def _write_testbed_toml(settings: Settings) -> list[str]:
    path = settings.swf_testbed_config
    if path.exists():
        return []
    namespace = re.sub(r"[^a-z0-9_-]", "", getpass.getuser().lower()) or "testbed"
    text = TESTBED_TOML.format(namespace=namespace, agents=_agent_tables())
    path.write_text(text, encoding="utf-8")
    return [f"wrote {path} with namespace {namespace!r}"]


def _agent_tables() -> str:
    return "\n".join(
        f'[agents.{role.agent_type}]\nenabled = true\nscript = "{role.script}"\n'
        for role in ROLES.values()
        if role is not RUNNER  # it belongs to every start
    )


def run_monitor_command(
    settings: Settings, *arguments: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command of the monitor, which knows the database, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments],
        cwd=settings.swf_home,
        env={**os.environ, "SWF_HOME": str(settings.swf_home)},
        stdin=subprocess.DEVNULL,
        capture_output=capture,
        text=True,
    )


def _prepare_database(settings: Settings) -> list[str]:
    """Run the monitor's command that makes its tables and the operator's token."""
    run = run_monitor_command(settings, "initialise", capture=True)
    if run.returncode:
        said = (run.stderr.strip() or run.stdout.strip()).removeprefix("error: ").splitlines()
        raise SetupFailed(
            "the monitor's database cannot be prepared: " + "\n".join(said[-15:]),
            "The database is "
            + (
                "that of SWF_DATABASE_URL."
                if settings.swf_database_url
                else f"{settings.database_file}."
            ),
        )
    return run.stdout.strip().splitlines()
