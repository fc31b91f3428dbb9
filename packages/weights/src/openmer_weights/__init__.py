"""Weights that OpenMER was published with; `openmer.models` finds them by an entry point."""

__version__ = "1.0.0"
