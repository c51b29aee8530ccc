"""What each tool answers, made from records."""
