"""Ingest: turns messages into rows; the one consumer that records what happens on the broker."""
