"""What is pushed to clients: who subscribed to what, and when it changed."""
