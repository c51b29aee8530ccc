"""Ports for servers under test, and ports at which nobody answers.

A port is claimed for as long as this process lives, so that two processes of pytest that work side
by side never get the same one. All lie below the range from which the kernel takes the near end of
a connection: a port of that range may be gone again before the server under test listens on it.
"""

from __future__ import annotations

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import gettempdir
from typing import IO

from orchestrator.ports import is_free

_RANGE = range(20_000, 32_000)


class Claims:
    """The ports that this process has claimed: each is a locked byte of a file that all share."""

    def __init__(self) -> None:
        name = f"testbed-test-ports-{os.getuid()}"
        self._file: IO[bytes] = (Path(gettempdir()) / name).open("ab")
        self._held: set[int] = set()

    def claim(self) -> int:
        """Claim one more port at which nobody listens."""
        first = random.randrange(len(_RANGE))
        for offset in range(len(_RANGE)):
            port = _RANGE[(first + offset) % len(_RANGE)]
            if port not in self._held and self._locked(port) and is_free(port):
                self._held.add(port)
                return port
        raise AssertionError(f"no port of {_RANGE} is free")

    def _locked(self, port: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except BlockingIOError:
            return False
        return True


@lru_cache(maxsize=1)
def _claims() -> Claims:
    return Claims()


@contextmanager
def choosing() -> Iterator[None]:
    """Keep others from choosing ports as ``testbed init`` does, which reserves none.

    Two that choose at the same time choose the same ports; who has chosen has to listen
    there when this ends.
    """
    with (Path(gettempdir()) / f"testbed-test-choosing-{os.getuid()}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def free_port() -> int:
    """Return a loopback port at which nobody listens, reserved for the caller."""
    return _claims().claim()


def free_ports(count: int) -> list[int]:
    """Return several such ports, all different."""
    return [free_port() for _ in range(count)]
