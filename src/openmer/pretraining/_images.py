"""The labelled images of a pretraining as one array, and which of them choose the epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from openmer.clip import Image
from openmer.datasets import read_pixels
from openmer.errors import DataError
from openmer.evaluation import SeenSubjects
from openmer.preprocessing import ArrayStore, Failures, Recipe, read_gray, read_rgb, step_of
from openmer.training import IntArray, generator

_LEAST_SIDE = 16  # pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """Labelled images in memory.

    Attributes:
        images: uint8, shape ``(images, channels, height, width)``, 0..255.
        targets: Class indices, shape ``(images,)``.
        num_classes: Number of classes.
        subjects: Who is on each image, unique across corpora; "" where the corpus names nobody.
            Empty where none does.
        corpora: Which corpus each image is of; empty where that is not told.
    """

    images: npt.NDArray[np.uint8]
    targets: IntArray
    num_classes: int
    subjects: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReader:
    """How image files become arrays.

    A recipe that aligns looks for a face in every image but in those that are one already
    (`Image.cropped`). Of these the whole image is taken for the face, so that corpora of
    photographs and of cut out faces can be merged: in most small crops a detector finds no face.

    Attributes:
        recipe: Preprocessing of an image; None takes the gray values as they are.
        store: Where found faces are kept and found again; None looks again.
        failures: Where images that cannot be read are listed; None stops at the first one.
        on_progress: Called after each image with the number of images done and of all images.
    """

    recipe: Recipe | None = None
    store: ArrayStore | None = None
    failures: Failures | None = None
    on_progress: Callable[[int, int], None] | None = None

    def read(self, images: Sequence[Image], targets: Sequence[int], num_classes: int) -> ImageSet:
        """All images with their classes, in their order; those that fail are left out.

        Args:
            images: Files, or rows of ``fer2013.csv``.
            targets: Class index of each.
            num_classes: Number of classes.

        Returns:
            One channel without a recipe, else the recipe's three; values rounded to 0..255.
        """
        failures = Failures("error") if self.failures is None else self.failures
        tables = _tables(images)
        kept: list[int] = []
        arrays: list[npt.NDArray[np.uint8]] = []
        for number, image in enumerate(images):
            try:
                array = _eight_bit(self._planes(image, tables))
            except DataError as error:
                failures.add(error, image.key)
            else:
                kept.append(number)
                arrays.append(array)
                _check_size(array, image, arrays[0], images[kept[0]])
            if self.on_progress is not None:
                self.on_progress(number + 1, len(images))
        if not arrays:
            raise DataError(f"None of {len(images)} images could be read.\n{failures}")
        subjects = tuple(images[number].subject_id or "" for number in kept)
        return ImageSet(
            images=np.stack(arrays),
            targets=np.array([targets[number] for number in kept], np.int64),
            num_classes=num_classes,
            subjects=subjects if any(subjects) else (),
            corpora=tuple(images[number].corpus for number in kept),
        )

    def _planes(
        self, image: Image, tables: dict[Path, Iterator[npt.NDArray[np.uint8]]]
    ) -> npt.NDArray[np.generic]:
        """Return an image as ``(channels, height, width)``, 0..255."""
        with step_of(image.key, "read"):
            if image.row is not None:
                pixels: npt.NDArray[np.generic] = next(tables[image.path])
            elif self.recipe is None:
                pixels = read_gray(image.path)
            else:
                pixels = np.moveaxis(read_rgb(image.path), 0, -1)
        if self.recipe is None:
            return pixels[None]
        with step_of(image.key, "recipe"):
            return self.recipe.run_image(pixels, store=self.store, cropped=image.cropped)


def split_images(
    targets: IntArray, share: float, seed: int, subjects: Sequence[str] = ()
) -> tuple[IntArray, IntArray]:
    """Split the images into indices that train and indices that validate.

    Of images of nobody in particular the same share of every class validates. Where subjects are
    named, whole subjects validate, so that nobody is on both sides.

    Args:
        targets: Class indices, shape ``(images,)``.
        share: Share that validates, 0..1.
        seed: Decides which.
        subjects: As in `ImageSet`.
    """
    everyone = np.array(subjects) if subjects else np.full(len(targets), "")
    names = np.array(sorted(set(everyone) - {""}), dtype=str)
    drawn = generator(seed, "validation persons").permutation(names)
    held = [np.flatnonzero(np.isin(everyone, drawn[: round(share * len(drawn))]))]
    for target in np.unique(targets):
        members = generator(seed, "validation", int(target)).permutation(
            np.flatnonzero((targets == target) & (everyone == ""))
        )
        held.append(members[: round(share * len(members))])
    validation = np.sort(np.concatenate(held))
    training = np.setdiff1d(np.arange(len(targets)), validation)
    for target in np.unique(targets):
        if target not in targets[training] or target not in targets[validation]:
            raise DataError(
                f"Class {target} has {np.sum(targets == target)} images; {share:.0%} of them for "
                "validation leaves one side empty. Give more images."
            )
    return training, validation


def subjects_of_images(image_set: ImageSet) -> SeenSubjects:
    """Who is on the images of a pretraining, those that only chose its epoch among them."""
    subjects = image_set.subjects or ("",) * len(image_set.corpora)
    pairs = zip(subjects, image_set.corpora, strict=True)
    return SeenSubjects(
        named=tuple(sorted({subject_id for subject_id in subjects if subject_id})),
        unnamed=tuple(sorted({corpus for subject_id, corpus in pairs if not subject_id})),
    )


def _tables(images: Sequence[Image]) -> dict[Path, Iterator[npt.NDArray[np.uint8]]]:
    """Read the pixels of all images that are rows of a table, in their order, by table."""
    rows: dict[Path, list[Image]] = {}
    for image in images:
        if image.row is not None:
            rows.setdefault(image.path, []).append(image)
    return {path: iter(read_pixels(found)) for path, found in rows.items()}


def _eight_bit(planes: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    if planes.dtype == np.uint8:
        return np.asarray(planes, np.uint8)
    return np.asarray(np.rint(planes.astype(np.float32).clip(0, 255)), np.uint8)


def _check_size(
    array: npt.NDArray[np.uint8], image: Image, first: npt.NDArray[np.uint8], other: Image
) -> None:
    _, height, width = array.shape
    fault = ""
    if array.shape != first.shape:
        fault = f"but {other.key} has {first.shape[2]}x{first.shape[1]}"
    elif height != width or width < _LEAST_SIDE:
        fault = f"expected a square of at least {_LEAST_SIDE} pixels"
    if fault:
        raise DataError(
            f"{image.key} has {width}x{height} pixels, {fault}. Make all images one square by "
            "[[pretraining.recipe]] tables: 'align' where faces have to be found, then "
            "'apex_frame' with a size."
        )
