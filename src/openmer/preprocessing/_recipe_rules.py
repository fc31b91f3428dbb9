"""How a step of a recipe is read from its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openmer.config import validate
from openmer.errors import ConfigError
from openmer.preprocessing.steps._step import Step
from openmer.registry import Registry


def require_tables(value: object) -> Sequence[Mapping[str, object]]:
    """Return a value that is a list of tables.

    Raises:
        ConfigError: It is none.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise ConfigError(
            f"The recipe is {value!r:.60}, expected a list of tables: [[recipe]], with step = in "
            "each."
        )
    return value


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
