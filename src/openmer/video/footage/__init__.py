"""Evaluate the spotting on anybody's own footage, with known movements put into it."""
