"""Servers that are not ours: broker and database, by supervisord or compose."""
