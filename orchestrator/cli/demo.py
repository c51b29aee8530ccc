"""`testbed demo`: what `make run` does, from nothing to a finished fast-processing run."""

from __future__ import annotations

import argparse
import time

from orchestrator.agent_history import start_agents_on_record
from orchestrator.cli.context import Commands, Context
from orchestrator.cli.executions import follow_to_the_end, require_completed, sent
from orchestrator.cli.installation import print_addresses
from orchestrator.cli.summary import print_summary
from orchestrator.installation import prepare
from orchestrator.runs import start
from orchestrator.services import start_services
from swf_common_lib.config import load_testbed_file

SPEED = 20.0
"""Simulated seconds a second: the default run, about 400 of them, takes some 20 seconds."""
CONFIG = "fast_processing_default"


def add_commands(commands: Commands) -> None:
    """Add this module's command."""
    demo = commands.add_parser(
        "demo", help="initialise, start everything and run fast processing once"
    )
    demo.add_argument(
        "--speed", type=float, default=SPEED, metavar="N", help="simulated seconds a second"
    )
    demo.set_defaults(command=_demo)


def _demo(context: Context, options: argparse.Namespace) -> int:
    began = time.monotonic()
    prepared = prepare(context.settings)
    context.settings = prepared.settings
    for line in prepared.done:
        context.report(line)
    start_services(context.settings, context.report)
    processes = start_agents_on_record(context.settings)
    context.report(f"listening: {', '.join(process.name for process in processes)}")
    testbed = load_testbed_file(context.settings.swf_testbed_config)
    request = {
        "workflow": None,
        "config": CONFIG,
        "namespace": testbed.namespace,
        "speed": options.speed,
        "through": "cli",
        **sent(testbed),
    }
    record = start(context.client(patience=5.0), request)
    context.report(f"started {record['execution_id']}, {options.speed:g} simulated seconds/s")
    progress = follow_to_the_end(context, record["execution_id"])
    print_summary(context, progress)
    require_completed(progress)
    context.out.print()
    print_addresses(context)
    context.report(f"all of it took {time.monotonic() - began:.1f} s; `make stop` stops it")
    return 0
