"""`testbed validate`: check testbed.toml and workflow configurations."""

from __future__ import annotations

import argparse
from pathlib import Path

from orchestrator.agents import enabled_programs
from orchestrator.cli.context import Commands, Context
from swf_common_lib.config import TestbedFile, expand, list_configurations, load_testbed_file
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
        enabled_programs(settings, testbed)
        context.out.print(f"{testbed.path}: good, namespace {testbed.namespace}", markup=False)
        _check_all(context, workflows, testbed)
        return 0
    path = Path(options.file)
    if path.suffix == ".toml" and path.name == "testbed.toml":
        testbed = load_testbed_file(path)
        enabled_programs(settings, testbed)
        context.out.print(f"{path}: good, namespace {testbed.namespace}", markup=False)
        return 0
    testbed = load_testbed_file(settings.swf_testbed_config)
    _check_one(context, options.file, workflows, testbed)
    return 0


def _check_one(context: Context, name: str, workflows: Path, testbed: TestbedFile) -> None:
    path = Path(name)
    text = None
    if path.is_file():
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError([f"{path}: cannot be read: {error}"]) from error
    elif "/" in name:
        raise ConfigurationError([f"{path}: there is no such file"])
    config = path.stem if text is not None else name
    expanded = expand(
        config, workflow=None, workflows_dir=workflows, testbed=testbed, config_text=text
    )
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
