"""Read and write videos with exact timestamps."""
