"""The testbed on this machine: its processes under supervisord, and the `testbed` command."""
