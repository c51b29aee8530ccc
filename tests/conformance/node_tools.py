"""Other people's programs for MCP, from npm, in the versions that package-lock.json pins."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
_BIN = FOLDER / "node_modules" / ".bin"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"
_WANTED = FOLDER / "package-lock.json"


class NpmMissing(Exception):
    """There is no npm on this machine."""


def install() -> None:
    """Install the programs unless they are there; raises NpmMissing."""
    if _INSTALLED.exists() and _INSTALLED.stat().st_mtime >= _WANTED.stat().st_mtime:
        return
    if shutil.which("npm") is None:
        raise NpmMissing("npm is not there: install it (Debian, Ubuntu: apt install npm)")
    subprocess.run(["npm", "ci", "--loglevel=error", "--fetch-retries=5"], cwd=FOLDER, check=True)


def run(
    program: str,
    *arguments: str,
    home: Path,
    folder: Path | None = None,
    timeout: float = 300,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one of the programs in ``folder`` (or in ``home``), with ``home`` as home directory.

    The node that it runs on is the one from npm, not the system's.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SWF_")}
    path = f"{_BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return subprocess.run(
        [str(_BIN / program), *arguments],
        cwd=folder or home,
        env={**inherited, "HOME": str(home), "PATH": path, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
