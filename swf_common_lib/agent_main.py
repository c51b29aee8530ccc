"""The command line that all agents share: read the settings, run until a signal to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.command_line import CommandParser
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import TestbedError
from swf_common_lib.logs import log_to_stderr
from swf_common_lib.settings import Settings, load_settings

AgentFactory = Callable[[Settings, str], BaseAgent]


def agent_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every agent has."""
    parser = CommandParser(description=description)
    parser.add_argument("--testbed-config", type=Path, help="the testbed.toml to use")
    parser.add_argument("--namespace", help="namespace to work in (default: testbed.toml's)")
    parser.add_argument("--debug", action="store_true", help="log more")
    return parser


def agent_namespace(options: argparse.Namespace, settings: Settings) -> str:
    """Return the namespace of the command line, else that of ``testbed.toml``."""
    if options.namespace:
        return str(options.namespace)
    return load_testbed_file(options.testbed_config or settings.swf_testbed_config).namespace


def run_agent(factory: AgentFactory, arguments: list[str] | None = None) -> int:
    """Run one agent as a program; return the exit status: 0, or 2 for a faulty configuration."""
    return run_with_options(factory, agent_parser(factory.__doc__ or "").parse_args(arguments))


def run_with_options(factory: AgentFactory, options: argparse.Namespace) -> int:
    """Run one agent with the options of ``agent_parser``; return as ``run_agent`` does."""
    log_to_stderr(logging.DEBUG if options.debug else logging.INFO)
    try:
        settings = load_settings()
        agent = factory(settings, agent_namespace(options, settings))
        stop_on_signals(agent)
        agent.run()
    except TestbedError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        return 2
    return 0


def stop_on_signals(agent: BaseAgent) -> None:
    """Stop the agent in an orderly way on SIGTERM and SIGINT."""

    def stop(_number: int, _frame: Any) -> None:
        agent.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
