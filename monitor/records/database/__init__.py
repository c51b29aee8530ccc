"""Reading and writing of rows, independent of what they mean."""
