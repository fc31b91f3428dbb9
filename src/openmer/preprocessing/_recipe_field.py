"""A recipe as a field of a record."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from openmer.preprocessing._recipe import Recipe
from openmer.preprocessing._recipe_rules import require_tables


def _as_recipe(value: object) -> object:
    """Read tables as a recipe."""
    return value if isinstance(value, Recipe) else Recipe.from_tables(require_tables(value))


def _as_written(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the tables with the options that were given."""
    return [
        {"step": step.step, **step.model_dump(mode="json", exclude_unset=True)}
        for step in recipe.steps
    ]


RecipeField = Annotated[
    InstanceOf[Recipe], BeforeValidator(_as_recipe), PlainSerializer(_as_written)
]
"""A recipe as a field of a record: read from `[[recipe]]` tables, and written as them."""
