"""Throughput and latency, each as a ratio to a raw limit measured in the same run: ``make bench``.

Nothing is asserted. The limits: bare stomp.py on the same broker, bare rows into the same schema, a
bare HTTP exchange with the same monitor, a bare server of the MCP SDK, a bare NOTIFY of PostgreSQL.
Whole installations are measured on the embedded services and, where they are installed, on ActiveMQ
and PostgreSQL.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestrator.servers.activemq import require_activemq
from swf_common_lib.errors import ConfigurationError
from tests.activemq_process import start_activemq
from tests.benchmarks.bench_ingest import ingest
from tests.benchmarks.bench_mcp import mcp_figures
from tests.benchmarks.bench_publish import publish
from tests.benchmarks.bench_push import push_figures
from tests.benchmarks.bench_stack import stack_figures
from tests.benchmarks.figures import Figures
from tests.broker_process import start_broker
from tests.postgres_process import DURABLE, postgres_programs, running_postgres
from tests.stack import Stack


def main() -> None:
    """Measure everything and print it."""
    console = Console()
    table = Table(title="Benchmarks", caption="ratio: measured / limit")
    for column in ("what", "measured", "raw limit", "ratio", "aim"):
        table.add_column(column, justify="left" if column == "what" else "right")

    def add(figures: Figures) -> None:
        table.add_row(*figures.row())
        console.print(f"{figures.what}: {figures.measured:,.1f} {figures.unit}")

    title = "runner out, confirmed and persistent"
    with tempfile.TemporaryDirectory() as folder:
        add(publish(Path(folder), f"{title}, embedded broker", start_broker, 1, "≥ 8,000"))
    if _activemq_installed():
        with tempfile.TemporaryDirectory() as folder:
            add(publish(Path(folder), f"{title}, ActiveMQ", start_activemq, 4, "ratio ≥ 0.80"))
    add(_recorded("SQLite", ingest(), "bare executemany", "≥ 8,000"))
    if postgres_programs() is not None:
        with running_postgres(**DURABLE) as server:
            recorded = ingest(database=server.environ)
        add(_recorded("PostgreSQL", recorded, "bare COPY", "≥ 15,000"))
        with running_postgres() as server:
            for figures in mcp_figures(server):
                add(figures)
        with running_postgres(**DURABLE) as server:
            for figures in push_figures(server):
                add(figures)
    for figures in push_figures(None):
        add(figures)
    for figures in _installations():
        add(figures)
    console.print(table)


def _installations() -> Iterator[Figures]:
    with _running() as stack:
        yield from stack_figures(stack, "embedded")
    if _activemq_installed() and postgres_programs() is not None:
        with _running("--services") as stack:
            yield from stack_figures(stack, "ActiveMQ + PostgreSQL")


@contextmanager
def _running(*how: str) -> Iterator[Stack]:
    """Run an installation, agents and all; ``how``: options of ``testbed init``."""
    with tempfile.TemporaryDirectory(prefix="s-") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs as another user
        stack = Stack.create(Path(folder) / "s")
        try:
            stack.run(["init", *how])
            stack.start(agents=True)
            yield stack
        finally:
            stack.run(["stop-local"], check=False)


def _recorded(database: str, recorded: dict[str, Any], limit: str, aim: str) -> Figures:
    return Figures(
        f"ingest of a backlog, {database}",
        recorded["messages_per_second"],
        "messages/s",
        recorded["limit_per_second"],
        limit,
        aim,
    )


def _activemq_installed() -> bool:
    try:
        require_activemq()
    except ConfigurationError:
        return False
    return True


if __name__ == "__main__":
    main()
