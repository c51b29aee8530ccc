"""Queries of records: selections, cursors, pages."""
