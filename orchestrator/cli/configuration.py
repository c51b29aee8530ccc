"""`testbed validate`: check testbed.toml and workflow configurations."""

from __future__ import annotations

import argparse
from pathlib import Path

from orchestrator.agents import enabled_programs
from orchestrator.cli.context import Commands, Context
from swf_common_lib.config import (
    TestbedFile,
    did_you_mean,
    expand,
    list_configurations,
    load_testbed_file,
    parse_toml,
    read_text,
)
from swf_common_lib.errors import ConfigurationError


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    validate = commands.add_parser(
        "validate",
        help="check testbed.toml and every configuration, or one file",
        description="Check files and name every fault. A faulty one makes the exit status 1.",
    )
    validate.add_argument(
        "file", nargs="?", help="a testbed.toml, a configuration file, or a configuration's name"
    )
    validate.set_defaults(command=_validate)


def _validate(context: Context, options: argparse.Namespace) -> int:
    settings = context.settings
    workflows = settings.swf_home / "workflows"
    if options.file is None:
        testbed = load_testbed_file(settings.swf_testbed_config)
        _check_testbed(context, testbed, workflows)
        _check_all(context, workflows, testbed)
        return 0
    path = Path(options.file)
    if path.name == "testbed.toml" or (path.is_file() and _is_testbed_file(path)):
        _check_testbed(context, load_testbed_file(path), workflows)
        return 0
    testbed = load_testbed_file(settings.swf_testbed_config)
    _check_one(context, options.file, workflows, testbed)
    return 0


def _is_testbed_file(path: Path) -> bool:
    """Return whether the file is a ``testbed.toml`` (under any name), not a workflow's."""
    return "testbed" in parse_toml(read_text(path), str(path))


def _check_testbed(context: Context, testbed: TestbedFile, workflows: Path) -> None:
    """Check a testbed.toml: its agents, and that what it runs by default can be run with it."""
    enabled_programs(context.settings, testbed)
    default = testbed.workflow
    if default.name or default.config:
        expanded = expand(
            None, workflow=default.name or None, workflows_dir=workflows, testbed=testbed
        )
        _check_workflow(expanded.workflow_name, workflows, f"{testbed.path}: [workflow]")
    context.out.print(f"{testbed.path}: good, namespace {testbed.namespace}", markup=False)


def _check_workflow(name: str, workflows: Path, where: str) -> None:
    """Raise ConfigurationError unless the configured workflow has code."""
    if not (workflows / f"{name}.py").is_file():
        known = {summary.workflow_name for summary in list_configurations(workflows)} - {"", name}
        raise ConfigurationError(
            [f"{where}: there is no workflow {name!r}; {did_you_mean(name, known)}"],
            f"Correct the name, or write the workflow: {workflows / name}.py.",
        )


def _check_one(context: Context, name: str, workflows: Path, testbed: TestbedFile) -> None:
    path = Path(name)
    text = None
    if path.is_file():
        text = read_text(path)
    elif "/" in name:
        raise ConfigurationError([f"{path}: there is no such file"])
    config = path.stem if text is not None else name
    expanded = expand(
        config, workflow=None, workflows_dir=workflows, testbed=testbed, config_text=text
    )
    _check_workflow(expanded.workflow_name, workflows, name)
    context.out.print(
        f"{name}: good, configures {expanded.workflow_name} {expanded.version}", markup=False
    )
    for note in expanded.notes:
        context.out.print(f"  note: {note}", markup=False)


def _check_all(context: Context, workflows: Path, testbed: TestbedFile) -> None:
    problems: list[str] = []
    for summary in list_configurations(workflows):
        if summary.problem and not summary.workflow_name and "name is missing" in summary.problem:
            continue  # a base file, only there to be included
        try:
            _check_one(context, summary.name, workflows, testbed)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(list(dict.fromkeys(problems)), "Correct these.")
