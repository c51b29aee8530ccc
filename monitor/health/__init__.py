"""What is alive, and what needs a hand."""
