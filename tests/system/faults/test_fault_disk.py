"""No byte left on the disk of everything that an embedded installation writes."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from tests.system.faults.disk import fill, free
from tests.system.faults.watched import EMBEDDED, WatchedStack
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.system

UNCONFIRMED = 40
"""Messages of our publisher, two seconds' worth, that show that the broker takes none."""


@pytest.mark.only_on(EMBEDDED)
def test_a_full_disk(watched: WatchedStack) -> None:
    if not watched.disk_can_be_filled:
        pytest.skip("this machine does not permit to mount a disk that can be filled")
    publisher = watched.ledger.publisher

    def cause() -> Collection[int]:
        folder = watched.settings.swf_runtime_dir
        fill(folder)
        wait_until(
            lambda: publisher.unconfirmed() > UNCONFIRMED, PATIENCE, "the broker takes more still"
        )
        free(folder)
        return ()

    run = watched.begin()
    run.suffer("full disk", cause)
    run.finish()
    watched.check_next_run()
