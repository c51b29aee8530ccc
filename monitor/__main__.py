"""`python -m monitor NAME`: run a command."""

import sys

from monitor.command import run_command

if __name__ == "__main__":
    raise SystemExit(run_command(sys.argv[1:]))
