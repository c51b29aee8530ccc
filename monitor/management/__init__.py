"""What `python -m monitor NAME` does, as management commands of Django."""
