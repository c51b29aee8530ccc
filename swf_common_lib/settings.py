"""Settings of this installation: where the services are and how to reach them.

A setting has one name everywhere, that of its environment variable. The environment wins over
``.testbed/settings.toml``, which ``testbed init`` writes; what neither names has a default here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

import tomli

from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError

_TOPIC = re.compile(r"(/topic/[^\s/]+)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}

LISTEN_ADDRESSES = ("127.0.0.1", "0.0.0.0")  # noqa: S104  the default is loopback


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
    swf_monitor_ca_certs: str
    """PEM file with the authorities of the monitor's certificate; empty: the well-known ones."""
    swf_api_token: str = field(repr=False)
    """Token for REST and MCP; from the runtime folder's ``token`` file, unless set."""
    swf_web_port: int
    """Port on which this machine's monitor listens (loopback)."""
    swf_mcp_port: int
    """Port on which this machine's MCP server listens (loopback)."""
    swf_services: str
    """What runs the services: ``local`` (supervisord, here), ``compose`` (containers, here), or
    ``elsewhere``: this host has agents alone. ``container``: this is one of those containers."""
    swf_mcp_url: str
    """Address of the MCP server."""
    swf_listen: str
    """Where both listen: ``127.0.0.1``, or ``0.0.0.0`` for every address of this host."""
    swf_public_url: str
    """Address by which people and other hosts reach the monitor (a reverse proxy's); may be ""."""
    swf_allowed_hosts: str
    """Further host names, comma-separated, under which monitor and MCP server take requests."""
    swf_database_server: str
    """``external``: PostgreSQL, if any, runs elsewhere; ``local``: one is started here."""
    swf_database_url: str = field(repr=False)
    """PostgreSQL: ``postgresql://user:password@host:port/name``; empty: the embedded SQLite."""
    swf_broker: str
    """``embedded``: our own broker is started here; ``activemq``: an ActiveMQ is started here;
    ``external``: one runs elsewhere."""
    swf_broker_keystore: str
    """PKCS12 file with key and certificate of the ActiveMQ started here; for ACTIVEMQ_USE_SSL."""
    swf_broker_truststore: str
    """PKCS12 file with the authorities of its clients' certificates; empty: it asks for none."""
    swf_broker_store_password: str = field(repr=False)
    """Password of both files."""
    swf_catalogue: str
    """Where the data agent registers files: ``monitor`` (its database) or ``rucio``."""
    swf_task_backend: str
    """Who processes complete STFs: ``local`` (the processing agent itself) or ``panda``."""
    swf_secret_key: str = field(repr=False)
    """Signs the web UI's sessions; written by ``testbed init``."""
    swf_log_networks: str
    """Networks (CIDR, comma-separated) from which log records are taken without a token."""
    swf_pending_timeout: float
    """Seconds after which an execution that no runner took is terminated."""
    activemq_host: str
    activemq_port: int
    activemq_user: str
    activemq_password: str = field(repr=False)
    activemq_use_ssl: bool
    activemq_ssl_ca_certs: str
    activemq_ssl_cert_file: str
    activemq_ssl_key_file: str
    activemq_heartbeat_topic: str
    activemq_queue_prefix: str
    """What the broker writes before a queue's name; ``/queue/`` for ActiveMQ Classic."""
    activemq_topic_prefix: str
    """What the broker writes before a topic's name; ``/topic/`` for ActiveMQ Classic."""
    activemq_durable_header: str
    """Header that names a durable subscription; Artemis: ``durable-subscription-name``."""

    @property
    def log_token(self) -> str:
        """Return the token for log records: the monitor's; empty for any other address."""
        return self.swf_api_token if self.swf_monitor_http_url == self.swf_monitor_url else ""

    @property
    def public_url(self) -> str:
        """Return the URL at which people find the monitor, without a trailing slash."""
        return self.swf_public_url or self.swf_monitor_url

    @property
    def host_names(self) -> list[str]:
        """Return the host names, besides those of loopback, for which requests are accepted."""
        names = [name.strip().lower() for name in self.swf_allowed_hosts.split(",")]
        names.append(urlsplit(self.swf_public_url).hostname or "")
        return sorted({name for name in names if name})

    @property
    def settings_file(self) -> Path:
        """Return the path of the file that ``testbed init`` writes."""
        return self.swf_runtime_dir / "settings.toml"

    @property
    def token_file(self) -> Path:
        """Return the path of the operator token, mode 0600."""
        return self.swf_runtime_dir / "token"

    @property
    def database_file(self) -> Path:
        """Return the path of the embedded (SQLite) database."""
        return self.swf_runtime_dir / "monitor.sqlite3"

    @property
    def log_dir(self) -> Path:
        """Return the folder where supervisord and the agents write their log files."""
        return self.swf_runtime_dir / "logs"


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
    given = set(values)
    web_port = values["SWF_WEB_PORT"]
    values.setdefault("SWF_MONITOR_URL", f"http://127.0.0.1:{web_port}")
    values.setdefault("SWF_MCP_URL", f"http://127.0.0.1:{values['SWF_MCP_PORT']}/mcp")
    values.setdefault("SWF_MONITOR_HTTP_URL", values["SWF_MONITOR_URL"])
    values.setdefault("SWF_API_TOKEN", _read_token(runtime / "token"))
    return _typed(values, runtime / "settings.toml", env, given)


