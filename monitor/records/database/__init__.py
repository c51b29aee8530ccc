"""How records are read and written, whatever they mean."""
