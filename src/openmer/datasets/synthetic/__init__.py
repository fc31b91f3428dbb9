"""Synthetic clips and long videos whose motion is known."""
