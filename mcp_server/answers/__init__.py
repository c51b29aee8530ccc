"""What an answer is made of: text of errors, pages, times, sizes, remedies."""
