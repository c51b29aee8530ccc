"""What can be asked of records: selections, cursors, pages."""
