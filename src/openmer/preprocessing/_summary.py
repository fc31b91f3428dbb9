"""Count how a recipe treats the clips of a corpus, from their annotation alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import median

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._recipe import Recipe
from openmer.preprocessing.steps.magnify import MagnifyStep

HOLDS_BINS = "the band holds bins"
HOLDS_NONE = "the band holds no bin of the clip"


def count_preprocessing(recipe: Recipe, clips: Iterable[Clip]) -> dict[str, dict[str, int]]:
    """By which policy the apex frame was taken, and whether the band of `magnify` holds a bin.

    Args:
        recipe: As the clips were prepared.
        clips: Those without frames, which start from a ready flow image, are left out.

    Returns:
        By the name of the step, the number of clips of each treatment; empty where there is none.

    Raises:
        DataError: A clip lacks the frames per second that `magnify` needs.
    """
    counts: dict[str, Counter[str]] = {}
    magnify = recipe.find(MagnifyStep)
    for clip in clips:
        if not clip.frame_paths:
            continue
        if hasattr(recipe.source, "apex"):
            counts.setdefault("apex", Counter())[_policy(recipe.apex, clip)] += 1
        if magnify is not None:
            way = HOLDS_BINS if magnify.report(clip).bins_in_band_hz else HOLDS_NONE
            counts.setdefault(magnify.step, Counter())[way] += 1
    return {step: dict(sorted(ways.items())) for step, ways in counts.items()}


def median_magnification(recipe: Recipe, clips: Iterable[Clip]) -> float | None:
    """How many times as large the filter of `magnify` makes a movement, over half of the clips.

    The movement is one that rises and falls once over the clip (`BandReport.apex_gain`), so that
    this is ``1 + alpha`` where the band holds it, and 1 where nothing passes.

    Args:
        recipe: Of a method.
        clips: Those that `magnify` cannot work on are left out.

    Returns:
        The median; None where the recipe does not magnify, or there is no such clip.
    """
    magnify = recipe.find(MagnifyStep)
    if magnify is None:
        return None
    times = []
    for clip in clips:
        try:
            times.append(1 + magnify.alpha * magnify.report(clip).apex_gain)
        except DataError:
            continue
    return median(times) if times else None


def _policy(policy: str, clip: Clip) -> str:
    """Return which half of "annotated-or-middle" a clip's annotation leaves."""
    if policy != "annotated-or-middle":
        return policy
    return "middle" if clip.apex is None else "annotated"
