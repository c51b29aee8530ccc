"""The monitor's records: models, the filters that select them, the transitions that change them."""
