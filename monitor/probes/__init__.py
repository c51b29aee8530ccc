"""What other programs ask the monitor: does it serve, is it ready, how does it do."""
