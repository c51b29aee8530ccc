"""The monitor: what happened in the testbed, kept in a database and shown."""
