"""The code of workflows, as the files ``workflows/<name>.py`` have it."""

from __future__ import annotations

import hashlib
import re
import symtable
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from swf_common_lib.config import did_you_mean, list_configurations
from swf_common_lib.errors import ConfigurationError, NotFound

EXECUTOR = "WorkflowExecutor"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_MARK = re.compile(rf"^class {EXECUTOR}\b", re.MULTILINE)


@dataclass(frozen=True)
class WorkflowCode:
    """A workflow's code as its file has it now."""

    name: str
    text: str
    path: Path
    digest: str
    """The SHA-256 of the text, in hexadecimal."""


def digest_of(text: str) -> str:
    """Return the SHA-256 of code, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_workflow(name: str, workflows_dir: Path) -> WorkflowCode:
    """Read the code of a workflow.

    Raises NotFound, naming the nearest, when there is no such workflow; ConfigurationError when
    its file cannot be used.
    """
    path = workflows_dir / f"{name}.py"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise _unknown(name, workflows_dir)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path.name}: cannot be read: {error}"]) from error
    check_code(text, path.name)
    return WorkflowCode(name, text, path, digest_of(text))


def check_code(text: str, label: str) -> None:
    """Raise ConfigurationError unless ``text`` is Python that defines a WorkflowExecutor."""
    # Not ast.parse: up to Python 3.12 it fails now and then when two threads use it at once.
    try:
        compile(text, label, "exec", dont_inherit=True)
        names = symtable.symtable(text, label, "exec")
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConfigurationError([f"{label}{line}: not valid Python: {said}"]) from error
    assigned = {symbol.get_name() for symbol in names.get_symbols() if _is_bound(symbol)}
    if EXECUTOR not in assigned:
        raise ConfigurationError(
            [f"{label}: defines no class {EXECUTOR}"],
            f"A workflow is a class {EXECUTOR} with __init__(config, runner, execution_id) and "
            "a generator execute(env).",
        )


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported()


def workflow_names(workflows_dir: Path) -> list[str]:
    """Return the names of the workflows in a folder."""
    return sorted(
        path.stem
        for path in workflows_dir.glob("*.py")
        if _NAME.fullmatch(path.stem)
        and _MARK.search(path.read_text(encoding="utf-8", errors="replace"))
    )


def _unknown(name: str, workflows_dir: Path) -> NotFound:
    names = workflow_names(workflows_dir)
    hint = f"The workflows are {', '.join(names)}." if names else "There are no workflows."
    meant = meant_by(name[:100], names, workflows_dir)
    return NotFound(f"there is no workflow {name[:100]!r}; {meant}", hint)


def meant_by(name: str, workflows: Iterable[str], workflows_dir: Path) -> str:
    """Return a hint on what an unknown workflow name may mean.

    The name of a configuration, with or without ``_default``, means that configuration, not a
    workflow with a similar name: `testbed run` takes it too.
    """
    for summary in list_configurations(workflows_dir):
        if summary.workflow_name and summary.name in (name, f"{name}_default"):
            return (
                f"{summary.name} is a configuration of {summary.workflow_name}: give it as config"
            )
    return did_you_mean(name, workflows)
