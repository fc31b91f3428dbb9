"""A dataset is the tuple of clips its authors annotated: never pixels, never our classes."""
