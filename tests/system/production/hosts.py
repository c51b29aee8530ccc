"""Hosts on one machine: namespaces for network, processes, files and host name, joined by a cable.

Root is needed. What a host writes to the system's folders goes to memory, and is gone with it.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = (
    "curl",
    "systemd-analyze",
    "setpriv",
    "unshare",
    "nsenter",
    "ip",
    "nginx",
    "git",
    "openssl",
    "keytool",
    "pg_dump",
    "runuser",
)
WRITABLE = ("etc", "home", "opt", "root", "var")
"""Folders of the system that a host has as they are, and may change for itself."""
SEARCHED = [
    "/mnt/given/bin",
    f"{sys.base_prefix}/bin",
    *("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"),
]
_KINDS = ("mnt", "net", "uts", "ipc")
_BEGIN = """
set -e
umask 022
mount -t tmpfs -o mode=755 tmpfs /mnt
for folder in {writable}; do
    mkdir -p /mnt/.upper/$folder /mnt/.work/$folder
    chmod --reference=/$folder /mnt/.upper/$folder
    mount -t overlay -o lowerdir=/$folder,upperdir=/mnt/.upper/$folder,workdir=/mnt/.work/$folder \
        overlay /$folder
done
for folder in {shut}; do chmod o+x $folder; done  # on the way to Python, for this host alone
mkdir -p /mnt/given /mnt/packages /mnt/.packages
mount --bind "{given}" /mnt/given
mount --bind "{packages}" /mnt/.packages
for package in /mnt/.packages/*; do  # all but the checkout that is tested, which is installed anew
    case $package in *swf_testbed*) ;; *) ln -s $package /mnt/packages/ ;; esac
done
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
rm -rf /opt/swf-testbed
hostname {name}
ip link set lo up
echo ready
while :; do sleep 3600 & wait; done
"""


def require_hosts() -> None:
    """Skip the test where hosts cannot be made; CI has to have the programs for it.

    A machine that does not permit namespaces, such as a container, is no fault of the installation.
    """
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0:
        reason = "network namespaces need root"
    elif missing:
        reason = f"not installed: {', '.join(missing)}"
    else:
        tried = subprocess.run(
            ["unshare", "--mount", "--net", "--pid", "--fork", "true"],
            capture_output=True,
            text=True,
        )
        if tried.returncode == 0:
            return
        reason = f"no namespaces here: {tried.stderr.strip()}"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"CI has to be able to make hosts: {reason}")
    pytest.skip(reason)


@dataclass(frozen=True)
class Host:
    """A host that runs."""

    name: str
    pid: int
    """Of the process that holds its namespaces."""

    def run(
        self, script: str, user: str = "root", *, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell script as somebody, in a login's environment; with ``check`` it succeeds."""
        done = subprocess.run(
            self.command(user, "bash", "-e", "-o", "pipefail"),
            input=script,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check:
            said = f"{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, f"on {self.name}, as {user}:\n{script}\n{said}"
        return done

    def command(self, user: str, *words: str) -> list[str]:
        """Return the command that runs a program on this host, at home in the user's folder."""
        space = Path(f"/proc/{self.pid}/ns")
        enter = ["nsenter", *(f"--{_OPTIONS[kind]}={space / kind}" for kind in _KINDS)]
        enter.append(f"--pid={space / 'pid_for_children'}")
        home = "/root" if user == "root" else f"/home/{user}"
        environment = {
            "HOME": home,
            "USER": user,
            "LOGNAME": user,
            "LANG": "C.UTF-8",
            "PATH": ":".join(SEARCHED),
            # There is no package index within reach: what is to be installed is there already,
            # and so is what builds the testbed itself.
            "PYTHONPATH": "/mnt/given/build:/mnt/packages",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "false",  # which means: none
            "PIP_QUIET": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        told = [f"{name}={value}" for name, value in environment.items()]
        become = [] if user == "root" else ["runuser", "-u", user, "--"]
        inside = ["env", "-i", "-C", home, *told, *words]
        return [*enter, "--", *become, *inside]


_OPTIONS = {"mnt": "mount", "net": "net", "uts": "uts", "ipc": "ipc"}


@contextmanager
def running_hosts(names: dict[str, str], given: Path) -> Iterator[list[Host]]:
    """Yield hosts with these names and addresses, which know each other, and end them.

    All see the folder ``given`` as ``/mnt/given``.
    """
    holders: list[subprocess.Popen[str]] = []
    try:
        for name in names:
            holders.append(_begin(name, given))
        hosts = [Host(name, holder.pid) for name, holder in zip(names, holders, strict=True)]
        _join(hosts, list(names.values()))
        known = "".join(f"{address} {name}\n" for name, address in names.items())
        for host in hosts:
            host.run(f"printf '127.0.0.1 localhost\\n{known}' > /etc/hosts")
            host.run("git config --system --add safe.directory '*'")
        yield hosts
    finally:
        for holder in holders:  # and with it every process of its host
            holder.kill()
            holder.communicate()


def _begin(name: str, given: Path) -> subprocess.Popen[str]:
    packages = next(path for path in map(Path, sys.path) if (path / "django").is_dir())
    script = _BEGIN.format(
        writable=" ".join(WRITABLE),
        given=given,
        shut=" ".join(_shut_folders(Path(sys.base_prefix))),
        packages=packages,
        name=name,
    )
    spaces = ["--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
    holder = subprocess.Popen(
        # Should the tests be killed, so is this, and with it what runs there.
        [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            *spaces,
            "--mount-proc",
            "bash",
            "-c",
            script,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert holder.stdout is not None
    said = holder.stdout.readline()
    if said != "ready\n":
        holder.kill()
        raise AssertionError(f"the host {name} did not begin: {said}{holder.communicate()[0]}")
    return holder


def _shut_folders(path: Path) -> list[str]:
    """Return the folders above a path through which not everybody may pass."""
    shut = [folder for folder in path.parents if not folder.stat().st_mode & stat.S_IXOTH]
    assert all(folder.parts[1] in WRITABLE for folder in shut), shut
    return [str(folder) for folder in shut]


def _join(hosts: list[Host], addresses: list[str]) -> None:
    """Connect the two hosts with a virtual cable."""
    one, other = hosts
    cable = f"ip link add eth0 type veth peer name eth0 netns {other.pid}"
    # In the network of the one, but where the other's process id is known.
    subprocess.run(["nsenter", f"--net=/proc/{one.pid}/ns/net", *cable.split()], check=True)
    for host, address in zip(hosts, addresses, strict=True):
        host.run(f"ip address add {address}/24 dev eth0; ip link set eth0 up")
