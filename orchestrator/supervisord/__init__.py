"""supervisord: its configuration, its processes, what it left behind."""
