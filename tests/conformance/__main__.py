"""Whether other people's programs find our MCP server as the protocol says: ``make conformance``.

The official suite, for both revisions of the protocol: against our server with the suite's
fixtures, and against the production server for what needs none. Then the Inspector, which calls
every tool in both eras, Claude Code, which connects in each way there is, and the check of the
bundle's manifest.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.conformance import node_tools
from tests.conformance.assistants import connect, validate_bundle
from tests.conformance.every_tool import call_every_tool
from tests.conformance.inspector import ERAS, Inspector
from tests.conformance.scenarios import WITHOUT_FIXTURES
from tests.conformance.suite import REVISIONS, Scenario, Suite
from tests.integration.mcp.mcp_process import Installation, McpProcess
from tests.stack import Stack


def main() -> int:
    """Run everything and print it; give the exit status."""
    try:
        node_tools.install()
    except node_tools.NpmMissing as error:
        print(error, file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack.create(Path(folder) / "stack")
        try:
            stack.start()
            passed = [*_suite(stack, Path(folder)), *_clients(stack, Path(folder))]
        finally:
            stack.stop()
    print("all passed" if all(passed) else "FAILED")
    return 0 if all(passed) else 1


def _suite(stack: Stack, folder: Path) -> Iterator[bool]:
    """Run the official suite against both servers."""
    token, url = stack.settings.swf_api_token, stack.settings.swf_mcp_url
    with _fixture_server(stack) as fixtures:
        suite = Suite(fixtures.url, token, _new(folder / "fixtures"))
        for revision in REVISIONS:
            yield _print(f"{revision}, fixture server", suite.required(revision))
    suite = Suite(url, token, _new(folder / "production"))
    for revision in REVISIONS:
        scenarios = suite.selected(WITHOUT_FIXTURES[revision], revision)
        yield _print(f"{revision}, production server", scenarios)


def _clients(stack: Stack, folder: Path) -> Iterator[bool]:
    """Check the production server with the Inspector and Claude Code; yield each outcome."""
    token, url = stack.settings.swf_api_token, stack.settings.swf_mcp_url
    inspectors = [Inspector(url, token, era, _new(folder / era)) for era in ERAS]

    def every_tool() -> str:
        called = call_every_tool(inspectors)
        return ", ".join(f"{count} tools called, {era}" for era, count in called.items())

    yield _check("Inspector", every_tool)
    home = _new(folder / "claude")
    yield _check("Claude Code", lambda: connect(url, token, stack.home, home))
    yield _check("MCPB", lambda: validate_bundle(home))


@contextmanager
def _fixture_server(stack: Stack) -> Iterator[McpProcess]:
    installation = Installation(stack.home)
    process = McpProcess.start(installation, "tests.conformance.fixture_server")
    try:
        yield process
    finally:
        process.terminate()
        process.stop()


def _print(title: str, scenarios: Sequence[Scenario]) -> bool:
    """Print how the scenarios went; say whether all passed."""
    good = sum(scenario.ok for scenario in scenarios)
    checks = sum(scenario.passed for scenario in scenarios)
    print(f"\n{title}: {good} of {len(scenarios)} scenarios, {checks} checks", flush=True)
    for scenario in scenarios:
        counts = f"{scenario.passed} passed"
        if scenario.excused:
            counts += f", {scenario.excused} need a fixture"
        print(f"  {'ok  ' if scenario.ok else 'FAIL'} {scenario.name}: {counts}")
        for line in scenario.failures:
            print(f"       failed: {line}")
        for line in scenario.warnings:
            print(f"       warning: {line}")
    return good == len(scenarios)


def _check(title: str, check: Callable[[], str]) -> bool:
    try:
        print(f"\n{title}: {check()}", flush=True)
    except AssertionError as error:
        print(f"\n{title}: FAILED: {error}", flush=True)
        return False
    return True


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
