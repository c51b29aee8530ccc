"""Which tests are run by one worker of pytest-xdist, in their order: those that share servers.

Whatever is not named here goes by its file. A file that is missing costs a start of the servers
more, nothing else. (xdist's own groups, ``--dist loadgroup``, have no effect with pytest 9.2.)
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

FOLDERS = tuple(f"tests/integration/{area}" for area in ("agents", "broker", "messaging"))
"""Each has brokers, or all services, for the session."""
INSTALLATIONS = (
    ("commands", "control", "doctor", "errors", "mcp_session"),
    ("bad_messages_everywhere", "services"),
)
"""Of tests/system, test_*.py: each row has one installation that runs (fixture ``running``)."""
FAULTS = "tests/system/faults"
"""Has two installations, each for the session; the tests' parameter says which."""


def group_of(test: str) -> str:
    """Return the group of a test, by its id."""
    path = PurePosixPath(test.split("::")[0])
    if str(path.parent) in FOLDERS:
        return str(path.parent)
    if str(path.parent) == FAULTS:
        return f"{FAULTS}[{test.rpartition('[')[2]}"
    name = path.stem.removeprefix("test_")
    row = next((row for row in INSTALLATIONS if name in row), (str(path),))
    return row[0]


class Sharing(LoadScopeScheduling):
    """Assigns whole groups of tests to workers."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
