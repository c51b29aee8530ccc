"""supervisord: its configuration, its processes, and the orphans of one that was killed."""
