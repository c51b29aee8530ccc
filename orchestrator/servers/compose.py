"""The services in containers: docker compose up and down, and what both sides need to know."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

from swf_common_lib.errors import ConfigurationError, TestbedError, Unavailable
from swf_common_lib.private_file import write_private
from swf_common_lib.settings import Settings

RUNTIME_DIR = "/var/lib/swf-testbed"
"""Where the containers keep what the monitor writes; the operator's token is there."""
UP_TIMEOUT = 300
"""Seconds until all services have to be healthy."""
_INSTALL = (
    "Install Docker Engine and its compose plugin (Debian: docker.io, docker-compose-v2 or"
    " docker-compose-plugin), or run without containers: `testbed init --embedded`, or"
    " `make services`."
)


class ComposeFailed(TestbedError):
    """docker compose ended with an error; the detail is what it said."""

    code = "compose-failed"


def environment_file(settings: Settings) -> Path:
    """Return the file that docker-compose.yml takes its ports and secrets from."""
    return settings.swf_runtime_dir / "compose.env"


def write_compose_environment(settings: Settings) -> list[str]:
    """Write that file with this installation's ports and broker login, and generated secrets.

    A database password that it has already stays: the database keeps the first it got.
    """
    path = environment_file(settings)
    known = _read(path)
    values = {
        "SWF_WEB_PORT": str(settings.swf_web_port),
        "SWF_MCP_PORT": str(settings.swf_mcp_port),
        "ACTIVEMQ_PORT": str(settings.activemq_port),
        "ACTIVEMQ_USER": settings.activemq_user,
        "ACTIVEMQ_PASSWORD": settings.activemq_password,
        "SWF_SECRET_KEY": settings.swf_secret_key,
        "POSTGRES_PASSWORD": known.get("POSTGRES_PASSWORD") or secrets.token_urlsafe(24),
    }
    if values == known:
        return []
    lines = [f"{name}={_quoted(value)}" for name, value in values.items()]
    write_private(path, "# For docker-compose.yml.\n" + "\n".join(lines) + "\n")
    return [f"wrote {path}"]


def _read(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "=" in line]
    pairs = (line.partition("=") for line in lines)
    return {name: value.strip("'") for name, _, value in pairs}


def _quoted(value: str) -> str:
    # In single quotes compose takes everything as it is, except the quote.
    if "'" in value or "\n" in value:
        raise ConfigurationError(
            ["a setting for docker compose holds a quote or a line break: the broker's user or"
             " password"],
            "Choose another ACTIVEMQ_USER or ACTIVEMQ_PASSWORD.",
        )  # fmt: skip
    return f"'{value}'"


def up(settings: Settings) -> None:
    """Build what is not built, start all services, and wait until they are healthy.

    Afterwards the operator's token is in this host's token file. Raises Unavailable without
    Docker, ComposeFailed.
    """
    wait = ["--wait", "--wait-timeout", str(UP_TIMEOUT)]
    _compose(settings, "up", "--detach", "--build", "--remove-orphans", *wait)
    token = _compose(settings, "exec", "-T", "web", "cat", f"{RUNTIME_DIR}/token", captured=True)
    write_private(settings.token_file, token.strip() + "\n")


def down(settings: Settings) -> None:
    """Stop and remove the containers; volumes, and with them all records, stay.

    Raises Unavailable without Docker, ComposeFailed.
    """
    _compose(settings, "down")


def require_docker() -> str:
    """Return the docker command. Raises Unavailable when it, its engine or compose is missing."""
    docker = shutil.which("docker")
    if docker is None:
        raise Unavailable("there is no `docker` on the PATH", _INSTALL)
    for words, what in (
        (["compose", "version"], "docker has no compose plugin"),
        (["info"], "the Docker engine does not answer"),
    ):
        done = subprocess.run([docker, *words], capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise Unavailable(f"{what}: {said[-1] if said else 'it says nothing'}", _INSTALL)
    return docker


def _compose(settings: Settings, *words: str, captured: bool = False) -> str:
    docker = require_docker()
    file = settings.swf_home / "docker-compose.yml"
    command = [docker, "compose", "--file", str(file)]
    command += ["--env-file", str(environment_file(settings)), *words]
    done = subprocess.run(
        command,
        cwd=settings.swf_home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if captured else None,
        text=True,
    )
    if done.returncode:
        raise ComposeFailed(
            f"`docker compose {words[0]}` failed with status {done.returncode}",
            f"It said why above; more: docker compose --env-file {environment_file(settings)} logs",
        )
    return done.stdout if captured else ""
