"""`python -m orchestrator.cli`: the same as `testbed`."""

from orchestrator.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
