"""The workers of a run: their plan, the run that they watch, their pool, their reports."""
