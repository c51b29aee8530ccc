"""The official conformance suite, and how each of its scenarios went."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.node_tools import FOLDER, run

REVISIONS = ("2025-11-25", "2026-07-28")

TRIES = 3
"""How often a scenario is run at most; its time limits are tight for a loaded machine."""

_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z")
_REQUIRED = re.compile(r"^  - (\S+)", re.MULTILINE)

Excused = Mapping[str, Collection[str]]
"""Checks, by scenario, that need a fixture the server does not have."""


@dataclass
class Scenario:
    """What came of the checks of one scenario."""

    name: str
    passed: int = 0
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    excused: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def ok(self) -> bool:
        """No check failed, and one at least could be made (or was skipped by the suite)."""
        return not self.failures and bool(self.seen)


@dataclass(frozen=True)
class Suite:
    """The suite against one server."""

    url: str
    token: str
    home: Path

    def required(self, revision: str) -> list[Scenario]:
        """Run all that a revision of the protocol requires, and what it lists beside that."""
        listed = run("conformance", "list", "--requirements", revision, home=self.home).stdout
        servers = listed.partition("Server scenarios")[2].partition("Client scenarios")[0]
        assert servers, listed
        ran = self._run("--requirements", revision)
        names = [*ran, *(name for name in _REQUIRED.findall(servers) if name not in ran)]
        return [self._again(ran.get(name, Scenario(name)), revision, {}) for name in names]

    def selected(self, excused: Excused, revision: str) -> list[Scenario]:
        """Run all, and give the scenarios named: each with the checks it is excused from."""
        ran = self._run("--requirements", revision, excused=excused)
        return [self._again(ran.get(name, Scenario(name)), revision, excused) for name in excused]

    def _again(self, scenario: Scenario, revision: str, excused: Excused) -> Scenario:
        """Run a scenario that has failed alone, until it succeeds."""
        arguments = ("--scenario", scenario.name, "--spec-version", revision, "--force")
        for _ in range(1, TRIES):
            if scenario.ok:
                break
            scenario = self._run(*arguments, excused=excused).get(scenario.name, scenario)
        return scenario

    def _run(self, *arguments: str, excused: Excused | None = None) -> dict[str, Scenario]:
        number = len(list(self.home.glob("results-*")))
        results = self.home / f"results-{number}"
        run(
            "conformance",
            "server",
            "--url",
            self.url,
            "--output-dir",
            str(results),
            *arguments,
            home=self.home,
            environment={
                "TESTBED_TOKEN": self.token,
                "NODE_OPTIONS": f"--import {FOLDER / 'authorize.mjs'}",
            },
        )
        found = sorted(results.glob("*/checks.json"), key=lambda path: path.stat().st_mtime)
        scenarios = [_scenario(path, excused or {}) for path in found]
        return {scenario.name: scenario for scenario in scenarios}


def _scenario(checks: Path, excused: Excused) -> Scenario:
    """Read the results of one scenario."""
    folder = _FOLDER.fullmatch(checks.parent.name)
    assert folder is not None, checks
    name = folder["scenario"]
    scenario = Scenario(name)
    for check in json.loads(checks.read_text()):
        identity = check["id"]
        scenario.seen.add(identity)
        line = f"{identity}: {check.get('errorMessage', '')}"
        if identity in excused.get(name, ()):
            scenario.excused += 1
        elif check["status"] == "FAILURE":
            scenario.failures.append(line)
        elif check["status"] == "WARNING":
            scenario.warnings.append(line)
        elif check["status"] == "SUCCESS":
            scenario.passed += 1
    return scenario
