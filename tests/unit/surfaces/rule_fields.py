"""Which fields the rules give with each code and each remedy, read from the rules' own source.

A function that makes findings names codes, remedies, evidence and target; helpers that name no code
themselves lend their fields to whoever calls them.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from swf_common_lib.findings import FindingCode, Remedy
from swf_common_lib.roles import ROLES

CHECKOUT = Path(__file__).parents[3]
PACKAGES = ("swf_common_lib", "orchestrator", "monitor", "mcp_server")
TABLES = "finding_texts.py"
ERRORS = "swf_common_lib/errors.py"
Fields = Mapping[str, frozenset[str]]


@dataclass
class Part:
    """A function, a class's body or a module's constant: what it names."""

    codes: set[FindingCode] = field(default_factory=set)
    remedies: set[Remedy] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    """Names that it calls or refers to."""
    keywords: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By the function to which they are passed."""
    function: bool = False
    open: bool = False
    """Whether it takes any keyword: what it is called with is evidence."""

    @property
    def makes(self) -> bool:
        """Whether it makes a finding."""
        return "Finding" in self.keywords


@lru_cache(maxsize=1)
def fields_by_code() -> Mapping[FindingCode, frozenset[str]]:
    """Return the fields that go with each code which a rule finds."""
    given: dict[FindingCode, set[str]] = defaultdict(set)
    for module in _modules():
        for name in module:
            parts = _with_helpers(name, module, lambda part: bool(part.codes))
            if any(part.makes for part in parts):
                for code in {code for part in parts for code in part.codes}:
                    given[code] |= _fields(parts, module)
    return {code: frozenset(fields) for code, fields in given.items()}


@lru_cache(maxsize=1)
def fields_by_remedy() -> Mapping[Remedy, frozenset[str]]:
    """Return the fields that go with each remedy that a rule or an error names."""
    given: dict[Remedy, set[str]] = defaultdict(set)
    for module in _modules():
        for name in module:
            parts = _with_helpers(name, module, lambda part: bool(part.remedies))
            for remedy in {remedy for part in parts for remedy in part.remedies}:
                given[remedy] |= _fields(parts, module)
    return {remedy: frozenset(fields) for remedy, fields in given.items()}


def _with_helpers(
    name: str, module: Mapping[str, Part], stands_alone: Callable[[Part], bool]
) -> list[Part]:
    """Return a part with the constants and the helpers that it uses.

    ``stands_alone``: whether a function is no helper, since it says itself what it finds.
    """
    parts, todo, passed = [module[name]], list(module[name].uses), {name}
    while todo:
        used = todo.pop()
        if used in passed or used not in module:
            continue
        passed.add(used)
        helper = module[used]
        if used.lstrip("_").isupper():
            parts.append(helper)
        elif helper.function and not stands_alone(helper):
            parts.append(helper)
            todo += helper.uses
    return parts


def _fields(parts: list[Part], module: Mapping[str, Part]) -> set[str]:
    fields = {one for part in parts for one in part.fields}
    for part in parts:
        for called, keywords in part.keywords.items():
            if called == "evidence" or (called in module and module[called].open):
                fields |= keywords
    return fields


@lru_cache(maxsize=1)
def _modules() -> list[dict[str, Part]]:
    """Return the parts of each module by name, imported helpers among them."""
    trees = {}
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            if path.name != TABLES:
                name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
                trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    parts = {name: dict(_parts(tree)) for name, tree in trees.items()}
    modules = []
    for name, tree in trees.items():
        imported = {
            alias.asname or alias.name: parts[node.module][alias.name]
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module in parts
            for alias in node.names
            if alias.name in parts[node.module]
        }
        # An imported function is a helper here; its own findings are its module's.
        modules.append({**_lent(imported), **parts[name]})
    return modules


def _lent(imported: Mapping[str, Part]) -> dict[str, Part]:
    return {
        name: part
        for name, part in imported.items()
        if part.function and not part.codes and not part.remedies
    }


def _parts(tree: ast.Module) -> Iterator[tuple[str, Part]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, _part(node)
        elif isinstance(node, ast.ClassDef):
            yield node.name, _part(*[one for one in node.body if not _is_function(one)])
            for method in filter(_is_function, node.body):
                yield f"{node.name}.{method.name}", _part(method)  # type: ignore[attr-defined]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, _part(node)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef)


def _part(*nodes: ast.AST) -> Part:
    part = Part()
    if nodes and isinstance(nodes[0], ast.FunctionDef):
        part.function, part.open = True, nodes[0].args.kwarg is not None
    for outer in nodes:
        for node in ast.walk(outer):
            _take_name(node, part)
            _take_fields(node, part)
    return part


def _take_name(node: ast.AST, part: Part) -> None:
    if isinstance(node, ast.Name):
        part.uses.add(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id == "FindingCode":
            part.codes.add(FindingCode[node.attr])
        elif node.value.id == "Remedy":
            part.remedies.add(Remedy[node.attr])


def _take_fields(node: ast.AST, part: Part) -> None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        part.keywords[node.func.id] |= {one.arg for one in node.keywords if one.arg}
    elif isinstance(node, ast.Dict):
        for key in node.keys:
            part.fields |= set(_texts(key))
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        part.fields |= set(_texts(node.slice))


def _texts(node: ast.AST | None) -> Iterator[str]:
    """Yield the texts that a key can be; one that begins with a role's type, for each role."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        constant = "".join(str(v.value) for v in node.values if isinstance(v, ast.Constant))
        yield from (f"{agent_type}{constant}" for agent_type in ROLES)
