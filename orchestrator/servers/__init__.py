"""Servers of other projects (broker and database), run by supervisord or compose."""
