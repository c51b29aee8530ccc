"""A small disk for an installation's runtime folder, which a test may fill."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack import Stack
from tests.waiting import wait_until

SIZE = "96m"
_BALLAST = "ballast"
_PIECE = 64 * 1024


@contextmanager
def on_a_disk_of_its_own(stack: Stack, size: str = SIZE) -> Iterator[bool]:
    """Put the installation's runtime folder on a small disk, where one can be mounted.

    Yields whether it could be mounted.
    """
    folder = stack.home / ".testbed"
    settings = (folder / "settings.toml").read_text()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        yield False
        return
    try:
        (folder / "settings.toml").write_text(settings)
        yield True
    finally:
        # The last of its processes may be on their way out.
        unmount = ["umount", folder]
        wait_until(lambda: subprocess.run(unmount, capture_output=True).returncode == 0)


def fill(folder: Path) -> None:
    """Fill the disk of ``folder`` to its last byte."""
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
