"""One supervisord: its daemon and its programs, over the XML-RPC of its UNIX socket."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults

from orchestrator.supervisord.configuration import SupervisorConfiguration
from orchestrator.supervisord.connection import TIMEOUT, ShuttingDown, SupervisorUnavailable, call
from orchestrator.supervisord.orphans import end_programs_of, process_exists
from orchestrator.supervisord.process import Process, process_from
from swf_common_lib.errors import Conflict, NotFound, TestbedError, Unavailable
from swf_common_lib.remedies import Remedy

# A path in a UNIX socket's address has room for 107 bytes (103 on macOS), and supervisord binds a
# name that is longer by a dot and its pid.
LONGEST_SOCKET_PATH = 95

RESTARTED_WITHIN = 1.5
"""Seconds within which supervisord starts again what has ended: it looks once a second."""


class ProgramFailed(TestbedError):
    """A program that should run exited; the detail has the last lines that it wrote."""

    code = "program-failed"


class GivenUp(Unavailable):
    """The wait for programs was given up, as this process is ending; supervisord continues."""

    code = "given-up"


class Supervisor:
    """The supervisord of one configuration file. Not for several threads at once.

    Once ``give_up`` is set, what waits for programs raises GivenUp.
    """

    def __init__(self, file: Path, give_up: threading.Event | None = None) -> None:
        self.configuration = SupervisorConfiguration.read(file)
        self.socket = self.configuration.socket
        self._give_up = give_up or threading.Event()

    def alive(self) -> bool:
        """Return whether the daemon takes commands."""
        try:
            self._call("getPID")
        except SupervisorUnavailable:
            return False
        return True

    def pid(self) -> int | None:
        """Return the daemon's process id; None when none listens."""
        try:
            return int(self._call("getPID"))
        except ShuttingDown:
            return self._pid_on_file()
        except SupervisorUnavailable:
            return None

    def ensure_daemon(self) -> None:
        """Start the daemon unless it runs. Raises SupervisorUnavailable with what it said."""
        self._check_socket_path()
        runtime = self.socket.parent
        for folder in (runtime, runtime / "logs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock():
            if self.alive():
                return
            self._await_end(self.pid(), timeout=30.0)
            self.end_orphans()
            command = [sys.executable, "-m", "supervisor.supervisord"]
            done = subprocess.run(
                [*command, "-c", str(self.configuration.file)],
                cwd=self.configuration.file.parent,
                env=_daemon_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            if done.returncode or not self.alive():
                said = done.stdout.strip() or f"it exited with status {done.returncode}"
                raise SupervisorUnavailable(
                    f"supervisord does not start with {self.configuration.file}: {said}",
                    f"Its log is {self.configuration.log_file}.",
                )

    def end_orphans(self) -> int:
        """End the programs that a killed daemon left running; return how many there were.

        Does nothing while a daemon lives.
        """
        return 0 if self.pid() else len(end_programs_of(self.socket))

    def processes(self, patience: float = TIMEOUT) -> dict[str, Process]:
        """Return every program with its state, by name.

        Raises SupervisorUnavailable, also when there is no answer for ``patience`` seconds.
        """
        return {
            info["name"]: process_from(info, self.configuration.log_dir)
            for info in call(self.socket, "getAllProcessInfo", patience=patience)
        }

    def process(self, name: str) -> Process:
        """Return one program. Raises NotFound, SupervisorUnavailable."""
        return process_from(self._call("getProcessInfo", name), self.configuration.log_dir)

    def start(self, name: str) -> None:
        """Start a program and return at once; one that runs stays as it is.

        Raises ProgramFailed when its command cannot be run, NotFound, SupervisorUnavailable.
        """
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_STARTED:
                raise ProgramFailed(
                    f"{name} cannot be started: {fault.faultString}",
                    f"Look at its command in {self.configuration.file}.",
                ) from fault

    def wait_running(self, name: str, timeout: float = 15.0) -> Process:
        """Wait until a started program has stayed up for its start seconds.

        Raises ProgramFailed with its last lines when it exits instead; it is then stopped, so
        that supervisord does not try it again behind the caller's back.
        """
        deadline = time.monotonic() + timeout
        while True:
            process = self.check_living(name)
            if process.running:
                return process
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"{name} is still {process.state} after {timeout:g} s",
                    f"See {process.log_file}.",
                )
            self.pause(f"{name} to stay up")

    def check_living(self, name: str) -> Process:
        """Return a program that should run. Raises ProgramFailed when it does not; see above."""
        process = self.process(name)
        if process.up:
            return process
        said = process.last_lines()
        self.stop(name)
        raise ProgramFailed(
            f"{name} does not stay up ({process.description or process.state}). Its last lines:\n"
            f"{said or '(it wrote nothing)'}",
            f"See {process.log_file}.",
        )

    def stop(self, *names: str) -> None:
        """Stop programs, all at the same time, and wait until they are gone.

        One that does not run stays as it is. Raises Conflict when one cannot be stopped.
        """
        for name in names:
            self._ask_to_stop(name)
        patience = max((self.configuration.stop_wait(name) for name in names), default=0.0) + 10
        began = time.monotonic()
        while left := self._not_stopped(names, settled=time.monotonic() > began + RESTARTED_WITHIN):
            if time.monotonic() > began + patience:
                raise Conflict(f"{', '.join(left)} did not end within {patience:g} s")
            self.pause(f"{', '.join(left)} to end")

    def _ask_to_stop(self, name: str) -> None:
        try:
            self._call("stopProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise Conflict(f"{name} cannot be stopped: {fault.faultString}") from fault

    def _not_stopped(self, names: Sequence[str], *, settled: bool) -> list[str]:
        """Return the programs that are not stopped yet.

        One that ends again and again may have been between two lives when it was asked to stop:
        supervisord starts it once more, and it is asked again. ``settled``: by now it would have.
        """
        left = []
        for name in names:
            process = self.process(name)
            if process.active and process.state != "STOPPING":
                self._ask_to_stop(name)
            if process.active or (process.state == "EXITED" and not settled):
                left.append(name)
        return left

    def shutdown(self, timeout: float = 60.0) -> None:
        """Stop all programs and the daemon, and wait until both it and its socket are gone.

        Raises SupervisorUnavailable when something is left after ``timeout`` seconds.
        """
        pid = self.pid()
        with suppress(ShuttingDown):
            if pid is not None:
                self._call("shutdown")
        self._await_end(pid, timeout)
        for left in (self.socket, self.configuration.pid_file):
            left.unlink(missing_ok=True)

    def pause(self, until: str, seconds: float = 0.05) -> None:
        """Wait a moment before the next check of a condition. Raises GivenUp."""
        if self._give_up.wait(seconds):
            raise GivenUp(
                f"this program is ending and no longer waits for {until}",
                "supervisord goes on with what it was told; testbed status says how far it came.",
                Remedy.LOOK_AT_STATUS,
            )

    def _await_end(self, pid: int | None, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while pid is not None and process_exists(pid):
            if time.monotonic() > deadline:
                raise SupervisorUnavailable(
                    f"supervisord (pid {pid}) has not ended within {timeout:g} s",
                    f"Its log is {self.configuration.log_file}.",
                )
            self.pause(f"supervisord (pid {pid}) to end")

    def _pid_on_file(self) -> int | None:
        try:
            return int(self.configuration.pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _check_socket_path(self) -> None:
        length = len(os.fsencode(self.socket))
        if length > LONGEST_SOCKET_PATH:
            raise SupervisorUnavailable(
                f"the path {self.socket} is too long for a UNIX socket ({length} bytes, at most "
                f"{LONGEST_SOCKET_PATH})",
                "Move the checkout to a folder with a shorter path.",
            )

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return call(self.socket, method, *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == Faults.BAD_NAME:
                raise self._unknown(str(arguments[0])) from fault
            raise

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(self.configuration.programs)
        return NotFound(f"{self.configuration.file} has no program {name!r}", f"It has: {known}.")

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Keep two commands from starting the daemon at the same time."""
        with self.socket.with_suffix(".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _daemon_environment() -> dict[str, str]:
    """Return the environment of the daemon: ours, with this Python's commands on the path.

    Variables that a supervisord has set for us, as one of its programs, are left out.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SUPERVISOR_")}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment.get('PATH', os.defpath)}"
    return environment