def _defaults(home: Path) -> dict[str, Any]:
    return {
        "SWF_TESTBED_CONFIG": home / "testbed.toml",
        "SWF_WEB_PORT": 8002,
        "SWF_MCP_PORT": 8001,
        "SWF_SERVICES": "local",
        "SWF_MONITOR_CA_CERTS": "",
        "SWF_LISTEN": LISTEN_ADDRESSES[0],
        "SWF_PUBLIC_URL": "",
        "SWF_ALLOWED_HOSTS": "",
        "SWF_DATABASE_SERVER": "external",
        "SWF_DATABASE_URL": "",
        "SWF_BROKER": "embedded",
        "SWF_BROKER_KEYSTORE": "",
        "SWF_BROKER_TRUSTSTORE": "",
        "SWF_BROKER_STORE_PASSWORD": "",
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
        "ACTIVEMQ_HEARTBEAT_TOPIC": "",
        "ACTIVEMQ_QUEUE_PREFIX": "/queue/",
        "ACTIVEMQ_TOPIC_PREFIX": "/topic/",
        "ACTIVEMQ_DURABLE_HEADER": "activemq.subscriptionName",
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


def _typed(values: dict[str, Any], path: Path, env: Mapping[str, str], given: set[str]) -> Settings:
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
    if typed.get("swf_broker") not in ("embedded", "activemq", "external"):
        problems.append(
            f"SWF_BROKER: {values['SWF_BROKER']!r} is not 'embedded', 'activemq' or 'external'"
        )
    problems += _database_problems(values["SWF_DATABASE_URL"])
    problems += _address_problems(values, given)
    if problems:
        raise ConfigurationError(problems, "Correct these settings and start again.")
    for name in ("swf_monitor_url", "swf_monitor_http_url", "swf_public_url"):
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


def _address_problems(values: Mapping[str, Any], given: set[str]) -> list[str]:
    problems = []
    for name in ("SWF_MONITOR_URL", "SWF_MONITOR_HTTP_URL", "SWF_PUBLIC_URL", "SWF_MCP_URL"):
        # Those that follow from a port are as good as it.
        if name in given and (url := str(values[name])):
            problems += _url_problems(name, url)
    if urlsplit(str(values["SWF_PUBLIC_URL"])).path not in ("", "/"):
        problems.append("SWF_PUBLIC_URL: has a path; the monitor needs a host name of its own")
    for host in str(values["SWF_ALLOWED_HOSTS"]).split(","):
        if host.strip() and not _HOST_NAME.fullmatch(host.strip()):
            problems.append(f"SWF_ALLOWED_HOSTS: {host.strip()!r} is not a host name (no port)")
    for name, allowed in (
        ("SWF_SERVICES", ("local", "compose", "elsewhere", "container")),
        ("SWF_LISTEN", LISTEN_ADDRESSES),
        ("SWF_DATABASE_SERVER", ("external", "local")),
    ):
        if values[name] not in allowed:
            problems.append(f"{name}: {values[name]!r} is not one of {', '.join(allowed)}")
    if not _TOPIC.fullmatch(topic := str(values["ACTIVEMQ_HEARTBEAT_TOPIC"])):
        problems.append(f"ACTIVEMQ_HEARTBEAT_TOPIC: {topic!r} is no topic such as /topic/heartbeat")
    if values["SWF_DATABASE_SERVER"] == "local" and not values["SWF_DATABASE_URL"]:
        problems.append("SWF_DATABASE_SERVER is local, but SWF_DATABASE_URL is empty")
    return problems


def _url_problems(name: str, url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username:
        return [f"{name}: {url!r} is not an address such as https://testbed.example.org"]
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
