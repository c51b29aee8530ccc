"""Modules and functions keep their sizes, docstrings their style, names their clarity.

``pytest -s`` on this file prints the figures.
"""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[3]
PACKAGES = ("swf_common_lib", "workflows", "agents", "orchestrator", "monitor", "mcp_server")
MODULES = {
    file.relative_to(ROOT).as_posix(): file.read_text(encoding="utf-8")
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
    if "migrations" not in file.parts
}
NOT_HOW_DOCSTRINGS_BEGIN = {"Give", "Gives", "Tell", "Tells", "Say", "Says"}
UNCLEAR = {
    "words",
    "emptiness",
    "marks",
    "among",
    "kept",
    "rows",
    "keys",
    "changes",
    "sweeping",
    "lost",
    "ends",
    "box",
    "leftovers",
    "outage",
    "refusal",
    "sizes",
    "periods",
    "standing_streams",
    "tally",
    "ownership",
    "host",
    "handling",
}
"""Names of modules, classes and functions that say nothing to who comes new."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
NODES = [(module, node) for module, text in MODULES.items() for node in ast.walk(ast.parse(text))]


def percentile(values: list[int], fraction: float) -> int:
    return sorted(values)[int(len(values) * fraction)]


def test_functions_are_short() -> None:
    lengths = {
        f"{module}:{node.name} (line {node.lineno})": node.end_lineno - node.lineno + 1
        for module, node in NODES
        if isinstance(node, Function)
    }
    figures = list(lengths.values())
    longest = max(lengths, key=lambda name: lengths[name])
    print(
        f"\n{len(figures)} functions: median {median(figures):g} lines, 95th percentile"
        f" {percentile(figures, 0.95)}, longest {lengths[longest]} ({longest})"
    )
    assert percentile(figures, 0.95) <= 25
    assert not {name: length for name, length in lengths.items() if length > 60}


def test_modules_are_short() -> None:
    lengths = {name: text.count("\n") for name, text in MODULES.items()}
    longest = max(lengths, key=lambda name: lengths[name])
    print(
        f"\n{len(lengths)} modules: median {median(lengths.values()):g} lines, longest"
        f" {lengths[longest]} ({longest})"
    )
    assert median(lengths.values()) <= 100
    assert not {name: length for name, length in lengths.items() if length > 400}


def test_docstrings_begin_as_those_of_python_do() -> None:
    begun = {
        (module, getattr(node, "name", ""), (ast.get_docstring(node) or "").split(maxsplit=1)[0])
        for module, node in NODES
        if isinstance(node, Documented) and ast.get_docstring(node)
    }
    assert not {each for each in begun if each[2].strip(",.:") in NOT_HOW_DOCSTRINGS_BEGIN}


def test_no_name_is_unclear() -> None:
    assert not [name for name in MODULES if UNCLEAR & set(Path(name).with_suffix("").parts)]
    assert not [
        f"{module}:{node.lineno}: {node.name}"
        for module, node in NODES
        if isinstance(node, Definition) and node.name.strip("_").lower() in UNCLEAR
    ]
