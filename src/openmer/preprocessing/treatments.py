"""How many clips of a corpus a recipe treats in which way, told from their annotation alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from openmer.clip import Clip
from openmer.preprocessing.recipe import Recipe
from openmer.preprocessing.steps_clip import MagnifyStep
from openmer.preprocessing.steps_source import DynamicImageStep


def count_treatments(recipe: Recipe, clips: Iterable[Clip]) -> dict[str, dict[str, int]]:
    """By which policy the apex frame was taken, and whether the band of `magnify` holds a bin.

    Args:
        recipe: As the clips were prepared.
        clips: Those without frames, which start from a ready flow image, are left out.

    Returns:
        By the name of the step, the number of clips of each treatment; empty where there is none.

    Raises:
        DataError: A clip lacks the frames per second that `magnify` needs.
    """
    told: dict[str, Counter[str]] = {}
    for clip in clips:
        if not clip.frame_paths:
            continue
        if not isinstance(recipe.source, DynamicImageStep):
            told.setdefault("apex", Counter())[_policy(recipe.source.apex, clip)] += 1
        for step in recipe.on_clip:
            if isinstance(step, MagnifyStep):
                empty = not step.report(clip).bins_in_band_hz
                way = "the band holds no bin of the clip" if empty else "the band holds bins"
                told.setdefault(step.step, Counter())[way] += 1
    return {step: dict(sorted(ways.items())) for step, ways in told.items()}


def _policy(policy: str, clip: Clip) -> str:
    """The policy that a clip's annotation leaves of "annotated-or-middle"."""
    if policy != "annotated-or-middle":
        return policy
    return "middle" if clip.apex is None else "annotated"
