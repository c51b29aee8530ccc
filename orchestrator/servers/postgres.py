"""``python -m orchestrator.servers.postgres``: a PostgreSQL server of this installation.

It needs the server's programs (Debian: ``postgresql-15``) and nothing of the system's own
clusters: its data is in the runtime folder, it listens on the address in SWF_DATABASE_URL.
"""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.database_url import parse_database_url
from swf_common_lib.errors import ConfigurationError, TestbedError, Unavailable
from swf_common_lib.settings import Settings, load_settings

DEBIAN = Path("/usr/lib/postgresql")
OLDEST = 15
SYSTEM_USER = "postgres"
"""As whom it runs where we are root: PostgreSQL refuses root."""
SUPERUSER = "postgres"
"""The database's own; it has no password, so nobody logs in as it over TCP."""
INSTALL = "`make services` installs it (Debian, as root); else: apt install postgresql-15."
FOLDER = "postgresql"
_WHO_MAY = """\
# Whoever has a password, over TCP. The superuser has none: postgres --single is its way in.
host  all  all  all  scram-sha-256
"""

logger = logging.getLogger("orchestrator.servers.postgres")


@dataclass(frozen=True)
class Postgres:
    """A server on one address, whose data is in ``folder``."""

    folder: Path
    programs: Path
    """The folder of initdb, postgres, pg_isready."""
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    """The monitor's database."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Postgres:
        """Return the server of this installation. Raises ConfigurationError when not installed."""
        address = parse_database_url(settings.swf_database_url)
        return cls(
            folder=settings.swf_runtime_dir / FOLDER,
            programs=require_postgres(),
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            name=address.name,
        )

    def prepare(self) -> None:
        """Create the cluster with the monitor's role and database, unless it exists.

        Raises ConfigurationError when the server's user cannot get at its data, Unavailable when
        creating it failed.
        """
        if self.folder.is_dir():
            return
        self._require_way()
        # Made beside its place, and moved there when all of it is done.
        new = Path(tempfile.mkdtemp(prefix=f"{FOLDER}-new-", dir=self.folder.parent))
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, new, ignore_errors=True)
            _hand_over(new)
            initdb = [self.programs / "initdb", "--pgdata", new, "--username", SUPERUSER]
            self._run([*initdb, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"])
            (new / "pg_hba.conf").write_text(_WHO_MAY)
            role, name = _identifier(self.user), _identifier(self.name)
            sql = f"CREATE ROLE {role} LOGIN PASSWORD {_literal(self.password)};\n"
            sql += f"CREATE DATABASE {name} OWNER {role};\n"
            self._run([self.programs / "postgres", "--single", "-D", new, SUPERUSER], sql)
            new.rename(self.folder)
            undo.pop_all()

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        options = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        words = [str(self.programs / "postgres"), "-D", str(self.folder)]
        return words + [word for each in options.items() for word in ("-c", "=".join(each))]

    def check(self) -> None:
        """Raise Unavailable unless the server takes connections."""
        asked = [str(self.programs / "pg_isready"), "-q", "-t", "5"]
        asked += ["-h", self.host, "-p", str(self.port)]
        if subprocess.run(asked, stdin=subprocess.DEVNULL).returncode:
            raise Unavailable(
                f"PostgreSQL at {self.host}:{self.port} takes no connections",
                "`testbed start-local` starts it; `testbed logs postgres` says why it ended.",
            )

    def _run(self, command: list[Any], entered: str = "") -> None:
        done = subprocess.run(
            command,
            input=entered,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            **_as_server_user(),
        )
        # In single-user mode errors do not change the exit status.
        failed = [line for line in done.stdout.splitlines() if "ERROR:" in line or "FATAL:" in line]
        if done.returncode or failed:
            said = failed or done.stdout.strip().splitlines()[-5:]
            raise Unavailable(
                f"{Path(command[0]).name} failed in {self.folder.parent}: {' '.join(said)}",
                "Is there room on the disk? PostgreSQL's own message says what it lacks.",
            )

    def _require_way(self) -> None:
        if os.geteuid() != 0:
            return
        for path in self.folder.parents:
            if not path.stat().st_mode & stat.S_IXOTH:
                raise ConfigurationError(
                    [
                        f"user {SYSTEM_USER}, as whom PostgreSQL runs, may not pass through"
                        f" {path} (mode {stat.S_IMODE(path.stat().st_mode):04o})"
                    ],
                    f"Have the checkout elsewhere (say /opt/swf-testbed), or: chmod o+x {path}",
                )


def find_programs() -> Path | None:
    """Return the folder of the newest server programs; None when there are none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += [path.parent for path in DEBIAN.glob("*/bin/initdb")]
    versions = {folder: _version(folder) for folder in folders}
    good = [folder for folder in folders if versions[folder] >= OLDEST]
    return max(good, key=lambda folder: versions[folder], default=None)


def require_postgres() -> Path:
    """Return the folder of the server programs. Raises ConfigurationError when there is none."""
    programs = find_programs()
    if programs is None:
        problem = f"there is no PostgreSQL server of version {OLDEST} or newer on this host"
        raise ConfigurationError([problem], INSTALL)
    return programs


def _version(folder: Path) -> int:
    """Return the major version, as the server itself prints it: ``postgres (PostgreSQL) 15.4``."""
    version = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True)
    digits = version.stdout.partition(")")[2].strip().partition(".")[0]
    return int(digits) if digits.isdigit() else 0


def runtime_folder_mode(settings: Settings) -> int:
    """Return the runtime folder's mode: the server's user may pass through it, not list it."""
    passed = settings.swf_database_server == "local" and os.geteuid() == 0
    return 0o711 if passed else 0o700


def _as_server_user() -> Mapping[str, Any]:
    if os.geteuid() != 0:
        return {}
    user = _server_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _server_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        problem = f"there is no user {SYSTEM_USER}, as whom PostgreSQL would run"
        hint = f"useradd --system {SYSTEM_USER}, or work as a user who is not root."
        raise ConfigurationError([problem], hint) from None


def _hand_over(folder: Path) -> None:
    if os.geteuid() == 0:
        user = _server_user()
        os.chown(folder, user.pw_uid, user.pw_gid)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def main() -> int:
    """Replace this process by the server; return the exit status 2 when that is impossible."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        server = Postgres.from_settings(load_settings())
        server.prepare()
        command = server.command()
        if os.geteuid() == 0:
            user = _server_user()
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
    except TestbedError as error:
        logger.error("%s", error)
        return 2
    os.chdir("/")
    sys.stdout.flush()
    # Supervisord's signals then reach the server itself.
    return os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    raise SystemExit(main())
