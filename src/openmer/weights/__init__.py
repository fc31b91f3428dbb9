"""The model that comes with the package; `openmer.deployment` reads it."""
