"""Becomes the MCP server of an installation: `start.py CHECKOUT`, on standard input and output.

The bundle holds this alone. The server is the one of the checkout, with the checkout's own Python.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Replace this process by the server. Raises SystemExit where there is none."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: start.py CHECKOUT")
    checkout = Path(sys.argv[1]).expanduser()
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit(
            f"{checkout} is no installation of the testbed: call `make run` there.\n"
            "Then choose that folder in the settings of this extension."
        )
    os.environ.setdefault("SWF_HOME", str(checkout))
    os.chdir(checkout)
    os.execv(python, [str(python), "-m", "mcp_server", "--stdio"])  # noqa: S606


if __name__ == "__main__":
    main()
