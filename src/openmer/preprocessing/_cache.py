"""Prepared arrays kept on disk, so that a recipe is carried out once per clip."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer._places import default_cache_root as default_cache_root  # noqa: PLC0414 (the face)
from openmer.clip import Clip
from openmer.errors import DataError
from openmer.files import replace_file
from openmer.preprocessing._failures import StepError, StoreError
from openmer.preprocessing._recipe import Recipe
from openmer.preprocessing.steps._step import Plan

_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class ArrayCache:
    """A folder of arrays, one per clip and recipe; it may be deleted at any time.

    An entry is named by what it was made of: the bytes of the image files, onset, apex and offset,
    the recipe's fingerprint, whether the frames are cropped faces and, where the recipe magnifies
    or interpolates, the frames per second. It is a
    `.npy` file with its SHA-256 behind it, appears whole or not at all, and counts as absent where
    the two do not agree. Several processes may share it. Faces found on the way are entries, too,
    named by detector and pixels.

    Attributes:
        root: The folder; made when the first entry is written.
    """

    root: Path = field(default_factory=default_cache_root)

    def run(self, recipe: Recipe, clip: Clip) -> NDArray[np.float32]:
        """Return the array of `recipe.run(clip)`: from the cache, or computed and stored there.

        Raises:
            DataError: As `Recipe.run`; or the entry cannot be written.
        """
        plan = recipe.plan(clip)
        key = self._key(plan, recipe.fingerprint)
        array = self.load(key)
        if array is None:
            array = plan.run(store=self)
            self.save(key, array)
        return array

    def key(self, recipe: Recipe, clip: Clip) -> str:
        """Return the name of an entry, 64 hex digits.

        Raises:
            DataError: A file of the clip cannot be read; the message names both.
        """
        return self._key(recipe.plan(clip), recipe.fingerprint)

    def _key(self, plan: Plan, fingerprint: str) -> str:
        clip, contents = plan.clip, []
        for path in plan.paths:
            try:
                contents.append(hashlib.sha256(path.read_bytes()).hexdigest())
            except OSError as error:
                reason = f"cannot read {path} ({error.strerror}). Correct the path."
                raise StepError(clip.key, "read", reason) from error
        rate = [str(clip.fps)] if any(step.uses_fps for step in plan.steps) else []
        faces = ["cropped"] if clip.cropped else []
        record = [fingerprint, clip.onset, clip.apex, clip.offset, *contents, *rate, *faces]
        return hashlib.sha256(json.dumps(record).encode()).hexdigest()

    def path(self, key: str) -> Path:
        """Where the entry of that name is, or would be."""
        return self.root / key[:2] / f"{key}.npy"

    def load(self, key: str) -> NDArray[np.float32] | None:
        """Read the array stored under a name; None where there is none, or a broken one."""
        try:
            content = self.path(key).read_bytes()
        except OSError:
            return None
        payload, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(payload).digest() != digest:
            return None
        array: NDArray[np.float32] = np.load(io.BytesIO(payload), allow_pickle=False)
        return array

    def save(self, key: str, array: NDArray[np.float32]) -> None:
        """Keep an array under a name, replacing what is there.

        Raises:
            StoreError: The folder cannot be written to, for instance because the disk is full.
        """
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        payload = buffer.getvalue()
        content = payload + hashlib.sha256(payload).digest()
        try:  # not durable: an entry that a power cut broke is told by its digest and made again
            replace_file(self.path(key), content, durable=False)
        except DataError as error:
            raise StoreError(
                f"Cannot write to the cache {self.root}: {error} Or set OPENMER_CACHE to another "
                "folder."
            ) from error
