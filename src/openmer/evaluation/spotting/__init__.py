"""Score spotted intervals against annotated ones."""
