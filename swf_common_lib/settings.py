"""Settings of this installation: where the services are and how to reach them.

A setting has one name everywhere, that of its environment variable. The environment wins over
``.testbed/settings.toml``, which ``testbed init`` writes; what neither names has a default here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

import tomli

from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


@dataclass(frozen=True)
class Settings:
    """Every setting under its environment variable's name, in lower case."""

    swf_home: Path
    """The checkout: holds ``testbed.toml``, ``workflows/``, the supervisord configurations."""
    swf_runtime_dir: Path
    """Database, sockets, logs, token: all that running writes."""
    swf_testbed_config: Path
    """The ``testbed.toml`` to use."""
    swf_monitor_url: str
    """Base URL of the monitor, without a trailing slash."""
    swf_monitor_http_url: str
    """Base URL for log records; the monitor's, unless set."""
    swf_api_token: str
    """Token for REST and MCP; from the runtime folder's ``token`` file, unless set."""
    swf_web_port: int
    """Port on which this machine's monitor listens (loopback)."""
    swf_mcp_port: int
    """Port on which this machine's MCP server listens (loopback)."""
    swf_database_url: str = field(repr=False)
    """PostgreSQL: ``postgresql://user:password@host:port/name``; empty: the embedded SQLite."""
    swf_broker: str
    """``embedded``: our own broker is started here; ``external``: an ActiveMQ runs elsewhere."""
    swf_catalogue: str
    """Where the data agent registers files: ``monitor`` (its database) or ``rucio``."""
    swf_task_backend: str
    """Who processes complete STFs: ``local`` (the processing agent itself) or ``panda``."""
    swf_secret_key: str
    """Signs the web UI's sessions; written by ``testbed init``."""
    swf_log_networks: str
    """Networks (CIDR, comma-separated) from which log records are taken without a token."""
    swf_pending_timeout: float
    """Seconds after which an execution that no runner took is terminated."""
    activemq_host: str
    activemq_port: int
    activemq_user: str
    activemq_password: str
    activemq_use_ssl: bool
    activemq_ssl_ca_certs: str
    activemq_ssl_cert_file: str
    activemq_ssl_key_file: str
    activemq_heartbeat_topic: str

    @property
    def settings_file(self) -> Path:
        """The file that ``testbed init`` writes."""
        return self.swf_runtime_dir / "settings.toml"

    @property
    def token_file(self) -> Path:
        """The operator token, mode 0600."""
        return self.swf_runtime_dir / "token"

    @property
    def database_file(self) -> Path:
        """The embedded (SQLite) database."""
        return self.swf_runtime_dir / "monitor.sqlite3"

    @property
    def log_dir(self) -> Path:
        """Where supervisord and the agents write their log files."""
        return self.swf_runtime_dir / "logs"

    @property
    def mcp_url(self) -> str:
        """Address of this machine's MCP server."""
        return f"http://127.0.0.1:{self.swf_mcp_port}/mcp"


def load_settings(home: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of the installation at ``home``.

    ``home`` defaults to ``SWF_HOME``, else to the folder that holds the installed packages.
    Raises ConfigurationError naming every setting whose value cannot be used.
    """
    env = os.environ if environ is None else environ
    home = (home or Path(env.get("SWF_HOME") or Path(__file__).parent.parent)).resolve()
    runtime = Path(env.get("SWF_RUNTIME_DIR") or home / ".testbed").absolute()
    stored = _read_toml(runtime / "settings.toml")
    values: dict[str, Any] = {**_defaults(home), **stored}
    values.update({k: v for k, v in env.items() if k in _names() and v != ""})
    values["SWF_HOME"], values["SWF_RUNTIME_DIR"] = home, runtime
    web_port = values["SWF_WEB_PORT"]
    values.setdefault("SWF_MONITOR_URL", f"http://127.0.0.1:{web_port}")
    values.setdefault("SWF_MONITOR_HTTP_URL", values["SWF_MONITOR_URL"])
    values.setdefault("SWF_API_TOKEN", _read_token(runtime / "token"))
    return _typed(values, runtime / "settings.toml", env)


def _defaults(home: Path) -> dict[str, Any]:
    return {
        "SWF_TESTBED_CONFIG": home / "testbed.toml",
        "SWF_WEB_PORT": 8002,
        "SWF_MCP_PORT": 8001,
        "SWF_DATABASE_URL": "",
        "SWF_BROKER": "embedded",
        "SWF_CATALOGUE": "monitor",
        "SWF_TASK_BACKEND": "local",
        "SWF_SECRET_KEY": "",
        "SWF_LOG_NETWORKS": "127.0.0.0/8,::1/128",
        "SWF_PENDING_TIMEOUT": 300.0,
        "ACTIVEMQ_HOST": "127.0.0.1",
        "ACTIVEMQ_PORT": 61613,
        "ACTIVEMQ_USER": "testbed",
        "ACTIVEMQ_PASSWORD": "",
        "ACTIVEMQ_USE_SSL": False,
        "ACTIVEMQ_SSL_CA_CERTS": "",
        "ACTIVEMQ_SSL_CERT_FILE": "",
        "ACTIVEMQ_SSL_KEY_FILE": "",
        "ACTIVEMQ_HEARTBEAT_TOPIC": "/topic/heartbeat",
    }


def _names() -> set[str]:
    return {each.name.upper() for each in fields(Settings)}


def _read_toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path}: not valid TOML: {error}"]) from error


def _read_token(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _typed(values: dict[str, Any], path: Path, env: Mapping[str, str]) -> Settings:
    problems: list[str] = []
    typed: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for name in sorted(set(values) - _names()):
        problems.append(f"{path}: {name} is not a setting")
    for each in fields(Settings):
        name = each.name.upper()
        try:
            typed[each.name] = _convert(values[name], hints[each.name])
        except ValueError as error:
            where = "the environment" if env.get(name) else str(path)
            problems.append(f"{name} in {where}: {error}")
    if typed.get("swf_broker") not in ("embedded", "external"):
        problems.append(
            f"SWF_BROKER: {values['SWF_BROKER']!r} is neither 'embedded' nor 'external'"
        )
    problems += _database_problems(values["SWF_DATABASE_URL"])
    if problems:
        raise ConfigurationError(problems, "Correct these settings and start again.")
    for name in ("swf_monitor_url", "swf_monitor_http_url"):
        typed[name] = typed[name].rstrip("/")
    return Settings(**typed)


def _database_problems(url: Any) -> list[str]:
    if not url:
        return []
    try:
        parse_database_url(str(url))
    except ValueError as error:
        return [f"SWF_DATABASE_URL: {error}"]
    return []


def _convert(value: Any, kind: type) -> Any:
    if kind is bool:
        word = str(value).lower()
        if word not in _TRUE | _FALSE:
            raise ValueError(f"{value!r} is not a truth value (true or false)")
        return word in _TRUE
    if kind is float:
        return _seconds(value)
    if kind is int:
        try:
            port = int(str(value))
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not 1 <= port <= 65535:
            raise ValueError(f"{port} is not a port (1 to 65535)")
        return port
    return kind(value)


def _seconds(value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number of seconds") from None
    if not 0 < seconds < 1e9:
        raise ValueError(f"{seconds:g} is not a positive number of seconds")
    return seconds
