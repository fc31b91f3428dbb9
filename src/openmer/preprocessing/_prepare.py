"""All clips through one recipe: the array that training and evaluation work on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial

import joblib
import numpy as np
from numpy.typing import NDArray

from openmer._workers import in_workers
from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.preprocessing._array_store import Rows
from openmer.preprocessing._cache import ArrayCache
from openmer.preprocessing._failures import Failures
from openmer.preprocessing._one_thread import opencv_on_one_thread
from openmer.preprocessing._process_pool import can_fork, in_order
from openmer.preprocessing._recipe import Recipe
from openmer.preprocessing.faces._detect import FaceDetector, ensure_detector, face_detector
from openmer.preprocessing.flow._flow import FlowMethod, ensure_registered, flow_method

_START_S = 2.0  # of work with which worker processes begin: they load OpenMER


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
        cache: Where finished arrays are kept and found again; None makes all of them again. What
            is done stays in it when a later clip fails.
        workers: Processes, one thread each; the bytes do not depend on their number.
        on_progress: Called after each clip with the number of clips done and of all clips.
        failures: Where clips that cannot be prepared are listed; they are left out of the array.
            None, or a list whose policy is "error", stops at the first one.

    Returns:
        float32, shape ``(clips, channels, height, width)``, in the order of the clips, those in
        `failures` left out; units as in `Recipe.run`. Above 128 MiB it lies in a nameless file,
        beside the cache or, without one, in the folder of temporary files, so that memory does not
        grow with the number of clips.

    Raises:
        ConfigError: `workers` is below 1; or a clip differs in size from the first, which is a
            matter of the recipe, not of the clip.
        DataError: There is no clip, or every one failed; a clip cannot be prepared, differs in
            size from the first or has values that are not finite, and is named; the disk is full.
        OpenMERError: A worker process was ended from outside.
    """
    clips = tuple(clips)
    if not clips:
        raise DataError("There is no clip to prepare. Give at least one.")
    if workers < 1:
        raise ConfigError(f"Found {workers} workers, expected at least 1.")
    failures = Failures("error") if failures is None else failures
    first = clips[0]
    with ExitStack() as opened:  # closing it ends the workers
        opened.enter_context(opencv_on_one_thread())
        arrays = opened.enter_context(closing(_arrays(clips, recipe, cache, workers)))
        rows = opened.enter_context(closing(Rows(len(clips), cache.root if cache else None)))
        for index, array in enumerate(arrays):
            try:
                rows.append(_checked(array, clips[index], first, rows.shape))
            except DataError as error:
                failures.add(error, clips[index].key)
            else:
                first = clips[index] if len(rows) == 1 else first
            if on_progress is not None:
                on_progress(index + 1, len(clips))
        if not len(rows):
            raise DataError(f"No clip was prepared.\n{failures}")
        return rows.array()


def has_foreign_code(recipe: Recipe) -> bool:
    """Return whether a step, its flow method or its face detector is not of this package."""
    code: list[object] = [*map(type, recipe.steps)]
    code += [flow_method(recipe.flow.method).function] if recipe.flow else []
    code += [face_detector(recipe.align.detector).function] if recipe.align else []
    names = {getattr(one, "__module__", "").partition(".")[0] for one in code}
    return names != {__name__.partition(".")[0]}


def fingerprint(arrays: NDArray[np.generic]) -> str:
    """SHA-256, in hex, of an array's type, shape and bytes: what a result says it was made of."""
    digest = hashlib.sha256(f"{arrays.dtype.str} {arrays.shape}".encode())
    digest.update(np.ascontiguousarray(arrays).data)
    return digest.hexdigest()


def _arrays(
    clips: Sequence[Clip], recipe: Recipe, cache: ArrayCache | None, workers: int
) -> Generator[NDArray[np.float32] | DataError]:
    """Yield the array of each clip, or why it has none, in order and as soon as it is known.

    No process is started for clips that are in the cache, nor for work that is as soon done here.
    """
    took_s: list[float] = []  # of the clips that were made here
    for done, clip in enumerate(clips):
        left = len(clips) - done
        workers = min(workers, left)
        found: NDArray[np.float32] | DataError | None
        found = None if workers == 1 else _kept(clip, recipe, cache)
        if found is None and workers > 1 and _is_long(took_s, left):
            yield from _arrays_elsewhere(clips[done:], recipe, cache, workers)
            return
        if found is None:
            begun_s = time.perf_counter()
            found = _array(clip, recipe, cache)
            took_s.append(time.perf_counter() - begun_s)
        yield found


def _is_long(took_s: Sequence[float], left: int) -> bool:
    """Whether what is left takes longer than the start of worker processes.

    The first clip took the longer for what had to be loaded: it counts only if it took very long.
    """
    counted = took_s[1:] or [one for one in took_s if one > _START_S]
    return bool(counted) and left * sum(counted) / len(counted) > _START_S


def _arrays_elsewhere(
    clips: Sequence[Clip], recipe: Recipe, cache: ArrayCache | None, workers: int
) -> Iterator[NDArray[np.float32] | DataError]:
    """As `_arrays`, by other processes."""
    method = None if recipe.flow is None else flow_method(recipe.flow.method)
    detector = None if recipe.align is None else face_detector(recipe.align.detector)
    work = partial(_array_elsewhere, recipe, cache, method, detector)
    if can_fork():
        return in_order(work, clips, workers, loaded=_loaded(recipe))
    return in_workers((joblib.delayed(work)(clip) for clip in clips), workers, threads=1)


def _loaded(recipe: Recipe) -> tuple[str, ...]:
    """Modules whose memory the workers should share; what is missing here only costs memory."""
    on_tensors = recipe.flow is not None and recipe.flow.method == "tvl1"
    return ("torch",) if on_tensors or any(step.step == "magnify" for step in recipe.steps) else ()


def _kept(clip: Clip, recipe: Recipe, cache: ArrayCache | None) -> NDArray[np.float32] | None:
    """Return the array of a clip if the cache has it."""
    try:
        return None if cache is None else cache.load(cache.key(recipe, clip))
    except DataError:  # reported when it is tried in earnest
        return None


def _array(clip: Clip, recipe: Recipe, cache: ArrayCache | None) -> NDArray[np.float32] | DataError:
    try:
        return recipe.run(clip) if cache is None else cache.run(recipe, clip)
    except DataError as error:
        return error


def _array_elsewhere(
    recipe: Recipe,
    cache: ArrayCache | None,
    method: FlowMethod | None,
    detector: FaceDetector | None,
    clip: Clip,
) -> NDArray[np.float32] | DataError:
    """As `_array`, in another process, which may not have met the user's own methods."""
    if method is not None:
        ensure_registered(method)
    if detector is not None:
        ensure_detector(detector)
    return _array(clip, recipe, cache)


def _checked(
    array: NDArray[np.float32] | DataError, clip: Clip, first: Clip, expected: tuple[int, ...]
) -> NDArray[np.float32]:
    """Refuse an array that is not finite or does not have the shape of the first one."""
    if isinstance(array, DataError):
        raise array
    if expected and array.shape != expected:
        raise ConfigError(
            f"{clip.key} gives an array of shape {array.shape}, but {first.key} one of "
            f"{expected}. Add the step 'resize' to the recipe, or a size to its step 'flow'."
        )
    if not np.isfinite(array).all():
        raise DataError(f"{clip.key} gives values that are not finite. Check its images.")
    return array
