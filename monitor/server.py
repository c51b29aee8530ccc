"""The monitor's web process: REST and web UI, with the sweeper beside them."""

from __future__ import annotations

import logging
import signal
import sys

import uvicorn
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from monitor.asgi import MonitorHandler
from monitor.database_server import await_answer
from monitor.executions.announcer import announcer
from monitor.sweeper.sweeper import Sweeper
from orchestrator.ports import listen
from swf_common_lib.errors import ConfigurationError
from swf_common_lib.settings import Settings

GRACE = 1
"""Seconds that open connections have to end; streams would never end by themselves."""
SWITCH_INTERVAL = 0.001
"""Seconds after which a busy thread hands the interpreter to another one. Each database query
releases it, so with Python's default (0.005) a claim beside one long answer takes twice as long."""

logger = logging.getLogger(__name__)


def serve(testbed: Settings) -> None:
    """Serve the monitor until a signal ends it.

    Raises Unavailable when its port is taken, ConfigurationError when its database is not
    prepared.
    """
    listener = listen("SWF_WEB_PORT", testbed.swf_web_port, "the monitor", testbed.swf_listen)
    check_database()
    config = uvicorn.Config(
        MonitorHandler(),
        host=testbed.swf_listen,
        port=testbed.swf_web_port,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    # uvicorn raises its signal again when it has ended, but then there is still something to close.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    sys.setswitchinterval(SWITCH_INTERVAL)
    announcer().open(wait=False)
    sweeper = Sweeper()
    sweeper.start()
    logger.info("serving on http://%s:%d", testbed.swf_listen, testbed.swf_web_port)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        sweeper.close()
        announcer().close()


def check_database() -> None:
    """Raise ConfigurationError unless the database has this version's tables.

    Waits for a PostgreSQL server that is not running yet.
    """
    try:
        await_answer()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except Error as error:
        raise ConfigurationError(
            [f"the monitor's database cannot be opened: {error}"], "Run `testbed init`."
        ) from error
    finally:
        connection.close()
    if missing:
        raise ConfigurationError(
            [f"the monitor's database lacks {len(missing)} changes of its tables"],
            "Run `testbed init`.",
        )
