"""A supervisord whose agents do nothing, for tests of who starts and stops them."""

from __future__ import annotations

from pathlib import Path

CONFIGURATION = """
[unix_http_server]
file=%(here)s/.testbed/s.sock
[supervisord]
logfile=%(here)s/.testbed/logs/supervisord.log
pidfile=%(here)s/.testbed/s.pid
childlogdir=%(here)s/.testbed/logs
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%(here)s/.testbed/s.sock
"""
PROGRAM = """
[program:{name}]
command=sleep 600
autostart=false
startsecs=0
stopwaitsecs=5
stdout_logfile=%(here)s/.testbed/logs/{name}.log
"""


def write_small_agents(home: Path) -> None:
    """Write the configuration of agents that do nothing."""
    programs = (PROGRAM.format(name=name) for name in ("workflow-runner", "data-agent"))
    (home / "agents.supervisord.conf").write_text(CONFIGURATION + "".join(programs))
