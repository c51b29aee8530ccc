"""The parts of an agent: delivery loop, acknowledgements, heartbeat."""
