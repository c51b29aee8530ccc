"""From messages to rows: the one consumer that records what happens on the broker."""
