"""What an assistant sees of workflows and configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mcp_server.answers.cursors import ListCursors, no_cursor
from mcp_server.answers.results import Result
from monitor.executions.plan import Pace, PaceReason, default_pace
from monitor.executions.workflow_code import meant_by, read_workflow, workflow_names
from monitor.records.models import WorkflowDefinition
from swf_common_lib.config import (
    AcceptedParameter,
    ConfigurationSummary,
    Expanded,
    TestbedFile,
    accepted_parameters,
    expand,
    list_configurations,
    load_testbed_file,
)
from swf_common_lib.config.catalogue import default_configuration
from swf_common_lib.errors import ConfigurationError, NotFound
from swf_common_lib.settings import Settings
from swf_common_lib.text import given, instant

Item = dict[str, Any]

_WHY_SO_FAST = {
    PaceReason.NAMED: "a workflow or configuration is named: the pace in testbed.toml counts for a "
    "start without arguments only",
    PaceReason.SPEED_OF_TESTBED: "[workflow] speed in testbed.toml",
    PaceReason.REALTIME_OF_TESTBED: "[workflow] realtime in testbed.toml",
}
"""A test looks for each reason here."""
_BEGIN_OF_DOCSTRING = re.compile(r'\A(?:#.*\n|\s)*"""(.*?)(?:"""|$)', re.MULTILINE)


class DefinitionList(Result):
    """A page of workflows, by name."""

    items: list[Item]
    total: int
    next_cursor: str | None = None
    applied_filters: dict[str, str] = {}
    note: str | None = None


class Definition(Result):
    """One workflow."""

    workflow: str
    is_default: bool = False
    config: str | None = None
    """The configuration whose values ``parameters`` shows."""
    configurations: list[Item]
    parameters: list[Item]
    versions: list[Item] = []
    problems: list[str] = []
    speed: Item
    """Of a start that gives neither speed nor realtime: by name, and bare (the default's only)."""
    example: Item | None = None
    """Arguments of a start that is accepted; none where no start of it would be."""
    code: str | None = None


class Validation(Result):
    """What is wrong with a configuration, or all that it says."""

    ok: bool
    problems: list[str]
    hint: str | None = None
    workflow: str | None = None
    config: str | None = None
    namespace: str | None = None
    notes: list[str] = []
    parameters: dict[str, Item] = {}


def definitions(settings: Settings, name: str, limit: int, cursor: str) -> DefinitionList:
    """Return a page of the workflows: those of the installation, and those in the database."""
    cursors = ListCursors.of("workflows", name)
    begin = _begin(cursors, cursor)
    configurations = list_configurations(_workflows(settings))
    names = _names(settings, configurations)
    asked = [part for part in (one.strip() for one in name.split(",")) if part]
    wanted = [one for one in names if not asked or one in asked]
    unknown = [
        f"There is no workflow {one!r}; {meant_by(one, names, _workflows(settings))}"
        for one in asked
        if one not in names
    ]
    return DefinitionList(
        items=[
            given(
                workflow=workflow,
                is_default=workflow == _default(settings) or None,
                configs=[c.name for c in configurations if c.workflow_name == workflow],
                description=_description(settings, workflow, configurations),
            )
            for workflow in wanted[begin : begin + limit]
        ],
        total=len(wanted),
        next_cursor=cursors.at(str(begin + limit)) if begin + limit < len(wanted) else None,
        applied_filters=given(workflow_name=name),
        note=" ".join(unknown) or None,
    )


def definition(settings: Settings, name: str, config: str, with_code: bool) -> Definition:
    """Return one workflow: configurations, parameters with bounds, versions, an example.

    Raises NotFound for an unknown workflow, ConfigurationError for an unknown configuration.
    """
    configurations = list_configurations(_workflows(settings))
    known = _names(settings, configurations)
    name = name or _default(settings)
    if name not in known:
        raise NotFound(
            f"there is no workflow {name!r}; {meant_by(name, known, _workflows(settings))}",
            "list_workflow_definitions lists all.",
        )
    recorded = WorkflowDefinition.objects.filter(workflow_name=name).order_by("-id")
    problems: list[str] = []
    expanded = None
    try:
        expanded = _expanded(settings, name, config, "", {})
    except (ConfigurationError, NotFound) as error:
        if config:
            raise
        problems = error.problems if isinstance(error, ConfigurationError) else [error.detail]
    latest = recorded.first()
    file = expanded.file if expanded else ""
    mine = [file, *(c.name for c in configurations if c.workflow_name == name)]
    return Definition(
        workflow=name,
        is_default=name == _default(settings),
        config=file or None,
        configurations=[_configuration(c) for c in configurations if c.workflow_name == name],
        parameters=[_parameter(one) for one in accepted_parameters(expanded)] if expanded else [],
        versions=[
            given(version=d.version, created_by=d.created_by, created_at=instant(d.created_at))
            for d in recorded.defer("definition")[:20]
        ],
        problems=problems,
        speed=_speeds(settings, name),
        example=_example(settings, name, [config] if config else mine),
        code=_code(settings, name, latest) if with_code else None,
    )


def validated(
    settings: Settings, workflow: str, config: str, namespace: str, overrides: Mapping[str, Any]
) -> Validation:
    """Expand a configuration as a start would, and return the values or every fault."""
    try:
        expanded = _expanded(settings, workflow, config, namespace, overrides)
        read_workflow(expanded.workflow_name, _workflows(settings))
    except ConfigurationError as error:
        return Validation(ok=False, problems=error.problems, hint=error.hint or None)
    except NotFound as error:
        return Validation(ok=False, problems=[error.detail], hint=error.hint or None)
    return Validation(
        ok=True,
        problems=[],
        workflow=expanded.workflow_name,
        config=expanded.file or None,
        namespace=expanded.sections["testbed"]["namespace"],
        notes=expanded.notes,
        parameters={
            f"{section}.{key}": {
                "value": value,
                "source": expanded.provenance[f"{section}.{key}"],
            }
            for section, table in _tables(expanded)
            for key, value in table.items()
        },
    )


def _begin(cursors: ListCursors, cursor: str) -> int:
    """Return the number of a page's first row; raise InvalidRequest for another list's cursor."""
    place = cursors.place(cursor) if cursor else "0"
    if not re.fullmatch(r"[0-9]{1,9}", place):
        raise no_cursor(cursor)
    return int(place)


def _expanded(
    settings: Settings, workflow: str, config: str, namespace: str, overrides: Mapping[str, Any]
) -> Expanded:
    if workflow:
        read_workflow(workflow, _workflows(settings))
    return expand(
        config or None,
        workflow=workflow or None,
        workflows_dir=_workflows(settings),
        testbed=_testbed(settings),
        namespace=namespace,
        overrides=overrides,
    )


def _workflows(settings: Settings) -> Path:
    return settings.swf_home / "workflows"


def _names(settings: Settings, configurations: list[ConfigurationSummary]) -> list[str]:
    recorded = WorkflowDefinition.objects.values_list("workflow_name", flat=True).distinct()
    configured = {c.workflow_name for c in configurations if c.workflow_name}
    return sorted({*configured, *workflow_names(_workflows(settings)), *recorded})


def _default(settings: Settings) -> str:
    try:
        return load_testbed_file(settings.swf_testbed_config).workflow.name
    except ConfigurationError:
        return ""  # validate_workflow_config and start_workflow report the error


def _description(
    settings: Settings, workflow: str, configurations: list[ConfigurationSummary]
) -> str:
    """Return the description of a workflow's default configuration, else that of its code."""
    try:
        bare = default_configuration(workflow, _workflows(settings), _testbed(settings))
    except ConfigurationError:
        bare = ""
    told = [c.description for c in configurations if c.name == bare and c.description]
    if not told:
        told = _BEGIN_OF_DOCSTRING.findall(_code(settings, workflow, None) or "")
    return told[0][:120] if told else ""


def _testbed(settings: Settings) -> TestbedFile | None:
    path = settings.swf_testbed_config
    return load_testbed_file(path) if path.is_file() else None


def _configuration(summary: ConfigurationSummary) -> Item:
    return given(
        config=summary.name,
        description=summary.description,
        version=summary.version,
        sections=list(summary.sections),
        problem=summary.problem,
    )


def _tables(expanded: Expanded) -> list[tuple[str, dict[str, Any]]]:
    return [(s, t) for s, t in expanded.sections.items() if s not in ("workflow", "testbed")]


def _parameter(one: AcceptedParameter) -> Item:
    known = one.known
    item = {"name": one.name, "section": one.section, "default": one.value}
    if known is None:
        return item
    return item | given(
        older_name=one.older_name,
        type="integer" if known.kind is int else "number",
        min=known.minimum,
        max=known.maximum,
        unit=known.unit,
        doc=known.doc,
    )


def _example(settings: Settings, workflow: str, configs: Iterable[str]) -> Item | None:
    """Return the arguments of a start that would be accepted, with few STFs where it has these."""
    for config in configs:
        for parameters in ({"stf_count": 5}, {}):
            if validated(settings, workflow, config, "", parameters).ok:
                return given(workflow=workflow, config=config, **parameters) | {"realtime": False}
    return None


def _speeds(settings: Settings, workflow: str) -> Item:
    """Return how fast a start goes that asks for no pace, and why."""
    named = default_pace(None, named=True)
    told = {"named": _pace(named)}
    if workflow != _default(settings):
        return told
    return told | {"bare": _pace(default_pace(_testbed(settings), named=False))}


def _pace(pace: Pace) -> Item:
    return {"speed": pace.speed, "why": _WHY_SO_FAST[pace.because]}


def _code(settings: Settings, name: str, latest: WorkflowDefinition | None) -> str | None:
    try:
        return read_workflow(name, _workflows(settings)).text
    except (NotFound, ConfigurationError):
        return latest.definition if latest else None
