"""The engine that executes workflows."""
