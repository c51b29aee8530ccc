"""`python -m mcp_server`: short for `python -m monitor serve_mcp`."""

import sys

from monitor.command import run_command

if __name__ == "__main__":
    raise SystemExit(run_command(["serve_mcp", *sys.argv[1:]]))
