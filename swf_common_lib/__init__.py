"""What every process of the testbed shares: configuration, messages, messaging."""
