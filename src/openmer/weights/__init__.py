"""Weights that come with the package, each with its card; `openmer.models.weights` reads them."""
