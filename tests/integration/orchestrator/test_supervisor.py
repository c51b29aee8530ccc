"""A real supervisord with small programs of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from orchestrator.supervisord.connection import SupervisorUnavailable
from orchestrator.supervisord.orphans import end_programs_of, process_exists, programs_of
from orchestrator.supervisord.supervisor import GivenUp, ProgramFailed, Supervisor
from swf_common_lib.errors import NotFound
from tests.waiting import PATIENCE, wait_until

HEAD = """
[unix_http_server]
file=%(here)s/.testbed/s.sock
[supervisord]
logfile=%(here)s/.testbed/logs/supervisord.log
pidfile=%(here)s/.testbed/s.pid
childlogdir=%(here)s/.testbed/logs
environment=PATH="%(here)s/.venv/bin:%(ENV_PATH)s",SWF_HOME="%(here)s"
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/.testbed/s.sock
"""
PROGRAM = """
[program:{name}]
command={command}
autostart=false
startsecs={startsecs}
startretries=5
stopwaitsecs=5
redirect_stderr=true
stdout_logfile=%(here)s/.testbed/logs/{name}.log
"""
STAYS = (
    "python -c \"import os, time; print('home', os.environ['SWF_HOME'], flush=True); "
    'time.sleep(600)"'
)
DIES = "python -c \"raise SystemExit('cannot go on: no namespace')\""
STUBBORN = (
    'python -c "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); '
    "print('deaf', flush=True); time.sleep(600)\""
)
ABSENT = "no-such-command-anywhere"


@pytest.fixture
def supervisor(tmp_path):
    file = tmp_path / "x.conf"
    programs = [
        ("stays", STAYS, 0.2),
        ("other", STAYS, 0.2),
        ("dies", DIES, 60),
        ("absent", ABSENT, 1),
        ("stubborn", STUBBORN, 0),
    ]
    file.write_text(
        HEAD + "".join(PROGRAM.format(name=n, command=c, startsecs=int(s)) for n, c, s in programs)
    )
    made = Supervisor(file)
    yield made
    made.shutdown()
    end_programs_of(made.socket, patience=0)


def test_the_daemon_is_started_once_and_leaves_nothing(supervisor):
    assert not supervisor.alive()
    supervisor.ensure_daemon()
    pid = supervisor.pid()
    supervisor.ensure_daemon()

    assert supervisor.pid() == pid
    assert supervisor.socket.parent.stat().st_mode & 0o777 == 0o700

    supervisor.shutdown()

    assert not process_exists(pid)
    assert not supervisor.socket.exists()
    assert not supervisor.configuration.pid_file.exists()
    supervisor.shutdown()  # again is as good as once


def test_a_daemon_can_be_started_right_after_it_was_asked_to_end(supervisor):
    supervisor.ensure_daemon()
    supervisor.start("stays")
    first = supervisor.pid()
    supervisor._call("shutdown")

    supervisor.ensure_daemon()

    assert supervisor.pid() != first


def test_programs_start_and_stop_and_find_python_and_home(supervisor):
    supervisor.ensure_daemon()
    supervisor.start("stays")
    supervisor.start("stays")

    process = supervisor.wait_running("stays")

    assert process.running
    assert process.pid
    wait_until(lambda: process.last_lines() == f"home {supervisor.configuration.file.parent}")

    supervisor.start("other")
    supervisor.stop("stays", "other", "dies")

    assert {p.state for p in supervisor.processes().values()} == {"STOPPED"}
    assert not process_exists(process.pid)


def test_who_ends_itself_waits_no_longer(supervisor):
    ending = threading.Event()
    other = Supervisor(supervisor.configuration.file, ending)
    other.ensure_daemon()
    other.start("stubborn")
    wait_until(lambda: "deaf" in other.process("stubborn").last_lines())
    ending.set()

    with pytest.raises(GivenUp, match="no longer waits for stubborn to end") as caught:
        other.stop("stubborn")

    assert "supervisord goes on" in caught.value.hint
    assert supervisor.process("stubborn").state == "STOPPING"
    os.kill(supervisor.process("stubborn").pid, signal.SIGKILL)


def test_a_program_that_exits_is_told_with_its_last_lines_and_not_tried_again(supervisor):
    supervisor.ensure_daemon()
    supervisor.start("dies")

    with pytest.raises(ProgramFailed, match="cannot go on: no namespace"):
        supervisor.wait_running("dies")

    assert not supervisor.process("dies").active


def test_a_command_that_is_not_there_is_told(supervisor):
    supervisor.ensure_daemon()

    with pytest.raises(ProgramFailed, match="absent"):
        supervisor.start("absent")


def test_an_unknown_program_is_told_with_those_there_are(supervisor):
    supervisor.ensure_daemon()

    for action in (supervisor.process, supervisor.start, supervisor.stop):
        with pytest.raises(NotFound) as caught:
            action("nobody")
        assert "stays" in caught.value.hint


def test_without_a_daemon_one_is_told_so(supervisor):
    with pytest.raises(SupervisorUnavailable, match="no supervisord answers"):
        supervisor.processes()


def test_a_socket_path_that_is_too_long_is_told(tmp_path):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    (deep / "x.conf").write_text(HEAD)

    with pytest.raises(SupervisorUnavailable, match="too long for a UNIX socket"):
        Supervisor(deep / "x.conf").ensure_daemon()


def test_a_faulty_file_is_told_with_what_supervisord_says(supervisor):
    with supervisor.configuration.file.open("a") as file:
        file.write("[program:bad]\ncommand=x\nstartsecs=soon\n")

    with pytest.raises(SupervisorUnavailable, match="program:bad"):
        supervisor.ensure_daemon()


def test_a_killed_daemon_is_replaced_and_what_it_left_can_be_ended(supervisor):
    supervisor.ensure_daemon()
    supervisor.start("stays")
    process = supervisor.wait_running("stays")
    wait_until(process.last_lines)  # it counts as running before it has become its own program
    orphan = process.pid
    daemon = supervisor.pid()
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not process_exists(daemon))

    assert not supervisor.alive()
    assert programs_of(supervisor.socket) == [orphan]
    supervisor.ensure_daemon()
    assert not process_exists(orphan)
    assert supervisor.end_orphans() == 0
    supervisor.start("stays")
    assert supervisor.wait_running("stays").pid != orphan


def test_plain_supervisorctl_drives_it(supervisor):
    supervisor.ensure_daemon()

    def control(*words):
        command = [sys.executable, "-m", "supervisor.supervisorctl"]
        done = subprocess.run(
            [*command, "-c", str(supervisor.configuration.file), *words],
            cwd="/",
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout

    assert "stays: started" in control("start", "stays")
    assert "RUNNING" in control("status", "stays")
    wait_until(lambda: "home" in control("tail", "stays"))
    assert "stays: stopped" in control("stop", "stays")
