"""The broker: its listening socket, its sessions, and its periodic work."""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets

from orchestrator.embedded_broker.commands import COMMANDS
from orchestrator.embedded_broker.connection import Connection
from orchestrator.embedded_broker.database import Database
from orchestrator.embedded_broker.destinations import Destinations
from orchestrator.embedded_broker.session import Login, Session
from orchestrator.embedded_broker.store import Store
from swf_common_lib.errors import ConfigurationError

logger = logging.getLogger(__name__)

MAX_FRAME = 64 * 1024 * 1024
"""Most bytes that a frame may have."""
PULSE = 0.1
"""Seconds between two looks at the heart-beats."""
SWEEP = 30.0
"""Seconds between two looks for expired messages that nobody takes."""
CLOSE_WITHIN = 2.0
"""Seconds that clients have to take what was written to them when the broker ends."""


class Server:
    """A running broker."""

    def __init__(self, database: Database, login: Login, max_frame: int = MAX_FRAME) -> None:
        self.loop = asyncio.get_running_loop()
        self.login = login
        self.max_frame = max_frame
        self.identity = secrets.token_hex(4)
        """Distinguishes this run of the broker from others, in the names of temporary queues."""
        last_number = database.last_number()
        self.store = Store(database)
        self.store.on_commit = self._read_on
        self.destinations = Destinations(self.store, last_number)
        self.sessions: set[Session] = set()
        self.clients: dict[str, Session] = {}
        """The sessions with a client-id."""
        self.blocked_senders: set[Connection] = set()
        """Connections not read until the store has written what waits."""
        self._to_flush: list[Connection] = []
        self._connections = 0
        self._listening: asyncio.Server | None = None
        self._pulse: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> None:
        """Start to listen; raises ConfigurationError when the port is taken."""
        try:
            self._listening = await self.loop.create_server(self._new_session, host, port)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            reason = "another program listens there" if taken else str(error)
            raise ConfigurationError(
                [f"ACTIVEMQ_PORT: the broker cannot listen on {host}:{port}: {reason}"],
                "End that program, or set ACTIVEMQ_PORT to a free port and start again.",
            ) from error
        self._pulse = self.loop.create_task(self._beat())

    def _new_session(self) -> Session:
        self._connections += 1
        session = Session(self, self._connections, COMMANDS)
        self.sessions.add(session)
        return session

    def ended(self, session: Session) -> None:
        """Forget a session."""
        self.sessions.discard(session)
        self.blocked_senders.discard(session)
        if self.clients.get(session.client_id) is session:
            del self.clients[session.client_id]

    def schedule_flush(self, connection: Connection) -> None:
        """Flush a connection at the end of this turn of the event loop."""
        if not self._to_flush:
            self.loop.call_soon(self._flush)
        self._to_flush.append(connection)

    def _flush(self) -> None:
        connections, self._to_flush = self._to_flush, []
        for connection in connections:
            connection.flush()

    def _read_on(self) -> None:
        if self.blocked_senders and not self.store.crowded:
            blocked_senders, self.blocked_senders = self.blocked_senders, set()
            for connection in blocked_senders:
                connection.read_on()

    async def _beat(self) -> None:
        swept = self.loop.time()
        while True:
            await asyncio.sleep(PULSE)
            now = self.loop.time()
            for session in list(self.sessions):
                session.beat(now)
            if now - swept > SWEEP:
                swept = now
                self.destinations.drop_expired()

    async def close(self) -> None:
        """Accept nothing more, write and confirm what was accepted, then end."""
        if self._listening is not None:
            self._listening.close()
        if self._pulse is not None:
            self._pulse.cancel()
        sessions = list(self.sessions)
        for session in sessions:
            session.stop_reading()
        await self.store.close()
        for session in sessions:
            session.close()
        deadline = self.loop.time() + CLOSE_WITHIN
        while any(s.open for s in sessions) and self.loop.time() < deadline:
            await asyncio.sleep(0.01)
        for session in sessions:
            session.abort()
