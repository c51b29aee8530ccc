"""Resources, prompts and completion."""
