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
from pathlib import Path
from typing import Any

import tomli

from orchestrator import ports
from swf_common_lib.errors import ConfigurationError, TestbedError
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

[agents.data]
enabled = true
script = "agents/data_agent.py"

[agents.processing]
enabled = true
script = "agents/processing_agent.py"

[agents.fastmon]
enabled = true
script = "agents/fastmon_agent.py"

[agents.fast_processing]
enabled = true
script = "agents/fast_processing_agent.py"

[agents.worker]
enabled = true
script = "agents/worker.py"

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
    """Raise ConfigurationError unless `testbed init` has been here: services can start."""
    if not settings.settings_file.is_file() or not settings.database_file.is_file():
        raise _not_initialised(settings)


def _not_initialised(settings: Settings) -> ConfigurationError:
    return ConfigurationError(
        [f"{settings.swf_runtime_dir} is not initialised"], "Run `testbed init`."
    )


def prepare(settings: Settings, *, new_ports: bool = False) -> Prepared:
    """Make whatever is missing; what is there stays as it is.

    ``new_ports`` picks ports again. Raises SetupFailed when the database cannot be prepared.
    """
    done: list[str] = []
    for folder in (settings.swf_runtime_dir, settings.log_dir):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True)
            done.append(f"made {folder}")
        folder.chmod(0o700)
    done += _complete_settings_file(settings, new_ports=new_ports)
    done += _write_testbed_toml(settings)
    settings = load_settings(settings.swf_home)
    done += _prepare_database(settings)
    return Prepared(load_settings(settings.swf_home), done)


def _complete_settings_file(settings: Settings, *, new_ports: bool) -> list[str]:
    path = settings.settings_file
    stored = tomli.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    values = dict(stored)
    if settings.swf_broker == "embedded" and not settings.activemq_password:
        values["ACTIVEMQ_PASSWORD"] = secrets.token_urlsafe(24)
    if not settings.swf_secret_key:
        values["SWF_SECRET_KEY"] = secrets.token_urlsafe(48)
    values.update(_choose_ports(settings, stored, new_ports=new_ports))
    if values == stored:
        return []
    _write_private(path, _toml(values))
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


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, and that is either old or new, never half."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def _write_testbed_toml(settings: Settings) -> list[str]:
    path = settings.swf_testbed_config
    if path.exists():
        return []
    namespace = re.sub(r"[^a-z0-9_-]", "", getpass.getuser().lower()) or "testbed"
    path.write_text(TESTBED_TOML.format(namespace=namespace), encoding="utf-8")
    return [f"wrote {path} with namespace {namespace!r}"]


def run_monitor_module(
    settings: Settings, module: str, *arguments: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a module of the monitor, which knows the database, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=settings.swf_home,
        env={**os.environ, "SWF_HOME": str(settings.swf_home)},
        stdin=subprocess.DEVNULL,
        capture_output=capture,
        text=True,
    )


def _prepare_database(settings: Settings) -> list[str]:
    """Have the monitor make its tables and the operator's token."""
    run = run_monitor_module(settings, "monitor.setup", capture=True)
    if run.returncode:
        said = (run.stderr.strip() or run.stdout.strip()).splitlines()
        raise SetupFailed(
            "the monitor's database cannot be prepared: " + "\n".join(said[-15:]),
            f"The database is {settings.database_file}.",
        )
    return run.stdout.strip().splitlines()
