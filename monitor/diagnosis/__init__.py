"""Why an execution is not where it should be."""
