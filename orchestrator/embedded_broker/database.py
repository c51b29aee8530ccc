"""The broker's SQLite file: its tables, and the writing of one batch as one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swf_common_lib.errors import ConfigurationError

VERSION = 1
"""Of the tables; a file of another version is not touched."""

# The table "box" holds the queues and durable subscriptions: files of earlier versions name it so.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS box (
    id INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    client_id TEXT NOT NULL DEFAULT '',
    subscription TEXT NOT NULL DEFAULT '',
    selector TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS message (
    number INTEGER PRIMARY KEY, expires INTEGER NOT NULL, head BLOB NOT NULL, body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS entry (
    box INTEGER NOT NULL, message INTEGER NOT NULL, PRIMARY KEY (box, message)
) WITHOUT ROWID;
"""

# Rows are written many a statement: Python gives up its lock once a statement, and a busy event
# loop gives it back only after a switch interval.
_CHUNKS = (128, 16, 1)

PAGE_BYTES = 16 * 1024 * 1024
"""Bytes of bodies after which a page ends, however few messages it has."""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class StoredQueue:
    """A queue (no subscription name) or a durable subscription, as it is kept."""

    id: int
    destination: str
    client_id: str = ""
    subscription: str = ""
    selector: str = ""
    depth: int = 0


@dataclass
class PageRequest:
    """A question for the next messages of a queue, in order; the answer is put in ``rows``."""

    queue: int
    after: int
    limit: int
    rows: list[Row] = field(default_factory=list)
    """(number, expires, head, body) each."""


@dataclass
class Batch:
    """What one transaction does: rows to write and to remove, then pages to read."""

    serial: int
    new_queues: list[StoredQueue] = field(default_factory=list)
    messages: dict[int, Row] = field(default_factory=dict)
    entries: set[tuple[int, int]] = field(default_factory=set)
    removed: dict[int, list[int]] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)
    dropped_queues: list[int] = field(default_factory=list)
    pages: list[PageRequest] = field(default_factory=list)
    orphans: list[int] = field(default_factory=list)
    """Answer: the messages that were in the dropped queues."""
    size: int = 0
    """Bytes to be written."""

    def writes(self) -> bool:
        """Return whether there is anything to write."""
        return bool(
            self.entries or self.removed or self.dropped or self.new_queues or self.dropped_queues
        )


class Database:
    """The open file. Used by one thread at a time, and by one broker."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises ConfigurationError where it cannot be used."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=1, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}COMMIT;")
            self._check_version()
            self._sweep()
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                [f"{path}: the broker cannot keep its messages there: {error}"],
                "See that no other broker uses this file, that the disk has room and that the "
                "file is the broker's; a damaged one may be moved away.",
            ) from error

    def _check_version(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"its tables are of version {version}, not {VERSION}")
        self._connection.execute(f"PRAGMA user_version = {VERSION}")

    def _sweep(self) -> None:
        # What a crash left between the end of a subscription and that of its messages.
        self._connection.execute("DELETE FROM entry WHERE box NOT IN (SELECT id FROM box)")
        self._connection.execute(
            "DELETE FROM message WHERE number NOT IN (SELECT message FROM entry)"
        )

    def queues(self) -> list[StoredQueue]:
        """Return the stored queues, with the number of messages in each."""
        return [
            StoredQueue(*row)
            for row in self._connection.execute(
                "SELECT id, destination, client_id, subscription, selector,"
                " (SELECT COUNT(*) FROM entry WHERE box = box.id) FROM box ORDER BY id"
            )
        ]

    def last_number(self) -> int:
        """Return the highest message number in the file."""
        row = self._connection.execute("SELECT MAX(number) FROM message").fetchone()
        return row[0] or 0

    def shared(self) -> dict[int, int]:
        """Return, for each message that is in several queues, in how many it is."""
        return dict(
            self._connection.execute(
                "SELECT message, COUNT(*) FROM entry GROUP BY message HAVING COUNT(*) > 1"
            )
        )

    def write(self, batch: Batch) -> None:
        """Write all of the batch, or nothing; raises sqlite3.Error."""
        if batch.writes():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._write_rows(batch)
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        for page in batch.pages:
            page.rows = self._read(page)

    def _read(self, page: PageRequest) -> list[Row]:
        rows, size = [], 0
        for row in self._connection.execute(
            "SELECT number, expires, head, body FROM entry JOIN message ON number = message"
            " WHERE box = ? AND message > ? ORDER BY message LIMIT ?",
            (page.queue, page.after, page.limit),
        ):
            rows.append(row)
            size += len(row[3])
            if size > PAGE_BYTES:
                break
        return rows

    def _write_rows(self, batch: Batch) -> None:
        execute = self._connection.execute
        for queue in batch.new_queues:
            execute(
                "INSERT OR IGNORE INTO box VALUES (?, ?, ?, ?, ?)",
                (queue.id, queue.destination, queue.client_id, queue.subscription, queue.selector),
            )
        self._insert("message", 4, list(batch.messages.values()))
        self._insert("entry", 2, sorted(batch.entries))
        for queue_id, numbers in batch.removed.items():
            self._delete(f"entry WHERE box = {queue_id:d} AND message", numbers)
        self._delete("message WHERE number", batch.dropped)
        batch.orphans = []
        for queue_id in batch.dropped_queues:
            rows = execute("SELECT message FROM entry WHERE box = ?", (queue_id,))
            batch.orphans += [row[0] for row in rows]
            execute("DELETE FROM entry WHERE box = ?", (queue_id,))
            execute("DELETE FROM box WHERE id = ?", (queue_id,))

    def _insert(self, table: str, columns: int, rows: Sequence[Row]) -> None:
        # OR IGNORE: a batch is written again when its COMMIT failed, even if it failed after all.
        one = f"({', '.join('?' * columns)})"
        for chunk in _chunks(rows):
            values = [value for row in chunk for value in row]
            places = ", ".join([one] * len(chunk))
            self._connection.execute(f"INSERT OR IGNORE INTO {table} VALUES {places}", values)  # noqa: S608

    def _delete(self, what: str, numbers: Sequence[int]) -> None:
        for chunk in _chunks(numbers):
            places = ", ".join("?" * len(chunk))
            self._connection.execute(f"DELETE FROM {what} IN ({places})", chunk)  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _chunks(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    start = 0
    for size in _CHUNKS:  # few sizes, so that the statements stay prepared
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
