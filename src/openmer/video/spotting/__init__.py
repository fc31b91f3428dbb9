"""Find movements in the curves of a tracked face."""
