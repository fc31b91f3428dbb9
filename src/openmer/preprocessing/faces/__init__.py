"""Detect faces and align them as the papers state."""
