"""The programs of agents.supervisord.conf, one for each role.

``python -m orchestrator.supervisord.programs`` writes them anew when ``swf_common_lib.roles`` has
changed. Other sections, programs of one's own among them, stay as they are.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from swf_common_lib.roles import ROLES, Role

FILE = "agents.supervisord.conf"
COMMAND = "python -m orchestrator.supervisord.programs"

_PROGRAM = """\
[program:{role.program}]
command=python {role.script}
directory=%(here)s
autostart=false
autorestart=true
startsecs=1
startretries=5
stopwaitsecs={role.stop_wait}
killasgroup=true
redirect_stderr=true
stdout_logfile=%(here)s/.testbed/logs/%(program_name)s.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""
_HEAD = re.compile(r"^(?:[;#].*\n)*\[(.*)\][ \t]*$", re.MULTILINE)
"""A section's first line, with the comments right above it."""


def program_section(role: Role) -> str:
    """Return the section of a role's program."""
    return _PROGRAM.format(role=role)


def with_programs(text: str) -> str:
    """Return a configuration file's text with the roles' programs as the table has them."""
    programs = {f"program:{role.program}": program_section(role) for role in ROLES.values()}
    others = {name: part for name, part in _sections(text) if name not in programs}
    own = [part for name, part in others.items() if name.startswith("program:")]
    above = [part for name, part in others.items() if not name.startswith("program:")]
    return "\n".join([*above, *programs.values(), *own])


def _sections(text: str) -> list[tuple[str, str]]:
    """Return the parts of the text by their names; what stands before the first has none."""
    found = list(_HEAD.finditer(text))
    starts = [0, *(section.start() for section in found)]
    ends = [*starts[1:], len(text)]
    names = ["", *(section.group(1) for section in found)]
    return [
        (name, text[start:end].rstrip("\n") + "\n")
        for name, start, end in zip(names, starts, ends, strict=True)
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file anew."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=main.__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path(FILE), help=f"default: {FILE}")
    file: Path = parser.parse_args(arguments).file
    file.write_text(with_programs(file.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
