"""Reading settlement files, their rows and the report."""
