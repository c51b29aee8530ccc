"""Turns the recorded source of a workflow into an executor that is ready to run."""

from __future__ import annotations

import hashlib
import inspect
import linecache
import sys
import traceback
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import simpy

from swf_common_lib.config import data_taking
from swf_common_lib.errors import WorkflowFailed

CLASS_NAME = "WorkflowExecutor"


@dataclass(frozen=True)
class WorkflowSource:
    """The Python source of a workflow, as the execution's record holds it."""

    workflow_name: str
    text: str

    @property
    def filename(self) -> str:
        """Return the file name that tracebacks show for it."""
        return f"workflows/{self.workflow_name}.py"

    def trim(self, failure: BaseException) -> None:
        """Remove our own frames from a failure's traceback, if it comes from the workflow."""
        trace = failure.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != self.filename:
            trace = trace.tb_next
        failure.__traceback__ = trace or failure.__traceback__

    def traceback(self, failure: BaseException) -> str:
        """Return a failure's traceback as text, with the workflow's lines from this source."""
        lines = self.text.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self.text), None, lines, self.filename)
        return "".join(traceback.format_exception(type(failure), failure, failure.__traceback__))


def make_process(
    source: WorkflowSource,
    config: Mapping[str, Any],
    runner: Any,
    execution_id: str,
    env: simpy.Environment,
) -> simpy.Process:
    """Return the SimPy process that executes a workflow in ``env``.

    Raises WorkflowFailed when the source is no workflow, and whatever its own code raises.
    """
    return env.process(make_events(source, config, runner, execution_id, env))


def make_events(
    source: WorkflowSource,
    config: Mapping[str, Any],
    runner: Any,
    execution_id: str,
    env: simpy.Environment,
) -> Any:
    """Return the generator of a workflow's events; raises as ``make_process`` does."""
    executor = _instantiate(_executor_class(source), source, dict(config), runner, execution_id)
    execute = getattr(executor, "execute", None)
    if not callable(execute):
        raise WorkflowFailed(f"{source.filename}: {CLASS_NAME} has no method execute(env)")
    events = execute(env)
    if not isinstance(events, types.GeneratorType):
        raise WorkflowFailed(
            f"{source.filename}: {CLASS_NAME}.execute(env) gives a {type(events).__name__},"
            " not a generator of SimPy events",
            "It must yield events, such as env.timeout(1).",
        )
    return events


@lru_cache(maxsize=64)
def _compiled(source: WorkflowSource) -> types.CodeType:
    # Future statements of this module are none of the workflow's.
    return compile(source.text, source.filename, "exec", dont_inherit=True)


def _executor_class(source: WorkflowSource) -> type[Any]:
    digest = hashlib.sha256(source.text.encode()).hexdigest()[:12]
    module = types.ModuleType(f"workflow_{source.workflow_name}_{digest}")
    module.__file__ = source.filename
    # The older form of workflows relies on this name without importing it.
    module.__dict__["simpy"] = simpy
    # Dataclasses and pickling look classes up by their module's name.
    sys.modules[module.__name__] = module
    exec(_compiled(source), module.__dict__)  # noqa: S102  (running workflows is its purpose)
    found = module.__dict__.get(CLASS_NAME)
    if not isinstance(found, type):
        raise WorkflowFailed(
            f"{source.filename} defines no class {CLASS_NAME}",
            f"A workflow is a class {CLASS_NAME}(config, runner, execution_id) with execute(env).",
        )
    return found


def _instantiate(
    kind: type[Any],
    source: WorkflowSource,
    config: dict[str, Any],
    runner: Any,
    execution_id: str,
) -> Any:
    signature = inspect.signature(kind)
    for arguments in ((config, runner, execution_id), (flat_parameters(config),)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return kind(*arguments)
    raise WorkflowFailed(
        f"{source.filename}: {CLASS_NAME}{signature} cannot be made",
        "It must take (config, runner, execution_id), or (parameters) in the older form.",
    )


def flat_parameters(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return one flat table of all parameters, for workflows that take only ``parameters``."""
    flat: dict[str, Any] = {}
    for name, section in config.items():
        if name not in ("workflow", "testbed") and isinstance(section, Mapping):
            flat.update(section)
    return {**flat, **data_taking(dict(config)), **config.get("parameters", {})}
