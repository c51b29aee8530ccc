"""What the broker keeps over a restart: changes collected in batches, written by a thread.

All methods are called on the event loop and return at once. What happens between two commits is
one transaction; what was both put and removed in it is never written.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue

from orchestrator.embedded_broker.database import Batch, Database, PageRequest, StoredQueue
from orchestrator.embedded_broker.message import QueuedMessage

logger = logging.getLogger(__name__)

BACKLOG_LIMIT = 32 * 1024 * 1024
"""Bytes not yet written from which on senders have to wait."""
RETRY_AFTER = 1.0
"""Seconds after which a batch that failed is written again."""
CLOSE_WITHIN = 10.0
"""Seconds that the last batch may take."""

OnCommitted = Callable[[str], None]
"""Called with an empty text after the commit, or with what prevented it."""


class Store:
    """Writes to the database in batches, on a thread beside the event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._batch = Batch(serial=1)
        self._under_way: Batch | None = None
        self._scheduled = False
        self._on_committed: dict[int, list[OnCommitted]] = {}
        self._read: dict[int, list[tuple[PageRequest, Callable[[list[QueuedMessage]], None]]]] = {}
        self._owners = database.shared()
        self._jobs: SimpleQueue[Batch | None] = SimpleQueue()
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name="broker-store", daemon=True)
        self._thread.start()
        self.queues = database.queues()
        self._last_queue = max((queue.id for queue in self.queues), default=0)
        self.committed = 0
        self.change_count = 0
        """Number of changes so far: a command that increases it has to wait for the commit."""
        self.failure = ""
        """Why nothing can be written at present; empty: it can."""
        self.on_commit: Callable[[], None] = lambda: None

    @property
    def serial(self) -> int:
        """Return the serial of the batch that contains a change made now."""
        return self._batch.serial

    @property
    def crowded(self) -> bool:
        """Return whether so much waits to be written that senders have to wait."""
        waiting = self._batch.size + (self._under_way.size if self._under_way else 0)
        return waiting > BACKLOG_LIMIT

    def create_queue(
        self, destination: str, client_id: str = "", subscription: str = "", selector: str = ""
    ) -> int:
        """Store a queue or durable subscription from now on; return its id."""
        self.change_count += 1
        self._last_queue += 1
        self._batch.new_queues.append(
            StoredQueue(self._last_queue, destination, client_id, subscription, selector)
        )
        self._soon()
        return self._last_queue

    def drop_queue(self, queue: int) -> None:
        """Delete a queue and the messages in it."""
        self.change_count += 1
        self._batch.dropped_queues.append(queue)
        self._soon()

    def put(self, message: QueuedMessage, queues: list[int]) -> None:
        """Store a message that is in ``queues``."""
        self.change_count += 1
        batch, number = self._batch, message.number
        batch.messages[number] = (number, message.expires, message.head, message.body)
        batch.size += len(message.body) + len(message.head)
        for queue in queues:
            batch.entries.add((queue, number))
        if len(queues) > 1:
            self._owners[number] = len(queues)
        if not self._scheduled:
            self._soon()

    def remove(self, queue: int, number: int) -> None:
        """Remove a message from a queue; it is deleted when no queue holds it any more."""
        self.change_count += 1
        batch = self._batch
        if (queue, number) in batch.entries:
            batch.entries.remove((queue, number))
        else:
            batch.removed.setdefault(queue, []).append(number)
        self._release(number)
        if not self._scheduled:
            self._soon()

    def _release(self, number: int) -> None:
        owners = self._owners.pop(number, 1) - 1
        if owners > 1:
            self._owners[number] = owners
        elif not owners and self._batch.messages.pop(number, None) is None:
            self._batch.dropped.append(number)

    def page(
        self, queue: int, after: int, limit: int, then: Callable[[list[QueuedMessage]], None]
    ) -> None:
        """Read messages of a queue that follow number ``after``; ``then`` is called with them."""
        page = PageRequest(queue, after, limit)
        self._batch.pages.append(page)
        self._read.setdefault(self._batch.serial, []).append((page, then))
        self._soon()

    def when_committed(self, serial: int, on_committed: OnCommitted) -> None:
        """Call ``on_committed`` once the batch of that serial, and so all before it, is on disk."""
        if serial <= self.committed:
            on_committed("")
        else:
            self._on_committed.setdefault(serial, []).append(on_committed)

    async def close(self) -> None:
        """Write what is left and close the file."""
        while self._under_way is not None or self._pending():
            self._hand_over()
            self._idle.clear()
            try:
                await asyncio.wait_for(self._idle.wait(), CLOSE_WITHIN)
            except asyncio.TimeoutError:
                logger.error("the store did not write within %g s", CLOSE_WITHIN)
                break
            if self.failure:
                logger.error("not everything could be kept: %s", self.failure)
                break
        self._jobs.put(None)
        self._thread.join()
        self._database.close()

    def _pending(self) -> bool:
        return self._batch.writes() or bool(self._batch.pages)

    def _soon(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        self._scheduled = False
        if self._under_way is not None:
            return  # it is handed over when that one is done
        self._under_way = self._batch
        self._batch = Batch(serial=self._under_way.serial + 1)
        self._jobs.put(self._under_way)

    def _work(self) -> None:
        while (batch := self._jobs.get()) is not None:
            failure = ""
            try:
                self._database.write(batch)
            except sqlite3.Error as error:
                failure = f"the broker's store cannot be written: {error}"
            self._loop.call_soon_threadsafe(self._done, batch, failure)

    def _done(self, batch: Batch, failure: str) -> None:
        if failure and not self.failure:
            logger.error("%s; persistent messages are refused until it can", failure)
        elif self.failure and not failure:
            logger.info("the store can be written again")
        self.failure = failure
        self._idle.set()
        if failure:
            self._tell(self._on_committed.pop(batch.serial, ()), failure)
            self._loop.call_later(RETRY_AFTER, self._jobs.put, batch)
            return
        self.committed = batch.serial
        self._under_way = None
        for number in batch.orphans:
            self._release(number)
        if self._pending() or self._on_committed:
            self._hand_over()
        self._tell(self._on_committed.pop(batch.serial, ()), "")
        for page, then in self._read.pop(batch.serial, ()):
            then([_message(row) for row in page.rows])
        self.on_commit()

    @staticmethod
    def _tell(callbacks: Iterable[OnCommitted], failure: str) -> None:
        for on_committed in callbacks:
            on_committed(failure)


def _message(row: tuple[int, int, bytes, bytes]) -> QueuedMessage:
    number, expires, head, body = row
    return QueuedMessage(number, head, body, persistent=True, expires=expires)
