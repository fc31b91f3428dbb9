"""How a step of a recipe is read from its table."""

from __future__ import annotations

from collections.abc import Mapping

from openmer.config import validate
from openmer.errors import ConfigError
from openmer.preprocessing.steps._step import Step
from openmer.registry import Registry


def read_step(number: int, table: Mapping[str, object], kinds: Registry[type[Step]]) -> Step:
    """Read one `[[recipe]]` table as a step.

    Args:
        number: Its place in the recipe, from 1, for errors.
        table: The name of the step and its options.
        kinds: All steps by name.

    Raises:
        ConfigError: The step or one of its options is not known, or a value is wrong.
    """
    name = table.get("step")
    if not isinstance(name, str):
        raise ConfigError(
            f"Step {number} of the recipe has no name: found {dict(table)!r}. Add step = with one "
            f"of: {', '.join(kinds)}."
        )
    kind = kinds[name]
    return validate(kind, dict(table), f"Step {number} of the recipe, {name!r}")
