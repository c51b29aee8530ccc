"""What every call of the server shares: its settings, and threads for the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import anyio
from django.db import Error, close_old_connections

from mcp_server.database_availability import DatabaseAvailability
from orchestrator.queue_depths import QueueReader
from swf_common_lib.errors import Unavailable
from swf_common_lib.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_THREADS = 4
_ADMITTING = 2


class Application:
    """Lives as long as the server. Django must be set up before anything runs in ``database``."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.queues = QueueReader(settings)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="mcp-database")
        self._admitting = ThreadPoolExecutor(_ADMITTING, thread_name_prefix="mcp-tokens")
        self._supervising = ThreadPoolExecutor(1, thread_name_prefix="mcp-processes")
        self._availability = DatabaseAvailability()
        self.ending = threading.Event()
        """Set when the server is about to end, for threads that wait."""
        self._stopped: anyio.Event | None = None

    async def database(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function`` on a thread that may use the ORM, and return its result.

        Raises what it raises, and Unavailable where the database cannot be used, TookTooLong where
        the database cancelled the query, InvalidRequest for a value that no column can hold. The
        call runs to its end even when the caller is cancelled (a client that went away): what a
        tool writes in one such call is written as a whole.
        """
        return await self._run(self._threads, partial(function, *args, **kwargs))

    async def tokens(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function``, which looks a token up, as ``database`` does.

        It has threads of its own, so that slow queries keep nobody from logging in.
        """
        return await self._run(self._admitting, partial(function, *args, **kwargs))

    async def processes(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function``, which starts or stops programs, as ``database`` does.

        It may take half a minute. So it has one thread of its own, which runs one call after the
        other. Raises Unavailable for a call whose turn comes while the server ends.
        """
        return await self._run(
            self._supervising, partial(self._unless_ending, partial(function, *args, **kwargs))
        )

    def _unless_ending(self, call: Callable[[], T]) -> T:
        if self.stopping:
            raise Unavailable(
                "this server is ending: no program was started or stopped",
                "Call again; supervisord starts the server anew.",
            )
        return call()

    async def _run(self, threads: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, partial(self._with_fresh_connections, call))

    def _with_fresh_connections(self, call: Callable[[], T]) -> T:
        """Call ``call``, and drop broken database connections before it and after it.

        Otherwise one restart of the database would break a thread of the pool for good.
        """
        close_old_connections()
        self._availability.before_query()
        try:
            given = call()
            self._availability.after_query()
        except Error as error:
            told = self._availability.error_for_caller(error)
            if told is None:
                raise
            raise told from error
        else:
            return given
        finally:
            close_old_connections()

    @property
    def stopping(self) -> bool:
        """Whether the server is about to end: calls that wait then answer with what they have."""
        return self.ending.is_set()

    async def pause(self, seconds: float) -> None:
        """Sleep for ``seconds``, or until the server is about to end."""
        if self._stopped is None:
            self._stopped = anyio.Event()
        if self.stopping:
            return
        with anyio.move_on_after(seconds):
            await self._stopped.wait()

    def stop(self) -> None:
        """Wake every call that waits. To be called on the event loop."""
        self.ending.set()
        if self._stopped is not None:
            self._stopped.set()

    def close(self) -> None:
        """Let each thread finish its present call; calls that have not begun are cancelled."""
        self.ending.set()
        for threads in (self._threads, self._admitting, self._supervising):
            threads.shutdown(wait=False, cancel_futures=True)
