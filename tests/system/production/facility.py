"""Two hosts, the testbed's source where hosts can clone it, and an administrator."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.stack import CHECKOUT
from tests.system.production.hosts import Host, running_hosts
from tests.system.production.manual import Administrator, Block, read_blocks

MONITOR, AGENTS = "monitor.example.org", "agents.example.org"
PUBLIC = f"https://{MONITOR}"
HOME = "/opt/swf-testbed"
CERTIFICATES = "/etc/ssl/swf-testbed"
MANUAL = CHECKOUT / "docs/production.md"


@dataclass
class Facility:
    """A facility that is set up by the manual."""

    monitor: Host
    agents: Host
    administrator: Administrator
    repository: Path
    """What REPOSITORY is: a change that is committed there is what `git pull` brings."""
    said: dict[str, str] = field(default_factory=dict)
    """What the steps of each section printed."""

    def follow(self, section: str) -> str:
        """Carry out all steps of a section of the manual, and return what they printed."""
        said = ""
        for block in self.administrator.steps(section):
            said += self._do(block)
        self.said[section] = said
        return said

    def _do(self, block: Block) -> str:
        if "chgrp" in block.text and block.host == "agents":
            self._carry_certificates()
        said = self.administrator.do(block)
        words = self.administrator.replacements
        if "init --services" in block.text:
            words["BROKER-PASSWORD"] = self.setting("ACTIVEMQ_PASSWORD")
        if "token create agents-1" in block.text:
            words["THE-TOKEN"] = said.strip()
        if "token create ann" in block.text:
            words["THEIR-TOKEN"] = said.strip()
        return said

    def _carry_certificates(self) -> None:
        """Copy files from one host to the other, which the manual describes without a command."""
        for name in ("ca.pem", "agents.pem", "agents.key"):
            path = f"{CERTIFICATES}/{name}"
            content = self.monitor.run(f"cat {path}").stdout
            self.agents.run(f"cat > {path} <<'END'\n{content}END\n")

    def setting(self, name: str) -> str:
        """Return a setting of the monitor's host."""
        text = self.monitor.run(f"cat {HOME}/.testbed/settings.toml").stdout
        (value,) = re.findall(rf'^{name} = "(.*)"$', text, re.MULTILINE)
        return str(value)

    def sql(self, statement: str) -> str:
        """Run a statement on the monitor's database, as its owner."""
        url = self.setting("SWF_DATABASE_URL")
        return self.monitor.run(f"psql -qAt '{url}' <<'END'\n{statement}\nEND\n").stdout.strip()

    def testbed(
        self, host: Host, words: str, user: str = "swf", *, check: bool = True, **environment: str
    ) -> str:
        """Run a `testbed` command of an installation, and return its output."""
        home = HOME if user == "swf" else f"/home/{user}/swf-testbed"
        given = " ".join(f"{name}={value}" for name, value in environment.items())
        script = f"cd {home}; {given} .venv/bin/testbed {words}"
        return host.run(script, user, check=check).stdout

    def errors(self, host: Host, **environment: str) -> dict[str, dict[str, str]]:
        """Run the doctor on a host, and return its errors, by what they are about."""
        told = self.testbed(host, "doctor --json", check=False, **environment)
        findings = json.loads(told)["checks"]
        return {one["what"]: one for one in findings if one["status"] == "error"}

    def rest(self, path: str) -> Any:
        """Return the answer to a GET over REST from the host of agents, with its token."""
        command = f'curl -sS --fail-with-body --cacert {CERTIFICATES}/ca.pem "{PUBLIC}/api/{path}"'
        header = f'-H "Authorization: Token $(cat {HOME}/.testbed/token)"'
        return json.loads(self.agents.run(f"{command} {header}", "swf").stdout)


@contextmanager
def new_facility(folder: Path) -> Iterator[Facility]:
    """Yield two bare hosts; all is removed at the end."""
    shutil.copytree(Path(__file__).parent / "bin", folder / "bin")
    repository = folder / "repository"
    _copy_checkout(repository)
    _install_build_backend(folder / "build")
    for path in (folder, repository):
        path.chmod(0o755)
    with running_hosts({MONITOR: "10.83.0.1", AGENTS: "10.83.0.2"}, folder) as (monitor, agents):
        administrator = Administrator(
            {"monitor": monitor, "agents": agents},
            read_blocks(MANUAL),
            {"REPOSITORY": "/mnt/given/repository"},
        )
        yield Facility(monitor, agents, administrator, repository)


def _copy_checkout(repository: Path) -> None:
    """Commit the checkout as it is, with what is not committed there yet, to a new repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, repository / name)
    subprocess.run(["git", "init", "--quiet"], cwd=repository, check=True)
    commit(repository, "As it is")


def commit(repository: Path, message: str) -> None:
    """Commit all that is new there."""
    who = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", "add", "--all"], cwd=repository, check=True)
    done = ["git", *who, "commit", "--quiet", "--message", message]
    subprocess.run(done, cwd=repository, check=True)


def _install_build_backend(folder: Path) -> None:
    """Install the build backend of pyproject.toml into a folder of its own."""
    project = (CHECKOUT / "pyproject.toml").read_text()
    (requirement,) = re.findall(r'^requires = \["(.*)"\]$', project, re.MULTILINE)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    subprocess.run([*command, requirement], check=True)
