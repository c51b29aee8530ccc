"""Where workflow code comes from: the state of the git work tree that holds it."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

_TIMEOUT = 2.0
_FRESH_SECONDS = 3.0
"""Seconds for which an answer of git is used again."""
_REMOTE = re.compile(r"\bgithub\.com[/:](?P<org>[^/:]+)/(?P<repo>[^/:]+?)(?:\.git)?/?\s*$")


def source_of(path: Path) -> dict[str, Any]:
    """Return org, repo, path, commit, branch, tag and dirty of a file; empty without git."""
    state = _state(path.parent, int(time.monotonic() / _FRESH_SECONDS))
    if not state:
        return {}
    root = Path(state["root"])
    inside = path.resolve().relative_to(root) if path.resolve().is_relative_to(root) else path
    return {
        **{name: value for name, value in state.items() if name != "root"},
        "path": inside.as_posix(),
    }


@lru_cache(maxsize=8)
def _state(folder: Path, period: int) -> Mapping[str, Any]:
    """Return git's state of ``folder``'s work tree; with a new ``period`` git is asked again."""
    root = _git(folder, "rev-parse", "--show-toplevel").strip()
    if not root:
        return MappingProxyType({})
    described = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    header = dict(
        line[2:].split(" ", 1) for line in described.splitlines() if line.startswith("# branch.")
    )
    changed = [line for line in described.splitlines() if not line.startswith("#")]
    # A workflow that git does not track yet is not in the commit either.
    changed += _git(folder, "ls-files", "--others", "--exclude-standard").splitlines()
    state: dict[str, Any] = {
        "root": str(Path(root).resolve()),
        "commit": header.get("branch.oid", "").replace("(initial)", ""),
        "branch": header.get("branch.head", "").replace("(detached)", ""),
        "tag": _git(folder, "describe", "--tags", "--exact-match", "HEAD").strip(),
        "dirty": bool(changed),
    }
    remote = _REMOTE.search(_git(folder, "remote", "get-url", "origin"))
    if remote:
        state |= {"org": remote["org"], "repo": remote["repo"]}
    return MappingProxyType(state)


def _git(folder: Path, *arguments: str) -> str:
    """Return git's output; an empty text without git, repository, or an answer in time."""
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        run = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **quiet},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.decode("utf-8", "replace") if run.returncode == 0 else ""
