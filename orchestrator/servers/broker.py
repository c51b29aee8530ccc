"""``python -m orchestrator.servers.broker``: run the broker that SWF_BROKER names."""

from __future__ import annotations

import logging
import os
import sys

from orchestrator import embedded_broker
from orchestrator.servers.activemq import ActiveMQ
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.settings import load_settings

logger = logging.getLogger("orchestrator.servers.broker")


def main() -> int:
    """Replace this process by the broker; return 2 for a configuration that cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        _become(_command())
    except TestbedError as error:
        logger.error("%s", error)
        return 2
    return 0


def _command() -> list[str]:
    settings = load_settings()
    if settings.swf_broker == "embedded":
        return [sys.executable, "-m", embedded_broker.__name__]
    if settings.swf_broker == "activemq":
        return ActiveMQ.from_settings(settings).prepare()
    raise ConfigurationError(
        ["SWF_BROKER is 'external': the broker runs elsewhere"],
        "Set SWF_BROKER to 'embedded' or 'activemq' to run one here.",
    )


def _become(command: list[str]) -> None:
    """Replace this process by the command: so supervisord's signals reach the broker itself."""
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    raise SystemExit(main())
