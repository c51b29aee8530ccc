"""Settings of this installation: where the services are and how to reach them.

A setting has one name everywhere, that of its environment variable. The environment wins over
``.testbed/settings.toml``, which ``testbed init`` writes; what neither names has a default here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError

_TOPIC = re.compile(r"(/topic/[^\s/]+)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if url and (not good or parts.query or parts.fragment or parts.username):
        raise ValueError(f"{url!r} is not an address such as https://testbed.example.org")
    return url


# pydantic would take true for 1, and knows no empty text that means false.
Port = Annotated[int, BeforeValidator(str), Field(ge=1, le=65535)]
Seconds = Annotated[float, BeforeValidator(str), Field(gt=0, lt=1e9)]
Interval = Annotated[float, BeforeValidator(str), Field(gt=0, lt=3600)]
Switch = Annotated[bool, BeforeValidator(lambda word: word or False)]
Address = Annotated[str, AfterValidator(_web_address)]
BaseAddress = Annotated[Address, AfterValidator(lambda url: url.rstrip("/"))]


class Settings(BaseSettings):
    """Every setting under its environment variable's name, in lower case."""

    model_config = SettingsConfigDict(
        alias_generator=str.upper,
        case_sensitive=True,
        coerce_numbers_to_str=True,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    swf_home: Path
    """The checkout: holds ``testbed.toml``, ``workflows/``, the supervisord configurations."""
    swf_runtime_dir: Path
    """Database, sockets, logs, token: all that running writes."""
    swf_testbed_config: Path = Field(
        default_factory=lambda given: given["swf_home"] / "testbed.toml"
    )
    """The ``testbed.toml`` to use."""
    swf_web_port: Port = 8002
    """Port on which this machine's monitor listens (loopback)."""
    swf_mcp_port: Port = 8001
    """Port on which this machine's MCP server listens (loopback)."""
    swf_monitor_url: BaseAddress = Field(
        default_factory=lambda given: f"http://127.0.0.1:{given['swf_web_port']}"
    )
    """Base URL of the monitor, without a trailing slash."""
    swf_monitor_http_url: BaseAddress = Field(
        default_factory=lambda given: given["swf_monitor_url"]
    )
    """Base URL for log records; the monitor's, unless set."""
    swf_monitor_ca_certs: str = ""
    """PEM file with the authorities of the monitor's certificate; empty: the well-known ones."""
    swf_api_token: str = Field(
        default_factory=lambda given: _read_token(given["swf_runtime_dir"] / "token"), repr=False
    )
    """Token for REST and MCP; from the runtime folder's ``token`` file, unless set."""
    swf_services: Literal["local", "compose", "elsewhere", "container"] = "local"
    """What runs the services: ``local`` (supervisord, here), ``compose`` (containers, here), or
    ``elsewhere``: this host has agents alone. ``container``: this is one of those containers."""
    swf_mcp_url: Address = Field(
        default_factory=lambda given: f"http://127.0.0.1:{given['swf_mcp_port']}/mcp"
    )
    """Address of the MCP server."""
    swf_listen: Literal["127.0.0.1", "0.0.0.0"] = "127.0.0.1"  # noqa: S104  on request only
    """Where both listen: ``127.0.0.1``, or ``0.0.0.0`` for every address of this host."""
    swf_public_url: BaseAddress = ""
    """Address by which people and other hosts reach the monitor (a reverse proxy's); may be ""."""
    swf_allowed_hosts: str = ""
    """Further host names, comma-separated, under which monitor and MCP server take requests."""
    swf_database_server: Literal["external", "local"] = "external"
    """``external``: PostgreSQL, if any, runs elsewhere; ``local``: one is started here."""
    swf_database_url: str = Field("", repr=False, validate_default=True)
    """PostgreSQL: ``postgresql://user:password@host:port/name``; empty: the embedded SQLite."""
    swf_broker: Literal["embedded", "activemq", "external"] = "embedded"
    """``embedded``: our own broker is started here; ``activemq``: an ActiveMQ is started here;
    ``external``: one runs elsewhere."""
    swf_broker_keystore: str = ""
    """PKCS12 file with key and certificate of the ActiveMQ started here; for ACTIVEMQ_USE_SSL."""
    swf_broker_truststore: str = ""
    """PKCS12 file with the authorities of its clients' certificates; empty: it asks for none."""
    swf_broker_store_password: str = Field("", repr=False)
    """Password of both files."""
    swf_catalogue: str = "monitor"
    """Where the data agent registers files: ``monitor`` (its database) or ``rucio``."""
    swf_task_backend: str = "local"
    """Who processes complete STFs: ``local`` (the processing agent itself) or ``panda``."""
    swf_secret_key: str = Field("", repr=False)
    """Signs the web UI's sessions; written by ``testbed init``."""
    swf_log_networks: str = "127.0.0.0/8,::1/128"
    """Networks (CIDR, comma-separated) from which log records are taken without a token."""
    swf_metrics_networks: str = ""
    """Networks (as above) from which ``/metrics`` is read without a token."""
    swf_pending_timeout: Seconds = 300.0
    """Seconds after which an execution that no runner took is terminated."""
    swf_heartbeat_interval: Interval = 10.0
    """Seconds from one heartbeat of an agent to the next; runners send one each 2 s at least."""
    activemq_host: str = "127.0.0.1"
    activemq_port: Port = 61613
    activemq_user: str = "testbed"
    activemq_password: str = Field("", repr=False)
    activemq_use_ssl: Switch = False
    activemq_ssl_ca_certs: str = ""
    activemq_ssl_cert_file: str = ""
    activemq_ssl_key_file: str = ""
    activemq_heartbeat_topic: str = ""
    activemq_queue_prefix: str = "/queue/"
    """What the broker writes before a queue's name; ``/queue/`` for ActiveMQ Classic."""
    activemq_topic_prefix: str = "/topic/"
    """What the broker writes before a topic's name; ``/topic/`` for ActiveMQ Classic."""
    activemq_durable_header: str = "activemq.subscriptionName"
    """Header that names a durable subscription; Artemis: ``durable-subscription-name``."""

    @field_validator("swf_public_url")
    @classmethod
    def _has_no_path(cls, url: str) -> str:
        if urlsplit(url).path:
            raise ValueError("has a path; the monitor needs a host name of its own")
        return url

    @field_validator("swf_allowed_hosts")
    @classmethod
    def _are_host_names(cls, names: str) -> str:
        for name in names.split(","):
            if name.strip() and not _HOST_NAME.fullmatch(name.strip()):
                raise ValueError(f"{name.strip()!r} is not a host name (no port)")
        return names

    @field_validator("swf_database_url")
    @classmethod
    def _is_database(cls, url: str, info: ValidationInfo) -> str:
        if url:
            parse_database_url(url)
        elif info.data.get("swf_database_server") == "local":
            raise ValueError("is empty, but SWF_DATABASE_SERVER is local")
        return url

    @field_validator("activemq_heartbeat_topic")
    @classmethod
    def _is_topic(cls, topic: str) -> str:
        if not _TOPIC.fullmatch(topic):
            raise ValueError(f"{topic!r} is no topic such as /topic/heartbeat")
        return topic

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
    """Return the settings of the installation at ``home``.

    ``home`` defaults to ``SWF_HOME``, else to the folder that holds the installed packages.
    Raises ConfigurationError naming every setting whose value cannot be used.
    """
    environ = os.environ if environ is None else environ
    env = {name: value for name, value in environ.items() if value}
    home = (home or Path(env.get("SWF_HOME") or Path(__file__).parent.parent)).resolve()
    runtime = Path(env.get("SWF_RUNTIME_DIR") or home / ".testbed").absolute()
    path = runtime / "settings.toml"
    places = InitSettingsSource(Settings, {"SWF_HOME": home, "SWF_RUNTIME_DIR": runtime})
    environment = EnvSettingsSource(Settings)
    environment.env_vars = env
    try:
        file = TomlConfigSettingsSource(Settings, path)
    except ValueError as error:
        raise ConfigurationError([f"{path}: not valid TOML: {error}"]) from error
    try:
        return Settings(_build_sources=((places, environment, file), {}))
    except ValidationError as error:
        problems = list(_problems(error, given=environment(), path=path))
    # Not from pydantic's error, which holds the values: some are secrets.
    raise ConfigurationError(problems, "Correct these settings and start again.")


def _read_token(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


_EXPECTED = {
    "bool_parsing": "{input!r} is not a truth value (true or false)",
    "bool_type": "{input!r} is not a truth value (true or false)",
    "float_parsing": "{input!r} is not a number of seconds",
    "greater_than": "{input} is not a positive number of seconds",
    "greater_than_equal": "{input} is not a port (1 to 65535)",
    "int_parsing": "{input!r} is not a whole number",
    "less_than": "{input} is not a positive number of seconds below {lt:g}",
    "less_than_equal": "{input} is not a port (1 to 65535)",
    "literal_error": "{input!r} is not {expected}",
    "path_type": "is not a path",
    "string_type": "is not a text",
    "value_error": "{error}",
}
"""What is said of a value, by pydantic's code of the fault."""


def _problems(error: ValidationError, given: Mapping[str, Any], path: Path) -> Iterator[str]:
    for fault in error.errors():
        if fault["type"] == "default_factory_not_called":  # follows from another fault
            continue
        name = str(fault["loc"][0])
        if fault["type"] == "extra_forbidden":
            yield f"{path}: {name} is not a setting"
            continue
        name = name.upper()  # pydantic names a default by its field
        place = "the environment" if name in given else path
        text = _EXPECTED.get(fault["type"], "{msg}")
        yield f"{name} in {place}: " + text.format(**{**fault, **fault.get("ctx", {})})
