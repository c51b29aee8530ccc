"""A PostgreSQL server of our own, for tests that need one.

``with running_postgres() as server`` gives one with an empty database. It listens on loopback
alone, keeps its data in a temporary folder and needs nothing of the system's own clusters.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

DEBIAN = Path("/usr/lib/postgresql")
USER = "testbed"
PASSWORD = "secret:/with@signs%"
NAME = "testbed"
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests that do not ask what a power cut leaves."""
DURABLE = dict.fromkeys(FAST, "on")
_SERVER_USER = "postgres"
"""PostgreSQL refuses to run as root."""


@lru_cache(maxsize=1)
def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs, the newest there is; None without one."""
    versions = [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def require_postgres() -> Path:
    """Return the folder of the server programs; without one skip the test, or fail it in CI."""
    programs = postgres_programs()
    if programs is None:
        why = "PostgreSQL is not installed (Debian: apt install postgresql-15)"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    assert programs is not None
    return programs


@dataclass
class PostgresProcess:
    """A server under test and how to reach it."""

    folder: Path
    """The parent of its data, which its user may enter."""
    port: int
    programs: Path
    settings: dict[str, str] = field(default_factory=lambda: dict(FAST))
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _command: list[str] = field(default_factory=list, repr=False)

    def url(self, name: str = NAME) -> str:
        """Return the address of a database, as a setting."""
        password = quote(PASSWORD, safe="")
        return f"postgresql://{USER}:{password}@{self.host}:{self.port}/{name}"

    @property
    def environ(self) -> dict[str, str]:
        """Return the setting with which the monitor uses it."""
        return {"SWF_DATABASE_URL": self.url()}

    @property
    def data(self) -> Path:
        return self.folder / "postgresql"

    @property
    def log(self) -> str:
        """Return what it has logged so far, over all its starts."""
        return (self.folder / "postgresql.log").read_text()

    def initialise(self) -> None:
        """Create the cluster and its one user."""
        self.data.mkdir(mode=0o700)
        secret = self.folder / "postgresql.password"
        secret.write_text(PASSWORD)
        if self._drop_to is not None:
            for path in (self.data, secret):
                os.chown(path, *self._drop_to)
        command = [self.programs / "initdb", "--pgdata", self.data, "--username", USER]
        command += ["--pwfile", secret, "--auth", "scram-sha-256", "--no-sync", "--encoding=UTF8"]
        subprocess.run(
            [*command, "--locale=C.UTF-8"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.folder,
            **self._as_user,
        )
        secret.unlink()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            **self.settings,
        }
        self._command = [str(self.programs / "postgres"), "-D", str(self.data)]
        self._command += [word for each in options.items() for word in ("-c", "=".join(each))]
        self._spawn()
        wait_until(self._answers, message="PostgreSQL does not answer")

    def connect(self, name: str = NAME) -> psycopg.Connection[tuple[object, ...]]:
        """Connect, each statement a transaction of its own."""
        return psycopg.connect(self.url(name), autocommit=True, connect_timeout=int(PATIENCE))

    def create_database(self, name: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}"')

    def kill(self) -> None:
        """Kill it without a warning (SIGKILL); its sessions end when they notice."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process = None

    def stop(self) -> None:
        """Stop it at once, but in order: its clients are disconnected."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def _drop_to(self) -> tuple[int, int] | None:
        if os.getuid() != 0:
            return None
        user = pwd.getpwnam(_SERVER_USER)
        return user.pw_uid, user.pw_gid

    @property
    def _as_user(self) -> dict[str, Any]:
        if self._drop_to is None:
            return {}
        user, group = self._drop_to
        return {"user": user, "group": group, "extra_groups": []}

    def _spawn(self) -> None:
        with (self.folder / "postgresql.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, stdout=log, stderr=log, cwd=self.folder, **self._as_user
            )

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            # After a kill the sessions of the one before may live for a moment yet.
            assert "in use" in self.log, self.log
            self._spawn()
            return False
        try:
            with self.connect("postgres"):
                return True
        except psycopg.OperationalError:
            return False


@contextmanager
def running_postgres(**settings: str) -> Iterator[PostgresProcess]:
    """Run a server with one empty database; skips the test where PostgreSQL is not installed."""
    programs = require_postgres()
    # Not below pytest's folders: each session of pytest shuts those to everybody but its user.
    with TemporaryDirectory(prefix="testbed-postgresql-") as folder:
        server = PostgresProcess(Path(folder), free_port(), programs, {**FAST, **settings})
        server.folder.chmod(0o711)
        server.initialise()
        server.start()
        try:
            server.create_database(NAME)
            yield server
        finally:
            server.stop()
