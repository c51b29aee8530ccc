"""``python -m orchestrator.embedded_broker``: run the broker until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import logging
import signal
import sys
from pathlib import Path

from orchestrator.embedded_broker.database import Database
from orchestrator.embedded_broker.server import MAX_FRAME, Server
from orchestrator.embedded_broker.session import Login
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.settings import Settings, load_settings

logger = logging.getLogger("orchestrator.embedded_broker")


def main(arguments: list[str] | None = None) -> int:
    """Run the broker and return the exit code: 2 for a configuration that cannot be used."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
    )
    try:
        settings = load_settings(options.home)
        asyncio.run(_run(settings, options.store, options.max_frame))
    except TestbedError as error:
        logger.error("%s", error)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.embedded_broker",
        description="The testbed's own STOMP broker, for one machine without ActiveMQ.",
    )
    parser.add_argument("--home", type=Path, help="the checkout (default: SWF_HOME)")
    parser.add_argument(
        "--store",
        type=Path,
        help="the file that keeps messages (default: broker.sqlite3 in SWF_RUNTIME_DIR)",
    )
    parser.add_argument(
        "--max-frame", type=int, default=MAX_FRAME, help="most bytes of a frame (%(default)s)"
    )
    return parser


def listening_address(settings: Settings) -> str:
    """Return the loopback address to listen on; raises ConfigurationError for any other."""
    host = settings.activemq_host
    if host == "localhost":
        return "127.0.0.1"
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    problems = []
    if not loopback:
        problems.append(
            f"ACTIVEMQ_HOST is {host!r}: the embedded broker listens on the loopback only"
        )
    if settings.activemq_use_ssl:
        problems.append("ACTIVEMQ_USE_SSL is set: the embedded broker, loopback only, has no TLS")
    if not settings.activemq_password:
        problems.append("ACTIVEMQ_PASSWORD is empty: the embedded broker lets nobody in without")
    if problems:
        raise ConfigurationError(
            problems,
            "Run 'testbed init' and use ACTIVEMQ_HOST=127.0.0.1, or, for a broker elsewhere, set "
            "SWF_BROKER=external and do not start this one.",
        )
    return host


async def _run(settings: Settings, path: Path | None, max_frame: int) -> None:
    host, port = listening_address(settings), settings.activemq_port
    path = path or settings.swf_runtime_dir / "broker.sqlite3"
    login = Login(settings.activemq_user, settings.activemq_password)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = Server(Database(path), login, max_frame)
    try:
        await server.start(host, port)
        logger.info("listening on %s:%d, messages are kept in %s", host, port, path)
        await ended.wait()
        logger.info("ending")
    finally:
        await server.close()


if __name__ == "__main__":
    raise SystemExit(main())
