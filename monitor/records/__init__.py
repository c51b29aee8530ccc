"""The monitor's records: models, queries that select them, transitions that change them."""
