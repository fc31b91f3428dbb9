"""Measure motion between frames: optical flow, strain, apex."""
