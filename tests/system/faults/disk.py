"""A small disk for an installation's runtime folder, which a test may fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack import Stack

SIZE = "96m"
_BALLAST = "ballast"
_PIECE = 64 * 1024


def may_mount() -> bool:
    """Tell whether this user may mount file systems."""
    return os.geteuid() == 0


@contextmanager
def on_a_disk_of_its_own(stack: Stack) -> Iterator[None]:
    """Have the installation's runtime folder on a small disk, where that can be mounted."""
    if not may_mount():
        yield
        return
    folder = stack.home / ".testbed"
    settings = (folder / "settings.toml").read_text()
    options = f"size={SIZE},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        (folder / "settings.toml").write_text(settings)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> None:
    """Leave no byte on the disk of ``folder``."""
    with (folder / _BALLAST).open("ab", buffering=0) as ballast:
        for size in (_PIECE, 1024, 1):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                continue


def free(folder: Path) -> None:
    """Undo ``fill``."""
    (folder / _BALLAST).unlink()
