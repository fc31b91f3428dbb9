"""Steps of a recipe, one file each; a new one registers itself by being a `Step`."""
