"""Checks of an installation: what works, what does not, and how to repair it."""
