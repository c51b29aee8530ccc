"""Findings about the programs of a real supervisord; there are no services."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from orchestrator.process_health import last_end_of, process_findings
from orchestrator.services import supervisor_of_agents
from orchestrator.supervisord.log import read_histories
from orchestrator.supervisord.orphans import end_programs_of, process_exists
from swf_common_lib.findings import FindingCode, Remedy
from swf_common_lib.settings import load_settings
from tests.waiting import wait_until

HEAD = """
[unix_http_server]
file=%(here)s/.testbed/s.sock
[supervisord]
logfile=%(here)s/.testbed/logs/supervisord.log
pidfile=%(here)s/.testbed/s.pid
childlogdir=%(here)s/.testbed/logs
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """
[program:{name}]
command={command}
autostart=false
autorestart=true
startsecs={startsecs}
startretries=2
stopwaitsecs=5
stdout_logfile=%(here)s/.testbed/logs/{name}.log
"""
PROGRAMS = (
    ("stays", "sleep 600", 0),
    ("never-up", f"{sys.executable} -c 'raise SystemExit(3)'", 60),
    ("comes-and-goes", "sleep 0.2", 0),
    ("absent", "no-such-command-anywhere", 1),
)


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "agents.supervisord.conf").write_text(
        HEAD + "".join(PROGRAM.format(name=n, command=c, startsecs=s) for n, c, s in PROGRAMS)
    )
    return load_settings(tmp_path, {"SWF_SERVICES": "elsewhere"})


@pytest.fixture
def supervisor(settings):
    made = supervisor_of_agents(settings)
    made.ensure_daemon()
    yield made
    made.shutdown()
    end_programs_of(made.socket, patience=0)


def only(settings, code):
    """Return the one finding that there is, once it is of this code."""

    def found():
        findings = process_findings(settings)
        return findings if [one.code for one in findings] == [code] else None

    return wait_until(found)[0]


def test_where_nobody_started_agents_nothing_is_found(settings):
    assert process_findings(settings) == []


def test_programs_started_and_stopped_by_people_are_no_trouble(settings, supervisor):
    for _ in range(4):
        supervisor.start("stays")
        supervisor.wait_running("stays")
        supervisor.stop("stays")

    assert process_findings(settings) == []
    end = last_end_of(settings, "stays")
    assert end is not None
    assert (end.orderly, end.how) == (True, "terminated by SIGTERM")
    supervisor.start("stays")
    assert last_end_of(settings, "stays") is None


def test_one_that_was_killed_and_replaced_is_told(settings, supervisor):
    supervisor.start("stays")
    killed = supervisor.wait_running("stays").pid
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: supervisor.process("stays").pid not in (0, killed))

    finding = only(settings, FindingCode.PROCESS_DIED)

    assert finding.subject.id == "stays"
    assert finding.fact("how") == "terminated by SIGKILL"
    assert finding.fact("times") == 1
    supervisor.stop("stays")
    assert process_findings(settings) == []


def test_one_that_ends_again_and_again_is_told(settings, supervisor):
    supervisor.start("comes-and-goes")

    finding = only(settings, FindingCode.PROCESS_RESTARTING)

    assert finding.subject.id == "comes-and-goes"
    assert finding.fact("how") == "exit status 0"
    assert finding.remedy is Remedy.READ_LOG


def test_one_that_never_stays_up_is_told_until_it_is_given_up(settings, supervisor):
    supervisor.start("never-up")

    assert only(settings, FindingCode.PROCESS_RESTARTING).fact("how") == "exit status 3"
    given_up = only(settings, FindingCode.PROCESS_GIVEN_UP)

    assert given_up.fact("times") == 3
    end = last_end_of(settings, "never-up")
    assert end is not None
    assert (end.orderly, end.how, end.was_up) == (False, "exit status 3", False)


def test_a_program_whose_end_no_log_has(settings, supervisor):
    assert last_end_of(settings, "stays") is None


def test_processes_whose_supervisord_was_killed_are_told(settings, supervisor):
    supervisor.start("stays")
    left = supervisor.wait_running("stays").pid
    daemon = supervisor.pid()
    os.kill(daemon, signal.SIGKILL)
    wait_until(lambda: not process_exists(daemon))

    finding = only(settings, FindingCode.SUPERVISORD_AWAY)

    assert finding.subject.id == "agents"
    assert finding.remedy is Remedy.RESTART_AGENTS
    assert (finding.fact("processes"), finding.fact("programs")) == (1, "stays")
    assert process_exists(left)
    supervisor.ensure_daemon()
    assert process_findings(settings) == []


def test_a_supervisord_that_stands_still_is_told_of_as_living(settings, supervisor):
    supervisor.start("stays")
    supervisor.wait_running("stays")
    daemon = supervisor.pid()
    os.kill(daemon, signal.SIGSTOP)
    try:
        finding = only(settings, FindingCode.SUPERVISORD_AWAY)
    finally:
        os.kill(daemon, signal.SIGCONT)

    assert finding.remedy is Remedy.WAIT
    assert finding.fact("pid") == daemon
    assert process_findings(settings) == []


def test_a_process_that_is_itself_among_the_orphans_counts_itself(settings, supervisor):
    """The monitor looks, and its own supervisord is gone: it alone is left."""
    mark = f"unix://{supervisor.socket}"
    supervisor.shutdown()
    script = (
        "from pathlib import Path\n"
        "from orchestrator.process_health import process_findings\n"
        "from swf_common_lib.settings import load_settings\n"
        f"home = Path({str(settings.swf_home)!r})\n"
        "settings = load_settings(home, dict(SWF_SERVICES='elsewhere'))\n"
        "print([one.fact('programs') for one in process_findings(settings)])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "SUPERVISOR_SERVER_URL": mark, "SUPERVISOR_PROCESS_NAME": "stays"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "['stays']\n"


def test_a_configuration_that_cannot_be_used_is_a_finding(settings):
    (settings.swf_home / "agents.supervisord.conf").write_text("nonsense")

    finding = only(settings, FindingCode.CONFIGURATION_BROKEN)

    assert finding.subject.id.endswith("agents.supervisord.conf")
    assert finding.remedy is Remedy.MEND_FILE


def test_every_line_that_a_real_supervisord_writes_of_an_end_is_read(settings, supervisor):
    supervisor.start("never-up")
    only(settings, FindingCode.PROCESS_GIVEN_UP)
    log = supervisor.configuration.log_file

    ends = [line for line in log.read_text().splitlines() if "exited: never-up" in line]

    assert len(read_histories(log)["never-up"].deaths) == len(ends) == 3
