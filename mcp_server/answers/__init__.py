"""What answers are made of: error texts, pages, time ranges, truncation, remedies."""
