"""Detect, track and crop the faces of a video."""
