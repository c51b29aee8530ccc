"""What a supervisord configuration file says: where the daemon listens, and its programs."""

from __future__ import annotations

from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path

from swf_common_lib.errors import ConfigurationError

_STOP_WAIT = 10.0  # supervisord's default for stopwaitsecs


@dataclass(frozen=True)
class Program:
    """A ``[program:NAME]`` section."""

    name: str
    command: str
    stop_wait: float
    """Seconds from the signal to stop until it is killed."""

    def runs(self, script: str) -> bool:
        """Return whether its command runs ``script``, a path in the checkout."""
        return script in self.command.split()


@dataclass(frozen=True)
class SupervisorConfiguration:
    """The parts of the file that are needed to talk to its daemon."""

    file: Path
    socket: Path
    pid_file: Path
    log_file: Path
    log_dir: Path
    programs: dict[str, Program]

    @classmethod
    def read(cls, file: Path) -> SupervisorConfiguration:
        """Read a configuration file. Raises ConfigurationError when that cannot be done."""
        parser = ConfigParser(interpolation=None, inline_comment_prefixes=(";",), strict=False)
        try:
            with file.open(encoding="utf-8") as stream:
                parser.read_file(stream)
            here = str(file.parent)
            daemon = {k: v.replace("%(here)s", here) for k, v in parser["supervisord"].items()}
            address = parser["unix_http_server"]["file"].replace("%(here)s", here)
        except (OSError, UnicodeDecodeError, Error, KeyError) as error:
            raise ConfigurationError([f"{file}: cannot be used: {error}"]) from error
        return cls(
            file=file,
            socket=Path(address),
            pid_file=Path(daemon.get("pidfile", f"{here}/supervisord.pid")),
            log_file=Path(daemon.get("logfile", f"{here}/supervisord.log")),
            log_dir=Path(daemon.get("childlogdir", f"{here}/.testbed/logs")),
            programs=_programs(parser),
        )

    def stop_wait(self, name: str) -> float:
        """Return the seconds that stopping ``name`` may take."""
        program = self.programs.get(name)
        return program.stop_wait if program else _STOP_WAIT


def _programs(parser: ConfigParser) -> dict[str, Program]:
    programs = {}
    for section in parser.sections():
        kind, _, name = section.partition(":")
        if kind == "program" and name:
            options = parser[section]
            programs[name] = Program(
                name=name,
                command=options.get("command", ""),
                stop_wait=options.getfloat("stopwaitsecs", _STOP_WAIT),
            )
    return programs
