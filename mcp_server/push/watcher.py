"""Watches the resources that clients subscribed to, whichever process changes them.

What a resource shows comes from a few rows; their fingerprint is compared with the last one.
PostgreSQL sends a notification when an execution changed, so that this takes milliseconds only.
Else, and in case a notification is lost, all fingerprints are compared regularly.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable

import anyio
from mcp.server.subscriptions import InMemorySubscriptionBus, ResourceUpdated

from mcp_server.application import Application
from mcp_server.push.fingerprints import fingerprints_of
from mcp_server.uris import STATUS, execution_resource
from monitor.records.database.notify import CHANNEL
from swf_common_lib.errors import Unavailable

LOOK_EVERY = 0.3
"""Seconds between two comparisons of all that is subscribed to."""
LOOK_EVERY_TOLD = 1.0
"""The same, while PostgreSQL sends notifications."""
CALM = 0.04
"""Least seconds between two comparisons, for what changes all the time."""
_AGAIN = 1.0
"""Seconds after which a lost connection for notifications is opened again."""

logger = logging.getLogger(__name__)


class Watcher:
    """Publishes `ResourceUpdated` for resources that somebody subscribed to. On the event loop."""

    def __init__(self, application: Application, bus: InMemorySubscriptionBus) -> None:
        self._application = application
        self._bus = bus
        self._wanted: Counter[str] = Counter()
        self._fingerprints: dict[str, object] = {}
        self._told: set[str] = set()
        self._failing: set[str] = set()
        self._woken = asyncio.Event()
        self.listening = False
        self._work: asyncio.Task[None] | None = None

    async def add(self, uris: Iterable[str]) -> None:
        """Watch ``uris`` from now on: every change after this call has returned is published."""
        uris = list(uris)
        self._wanted.update(uris)
        new = [uri for uri in uris if uri not in self._fingerprints]
        if new:
            await self._remember(new)
        if self._wanted and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self._watch())

    def discard(self, uris: Iterable[str]) -> None:
        """Undo one ``add`` of ``uris``; with the last of all the watching ends."""
        self._wanted.subtract(list(uris))
        for uri in [uri for uri, count in self._wanted.items() if count <= 0]:
            del self._wanted[uri]
            self._fingerprints.pop(uri, None)
            self._failing.discard(uri)
        if not self._wanted:
            self.close()

    def close(self) -> None:
        """Stop watching."""
        if self._work is not None:
            self._work.cancel()
            self._work = None

    async def _watch(self) -> None:
        url = self._application.settings.swf_database_url
        listener = asyncio.create_task(self._listen(url)) if url else None
        looked_at_all = 0.0
        try:
            while not self._application.stopping:
                every = LOOK_EVERY_TOLD if self.listening else LOOK_EVERY
                told, self._told = self._told, set()
                if time.monotonic() - looked_at_all >= every:
                    told = set(self._wanted)
                    looked_at_all = time.monotonic()
                await self._compare([uri for uri in told if uri in self._wanted])
                await asyncio.sleep(CALM)
                with anyio.move_on_after(every):
                    await self._woken.wait()
                self._woken.clear()
        finally:
            if listener is not None:
                listener.cancel()

    async def _remember(self, uris: list[str]) -> None:
        fingerprints = await self._look(uris)
        for uri in uris:
            self._fingerprints.setdefault(uri, fingerprints.get(uri))

    async def _look(self, uris: list[str]) -> dict[str, object]:
        """Return the fingerprints that can be made; a URI that fails does not affect the others."""
        try:
            fingerprints = await self._application.database(
                fingerprints_of, uris, self._application.settings
            )
        except Unavailable:
            return {}  # the failed query has logged it; the next comparison tries again
        except Exception:  # whatever it is, the other subscriptions must go on
            if len(uris) > 1:
                found = [await self._look([uri]) for uri in uris]
                return {
                    uri: fingerprint
                    for fingerprints in found
                    for uri, fingerprint in fingerprints.items()
                }
            if uris[0] not in self._failing:  # once, however often it fails
                logger.exception("cannot look whether %s changed; trying on", uris[0])
            self._failing.add(uris[0])
            return {}
        self._failing.difference_update(uris)
        return fingerprints

    async def _compare(self, uris: list[str]) -> None:
        for uri, fingerprint in (await self._look(uris)).items():
            if uri in self._wanted and self._fingerprints.get(uri) != fingerprint:
                self._fingerprints[uri] = fingerprint
                await self._bus.publish(ResourceUpdated(uri))

    async def _listen(self, url: str) -> None:
        """Receive PostgreSQL's notifications of changed executions, until cancelled."""
        import psycopg  # installed only where a database URL is set

        silent = False
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as server:
                    await server.execute(f"LISTEN {CHANNEL}")
                    self.listening, silent = True, False
                    self._wake(self._wanted)  # changes until now were not notified
                    async for word in server.notifies():
                        self._wake([execution_resource(word.payload), STATUS])
            except psycopg.Error as error:
                if not silent:  # log it once, however long it lasts
                    said = " ".join(str(error).split())
                    logger.warning("PostgreSQL does not tell of changes: %s; asking again", said)
                silent = True
            self.listening = False
            await asyncio.sleep(_AGAIN)

    def _wake(self, uris: Iterable[str]) -> None:
        told = [uri for uri in uris if uri in self._wanted]
        if told:
            self._told.update(told)
            self._woken.set()
