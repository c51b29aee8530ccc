"""The command-line options of an execution that is started."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swf_common_lib.config import load_testbed_file, parse_assignment, read_text
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import Settings

PARAMETER_OPTIONS = {
    "stf_count": (int, "N", "super time frames of each physics period"),
    "physics_period_count": (int, "N", "physics periods; 0: until stopped"),
    "physics_period_duration": (float, "S", "length of a physics period in simulated seconds"),
    "stf_interval": (float, "S", "simulated seconds between super time frames"),
}


def add_run_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say how a workflow is run."""
    parser.add_argument(
        "--workflow-config",
        "--config",
        metavar="C",
        help="configuration in workflows/, with or without .toml, or a path to a file",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=0.0,
        metavar="S",
        help="end it after so many simulated seconds (default 0: at its own end)",
    )
    parser.add_argument(
        "--realtime",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="one simulated second a second (default: as fast as it goes)",
    )
    parser.add_argument(
        "--speed", type=float, metavar="N", help="N simulated seconds a second; 0: no waiting"
    )
    for name, (kind, metavar, text) in PARAMETER_OPTIONS.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, dest=name, type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="any parameter; may be repeated",
    )


@dataclass(frozen=True)
class RunRequest:
    """A request to run, with the fields of ``POST /api/workflow-executions/start/``."""

    fields: dict[str, Any]

    @classmethod
    def from_options(
        cls, options: argparse.Namespace, workflow: str | None, settings: Settings
    ) -> RunRequest:
        """Read the command line and ``testbed.toml``; raises ConfigurationError."""
        testbed = load_testbed_file(options.testbed_config or settings.swf_testbed_config)
        default = testbed.workflow
        name = workflow or default.name
        if not name:
            raise ConfigurationError(
                [f"{testbed.path}: [workflow] name is missing, and no workflow is named"],
                "Name one, such as stf_datataking.",
            )
        fields: dict[str, Any] = {
            "workflow": name,
            "namespace": options.namespace or testbed.namespace,
            "duration": options.duration,
            "realtime": bool(options.realtime),
            "parameters": _parameters(options),
            # The monitor may be on another host, and have another one.
            "testbed_name": testbed.path.name,
            "testbed_text": testbed.text,
        }
        fields.update(_configuration(options.workflow_config))
        if workflow is None:
            fields.setdefault("config", default.config or None)
            if options.realtime is None:
                fields["realtime"] = default.realtime
                fields["speed"] = default.speed
        if options.speed is not None:
            fields["speed"] = options.speed
        return cls({key: value for key, value in fields.items() if value is not None})


def _configuration(given: str | None) -> dict[str, Any]:
    """Return the fields for a name in ``workflows/``, or for a user's own file, sent as text."""
    if given is None:
        return {}
    path = Path(given)
    if path.name == given and not path.is_file():
        return {"config": given}
    if not path.is_file():
        raise ConfigurationError(
            [f"{given}: there is no such file"],
            "Give a path to a TOML file, or the name of a configuration in workflows/.",
        )
    return {"config": path.stem, "config_text": read_text(path)}


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(options, name) for name in PARAMETER_OPTIONS}
    parameters = {name: value for name, value in named.items() if value is not None}
    for assignment in options.assignments:
        key, value = parse_assignment(assignment)
        parameters[key] = value
    return parameters
