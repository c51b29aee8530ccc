"""``testbed.toml``: namespace, default workflow, agents, and overrides of this installation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.config.parameters import PARAMETERS
from swf_common_lib.config.toml_text import parse_toml, read_text, storable
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.remedies import Remedy
from swf_common_lib.suggestions import did_you_mean

OWN_TABLES = ("testbed", "workflow", "agents", "parameters")
"""Tables of ``testbed.toml`` that are not sections of a workflow configuration."""

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_AGENT = re.compile(r"[A-Za-z0-9_-]{1,50}")
_NUMBER = (int, float)
_NAMESPACE_HINT = 'Set it in testbed.toml: [testbed] namespace = "your-name".'


@dataclass(frozen=True)
class WorkflowDefault:
    """What a bare ``testbed run`` runs; empty names where the file gives none."""

    name: str = ""
    config: str = ""
    realtime: bool = False
    speed: float | None = None
    """Simulated seconds a wall second; None: as ``realtime`` says."""


@dataclass(frozen=True)
class AgentEntry:
    """One agent of the installation."""

    name: str
    enabled: bool = True
    script: str = ""
    """Its program, relative to the installation's folder."""


@dataclass(frozen=True)
class TestbedFile:
    """A ``testbed.toml`` as read: everything checked but the names of parameters."""

    __test__ = False

    path: Path
    namespace: str
    workflow: WorkflowDefault = WorkflowDefault()
    agents: dict[str, AgentEntry] = field(default_factory=dict)
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    """The text of the file, to be sent to the monitor."""


def load_testbed_file(path: Path) -> TestbedFile:
    """Read ``testbed.toml``.

    Raises ConfigurationError with every fault found: no such file, not TOML, no namespace,
    unknown keys, wrong types, values out of range.
    """
    if not path.is_file():
        raise ConfigurationError(
            [f"{path}: there is no such file"],
            "Run `testbed init` to make one, or name another in SWF_TESTBED_CONFIG.",
            Remedy.INITIALISE,
        )
    try:
        return parse_testbed_file(read_text(path), path)
    except ConfigurationError as error:
        hint = f"Correct {path.name} and try again."
        raise ConfigurationError(error.problems, hint) from error


def parse_testbed_file(text: str, path: Path) -> TestbedFile:
    """Read the text of a ``testbed.toml``, which may be one of another host; ``path`` names it.

    Raises ConfigurationError as ``load_testbed_file`` does.
    """
    reader = _Reader(parse_toml(text, str(path)), str(path))
    loaded = TestbedFile(
        path=path,
        namespace=reader.namespace(),
        workflow=reader.workflow(),
        agents=reader.agents(),
        sections=reader.sections(),
        parameters=reader.parameters(),
        text=text,
    )
    if reader.problems:
        raise ConfigurationError(reader.problems, f"Correct {path.name} and try again.")
    return loaded


def namespace_problem(namespace: str) -> str | None:
    """Return what is wrong with a namespace's name, or None when nothing is."""
    if not namespace.strip():
        return f"the namespace is empty. {_NAMESPACE_HINT}"
    if not _NAMESPACE.fullmatch(namespace):
        return (
            f"namespace {namespace!r}: expected up to 100 letters, digits, '.', '_' and '-', "
            "the first a letter or digit"
        )
    return None


def value_problem(label: str, section: str, key: str, value: Any) -> str | None:
    """Return what is wrong with a value in a file, or None when nothing is."""
    where = f"{label}: [{section}] {key} = {value!r}"
    parameter = PARAMETERS.get(key)
    if parameter is not None and not parameter.accepts(value):
        return f"{where}: expected {parameter.expected}"
    if not storable(value):
        return f"{where}: expected text, a finite number, true, false, or a list or table of them"
    return None


class _Reader:
    def __init__(self, data: dict[str, Any], label: str) -> None:
        self.data = data
        self.label = label
        self.problems: list[str] = []

    def namespace(self) -> str:
        table = self._table("testbed", {"namespace": (str,)})
        if "namespace" not in self._raw("testbed"):
            self.problems.append(f"{self.label}: [testbed] namespace is missing. {_NAMESPACE_HINT}")
        elif "namespace" in table:
            problem = namespace_problem(table["namespace"])
            if problem:
                self.problems.append(f"{self.label}: [testbed] {problem}")
        return str(table.get("namespace", ""))

    def workflow(self) -> WorkflowDefault:
        known = {"name": (str,), "config": (str,), "realtime": (bool,), "speed": _NUMBER}
        table = self._table("workflow", known)
        speed = table.get("speed")
        if speed is not None and not (storable(float(speed)) and speed >= 0):
            self.problems.append(
                f"{self.label}: [workflow] speed = {speed!r}: expected a number of simulated "
                "seconds a second, 0 or more (0: as fast as the machine goes)"
            )
        return WorkflowDefault(**table)

    def agents(self) -> dict[str, AgentEntry]:
        entries: dict[str, AgentEntry] = {}
        for name, raw in self._raw("agents").items():
            where = f"agents.{name}"
            if not _AGENT.fullmatch(name):
                self.problems.append(f"{self.label}: [{where}]: not a name for an agent")
                continue
            table = self._checked(where, raw, {"enabled": (bool,), "script": (str,)})
            entries[name] = AgentEntry(name, **table)
            if entries[name].enabled and isinstance(raw, Mapping) and "script" not in raw:
                self.problems.append(
                    f"{self.label}: [{where}] script is missing: the agent's program, such as "
                    f'script = "agents/{name}_agent.py"'
                )
        return entries

    def sections(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name, raw in self.data.items():
            if name in OWN_TABLES:
                continue
            if not isinstance(raw, dict):
                self.problems.append(
                    f"{self.label}: {name} stands outside every section; "
                    "write it under [parameters]"
                )
                continue
            found[name] = self._values(name, raw)
        return found

    def parameters(self) -> dict[str, Any]:
        return self._values("parameters", self._raw("parameters"))

    def _values(self, section: str, raw: dict[str, Any]) -> dict[str, Any]:
        for key, value in raw.items():
            if section == "parameters" and isinstance(value, dict):
                continue  # parameters of one section; the expansion looks into it
            problem = value_problem(self.label, section, key, value)
            if problem:
                self.problems.append(problem)
        return raw

    def _raw(self, name: str) -> dict[str, Any]:
        raw = self.data.get(name, {})
        if isinstance(raw, dict):
            return raw
        problem = f"{self.label}: {name} = {raw!r}: expected a table, [{name}]"
        if problem not in self.problems:
            self.problems.append(problem)
        return {}

    def _table(self, name: str, known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
        return self._checked(name, self._raw(name), known)

    def _checked(
        self, where: str, raw: Any, known: Mapping[str, tuple[type, ...]]
    ) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            self.problems.append(f"{self.label}: {where} = {raw!r}: expected a table, [{where}]")
            return {}
        good: dict[str, Any] = {}
        for key, value in raw.items():
            if key not in known:
                self.problems.append(
                    f"{self.label}: [{where}] has no {key}; {did_you_mean(key, known)}"
                )
            elif not _is_a(value, known[key]):
                self.problems.append(
                    f"{self.label}: [{where}] {key} = {value!r}: expected {_type_name(known[key])}"
                )
            else:
                good[key] = value
        return good


def _is_a(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _type_name(kinds: tuple[type, ...]) -> str:
    return "text in quotes" if str in kinds else "true or false" if bool in kinds else "a number"
