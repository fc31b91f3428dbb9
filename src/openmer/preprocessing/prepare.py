"""All clips through one recipe: the array that training and evaluation work on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing.cache import ArrayCache
from openmer.preprocessing.faces import FaceDetector, ensure_detector, face_detector
from openmer.preprocessing.failures import Failures
from openmer.preprocessing.flow import FlowMethod, ensure_registered, flow_method
from openmer.preprocessing.recipe import Recipe


def prepare(
    clips: Iterable[Clip],
    recipe: Recipe,
    *,
    cache: ArrayCache | None = None,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    failures: Failures | None = None,
) -> NDArray[np.float32]:
    """Carry out a recipe on every clip.

    Args:
        clips: At least one clip.
        recipe: The steps; with frames of several sizes it needs a fixed `size`.
        cache: Where finished arrays are kept and found again; None makes all of them anew. What
            is done stays in it when a later clip fails.
        workers: Processes, one thread each; the bytes do not depend on their number.
        on_progress: Called after each clip with the number of clips done and of all clips.
        failures: Where clips that cannot be prepared are listed; they are left out of the array.
            None, or a list whose policy is "error", stops at the first one.

    Returns:
        float32, shape ``(clips, channels, height, width)``, in the order of the clips, those in
        `failures` left out; units as in `Recipe.run`.

    Raises:
        ConfigError: `workers` is below 1.
        DataError: There is no clip, or every one failed; a clip cannot be prepared, differs in
            size from the first or has values that are not finite, and is named.
    """
    clips = tuple(clips)
    if not clips:
        raise DataError("There is no clip to prepare. Give at least one.")
    if workers < 1:
        raise ConfigError(f"Found {workers} workers, expected at least 1.")
    failures = Failures("error") if failures is None else failures
    prepared: NDArray[np.float32] | None = None
    first, done = clips[0], 0
    for index, array in enumerate(_arrays(clips, recipe, cache, min(workers, len(clips)))):
        try:
            if isinstance(array, DataError):
                raise array
            if prepared is None:
                first = clips[index]
                prepared = np.empty((len(clips), *array.shape), dtype=np.float32)
            _check(array, clips[index], first, prepared.shape[1:])
            prepared[done] = array
            done += 1
        except DataError as error:
            failures.add(error, clips[index].key)
        if on_progress is not None:
            on_progress(index + 1, len(clips))
    if prepared is None or not done:
        raise DataError(f"No clip was prepared.\n{failures}")
    return prepared[:done]


def fingerprint(arrays: NDArray[np.generic]) -> str:
    """SHA-256, in hex, of an array's type, shape and bytes: what a result says it was made of."""
    digest = hashlib.sha256(f"{arrays.dtype.str} {arrays.shape}".encode())
    digest.update(np.ascontiguousarray(arrays).data)
    return digest.hexdigest()


def _arrays(
    clips: Sequence[Clip], recipe: Recipe, cache: ArrayCache | None, workers: int
) -> Iterator[NDArray[np.float32] | DataError]:
    """The array of each clip, or why it has none, in order and as soon as it is known."""
    if workers == 1:
        return (_array(clip, recipe, cache) for clip in clips)
    import joblib

    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        pool = joblib.Parallel(n_jobs=workers, return_as="generator")
    method = None if recipe.flow is None else flow_method(recipe.flow.method)
    detector = None if recipe.align is None else face_detector(recipe.align.detector)
    arrays: Iterator[NDArray[np.float32] | DataError] = pool(
        joblib.delayed(_array_elsewhere)(clip, recipe, cache, method, detector) for clip in clips
    )
    return arrays


def _array(clip: Clip, recipe: Recipe, cache: ArrayCache | None) -> NDArray[np.float32] | DataError:
    try:
        return recipe.run(clip) if cache is None else cache.run(recipe, clip)
    except DataError as error:
        return error


def _array_elsewhere(
    clip: Clip,
    recipe: Recipe,
    cache: ArrayCache | None,
    method: FlowMethod | None,
    detector: FaceDetector | None,
) -> NDArray[np.float32] | DataError:
    """As `_array`, in another process, which may not have met the user's own methods."""
    if method is not None:
        ensure_registered(method)
    if detector is not None:
        ensure_detector(detector)
    return _array(clip, recipe, cache)


def _check(array: NDArray[np.float32], clip: Clip, first: Clip, expected: tuple[int, ...]) -> None:
    """Raise where an array does not fit the first one or is not finite."""
    if array.shape != expected:
        raise DataError(
            f"{clip.key} gives an array of shape {array.shape}, but {first.key} one of "
            f"{expected}. Add the step 'resize' to the recipe, or a size to its step 'flow'."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{clip.key} gives values that are not finite. Check its images.")
