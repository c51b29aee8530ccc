"""From a start request to what will be executed: code, configuration, pace. All of it checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from monitor.executions.definitions import (
    definition_of,
    keep_definition,
    stored_definition,
)
from monitor.executions.git_source import source_of
from monitor.executions.request import REALTIME, UNPACED, StartRequest
from monitor.executions.workflow_code import WorkflowCode, read_workflow
from monitor.records.models import WorkflowDefinition
from swf_common_lib.config import (
    Expanded,
    TestbedFile,
    expand,
    load_testbed_file,
    parse_testbed_file,
)
from swf_common_lib.errors import InvalidRequest, NotFound
from swf_common_lib.settings import Settings


class PaceReason(str, Enum):
    """Why a start that asks for no pace has the one that it has."""

    NAMED = "named"
    """It names a workflow or a configuration: the pace in testbed.toml is that of a bare start."""
    SPEED_OF_TESTBED = "speed_of_testbed"
    REALTIME_OF_TESTBED = "realtime_of_testbed"


@dataclass(frozen=True)
class Pace:
    """How fast simulated time goes."""

    speed: float
    """Simulated seconds per second of wall time; 0: as fast as it goes."""
    because: PaceReason


@dataclass(frozen=True)
class Plan:
    """What a start will execute."""

    definition: WorkflowDefinition
    """One without a key is new: nothing is kept before it is started."""
    expanded: Expanded
    options: dict[str, Any]
    code: WorkflowCode | None
    """The code of the workflow's file, which runs; None: the definition's own runs."""

    source: dict[str, Any] = field(default_factory=dict)
    """Where the code comes from, and its text where the definition has another; once on record."""

    def registered(self) -> Plan:
        """Return the plan with its definition on record."""
        new = self.definition.pk is None
        definition = keep_definition(self.definition) if new else self.definition
        return replace(self, definition=definition, source=_source(definition, self.code))


def make_plan(request: StartRequest, testbed_settings: Settings, created_by: str) -> Plan:
    """Check a request and say what it will execute. Nothing is written.

    Raises ConfigurationError with all faults of the configuration, NotFound for an unknown
    workflow or version, InvalidRequest for values that cannot be meant.
    """
    request.check()
    testbed = _testbed(request, testbed_settings)
    request = _with_defaults(request, testbed)
    workflows_dir = testbed_settings.swf_home / "workflows"
    stored: WorkflowDefinition | None = None
    code: WorkflowCode | None = None
    if request.from_definition:
        if not request.workflow:
            raise InvalidRequest("from_definition needs the name of a workflow")
        stored = stored_definition(request.workflow, request.version)
    elif request.workflow:
        code = read_workflow(
            request.workflow, workflows_dir
        )  # its faults come before the configuration's
    expanded = expand(
        request.config or (stored.workflow_name if stored is not None else None),
        workflow=request.workflow,
        workflows_dir=workflows_dir,
        testbed=testbed,
        namespace=request.namespace,
        overrides=request.parameters,
        config_text=_configuration_text(request, stored),
    )
    options = {"speed": _speed(request), "duration": float(request.duration)}
    if stored is not None:
        return Plan(stored, expanded, options, code=None)
    if code is None or code.name != expanded.workflow_name:
        code = read_workflow(expanded.workflow_name, workflows_dir)
    if request.version and request.version != expanded.version:
        raise NotFound(
            f"there is no version {request.version!r} of workflow {code.name}",
            f"Its file has version {expanded.version}; see the workflow definitions for others.",
        )
    return Plan(definition_of(code, expanded.version, created_by), expanded, options, code)


def _source(definition: WorkflowDefinition, code: WorkflowCode | None) -> dict[str, Any]:
    if code is None:
        return {**definition.source, "digest": definition.digest, "modified": False}
    same = definition.digest == code.digest
    source = {**source_of(code.path), "digest": code.digest, "modified": not same}
    if not same:
        source["text"] = code.text
        source["note"] = (
            f"workflows/{code.name}.py was changed since version {definition.version} was "
            "registered; the text that runs is kept here"
        )
    return source


def _testbed(request: StartRequest, testbed_settings: Settings) -> TestbedFile | None:
    path = testbed_settings.swf_testbed_config
    if request.testbed_text is not None:
        name = Path(request.testbed_name).name or path.name
        return parse_testbed_file(request.testbed_text, Path(name))
    return load_testbed_file(path) if path.is_file() else None


def _with_defaults(request: StartRequest, testbed: TestbedFile | None) -> StartRequest:
    if request.workflow or request.config or request.config_text:
        return request
    if testbed is None or not (testbed.workflow.name or testbed.workflow.config):
        raise InvalidRequest(
            "neither a workflow nor a configuration is named",
            "Name one, or set [workflow] name in testbed.toml.",
        )
    default = testbed.workflow
    paced = request.realtime or request.speed is not None
    return replace(
        request,
        workflow=default.name or None,
        config=default.config or None,
        speed=request.speed if paced else default_pace(testbed, named=False).speed,
    )


def default_pace(testbed: TestbedFile | None, *, named: bool) -> Pace:
    """Return the pace of a start that asks for none; ``named``: it names what is to be started."""
    if named or testbed is None:
        return Pace(UNPACED, PaceReason.NAMED)
    default = testbed.workflow
    if default.speed is not None:
        return Pace(float(default.speed), PaceReason.SPEED_OF_TESTBED)
    speed = REALTIME if default.realtime else UNPACED
    return Pace(speed, PaceReason.REALTIME_OF_TESTBED)


def _speed(request: StartRequest) -> float:
    if request.speed is not None:
        return float(request.speed)
    return REALTIME if request.realtime else default_pace(None, named=True).speed


def _configuration_text(request: StartRequest, stored: WorkflowDefinition | None) -> str | None:
    if request.config_text is not None or request.config or stored is None:
        return request.config_text
    return configuration_text(stored.parameter_values)


def configuration_text(sections: Mapping[str, Any]) -> str:
    """Write a stored configuration as the file that it could have come from."""
    lines: list[str] = []
    for name, table in sections.items():
        if not isinstance(table, Mapping) or name == "testbed":
            continue
        lines.append(f"[{_toml_key(name)}]")
        for key, value in table.items():
            if value is not None and (name, key) != ("workflow", "config"):
                lines.append(f"{_toml_key(key)} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_key(key: str) -> str:
    return _toml_scalar(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items() if v is not None)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value if item is not None) + "]"
    return _toml_scalar(value)


def _toml_scalar(value: Any) -> str:
    # JSON's scalars are TOML's, but for one control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
