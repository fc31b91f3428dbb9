"""How a step of a recipe is read from its table, and what is said of a clip it cannot work on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from openmer.clip import Clip
from openmer.config import validate
from openmer.errors import ConfigError
from openmer.preprocessing.steps._step import Step
from openmer.registry import Registry


def require_tables(value: object) -> Sequence[Mapping[str, object]]:
    """Return a value that is a list of tables."""
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
    """
    name = table.get("step")
    if not isinstance(name, str):
        raise ConfigError(
            f"Step {number} of the recipe has no name: found {dict(table)!r}. Add step = with one "
            f"of: {', '.join(kinds)}."
        )
    kind = kinds[name]
    return validate(kind, dict(table), f"Step {number} of the recipe, {name!r}")


def lacking(clip: Clip, on_files: Sequence[Step]) -> str:
    """Say what a clip without frames lacks for the steps that need its files."""
    if clip.flow_path is None:
        return f"{clip.key} has neither frames nor a flow image. Give it one of them."
    if on_files:
        return (
            f"{clip.key} has only a ready flow image, but the recipe has the step "
            f"{on_files[0].step!r}, which needs frames. Give the frames."
        )
    return (
        f"{clip.key} has only a ready 8-bit flow image, in which the true magnitude is lost, but "
        "the recipe has no step 'stretch'. Add that step or give the frames."
    )


def refused(clip: Clip, steps: str, error: Exception) -> str:
    """Say why a recipe cannot work on a clip: an apex alone serves only what reads nothing else.

    Args:
        clip: With frames.
        steps: The names of the recipe's steps.
        error: What one of the steps said.
    """
    if not clip.apex_only:
        return str(error)
    return (
        f"it is an apex image alone, but the recipe needs more frames of the movement: {steps}. "
        "Give all frames of the clip, or take a method that reads the apex frame alone: align with "
        'locked_at = "apex", then apex_frame.'
    )
