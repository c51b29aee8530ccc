"""The host's clock set back by an hour in the middle of a run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.faults.watched import EMBEDDED, WatchedStack

pytestmark = [pytest.mark.system, pytest.mark.enough_on(EMBEDDED)]

BACK = 3600
"""Seconds."""
SOURCE = Path(__file__).with_name("clock.c")


def require_compiler() -> str:
    """Return the C compiler; without one skip the test, or fail it in CI."""
    found = shutil.which("cc")
    if found is None:
        assert "CI" not in os.environ, "CI has to have a C compiler"
        pytest.skip("no C compiler here (Debian: apt install gcc libc6-dev)")
    return found


@contextmanager
def other_clock(watched: WatchedStack) -> Iterator[Callable[[int], None]]:
    """Run all of the installation with a clock that can be set: the machine's stays as it is.

    Yields the function that sets it, by so many seconds off the right time.
    """
    library, offset = watched.home / "clock.so", watched.home / "clock"
    command = [require_compiler(), "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)

    def put(seconds: int) -> None:
        # In place: the programs have the file's page before them.
        with offset.open("r+b" if offset.exists() else "wb") as file:
            file.write(seconds.to_bytes(8, "little", signed=True))

    put(0)
    watched.stop()
    try:
        watched.up(LD_PRELOAD=str(library), CLOCK_OFFSET=str(offset))
        yield put
    finally:
        watched.stop()
        watched.up()


@pytest.mark.timeout(600)  # everything is started anew, twice
def test_a_clock_set_back(watched: WatchedStack) -> None:
    with other_clock(watched) as put:
        run = watched.begin()

        def cause() -> Collection[int]:
            put(-BACK)
            run.go_on(10)
            return ()

        run.suffer(f"clock set back by {BACK} s", cause)
        run.finish()
        watched.check_next_run()
