"""Examining an installation: what works, what does not, and how to mend it."""
