"""The agents: they react to what is broadcast in a run."""
