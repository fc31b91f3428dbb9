"""Magnify motion in a band of frequencies."""
