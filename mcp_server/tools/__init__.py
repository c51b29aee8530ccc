"""The tools, a module a subject; ``tools()`` of each gives those of its own."""
