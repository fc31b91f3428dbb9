"""Weights that come with the package, each with its card; `openmer.models._weights` reads them."""
