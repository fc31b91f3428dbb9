"""Folders of images, one per frame: their order, and what must not shift it in silence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from openmer.datasets._paths import kind_of
from openmer.errors import DataError

_SHOWN = 500  # characters of a path
_IN_THE_CLOUD = re.compile(r"\..+\.icloud")  # what iCloud leaves of a file
IMAGE_SUFFIXES = frozenset((
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg",
    ".jpf", ".jpg", ".jpx", ".mpo", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".sgi", ".tga",
    ".tif", ".tiff", ".webp",
))  # fmt: skip
"""How the name of an image that is read ends, lower case."""
_OTHER_IMAGES = (
    *(".arw", ".cr2", ".cr3", ".dng", ".exr", ".heic", ".heif", ".hif", ".jxl", ".nef", ".psd"),
    ".raw",
)


def list_frames(folder: Path) -> tuple[Path, ...]:
    """List the images of a folder by the number that ends each file name: img9, then img10.

    Hidden files and files that are no images are skipped.

    Raises:
        DataError: There is no such folder; one of several images carries no number, or two carry
            the same one, so that the order of the frames would be a guess; or what cannot be read
            stands where an image should be, so that the frames after it would have other places.
    """
    if kind_of(folder) != "a folder":
        raise DataError(f"There is no frames folder {str(folder)[:_SHOWN]}. Correct the path.")
    found = sorted(folder.iterdir())
    elsewhere = next((one for one in found if _IN_THE_CLOUD.fullmatch(one.name)), None)
    if elsewhere is not None:
        raise DataError(f"{elsewhere} stands for a file that is in the cloud only. Download it.")
    entries = [entry for entry in found if not entry.name.startswith(".")]
    images = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES]
    by_number: dict[int, Path] = {}
    for image in images:
        number = number_of(image)
        if not image.is_file():
            raise DataError(
                f"{image} is {kind_of(image)}, expected an image. Put the image there, or move it "
                "away."
            )
        if number is None and len(images) > 1:
            raise DataError(
                f"{image} has no number at the end of its name, so its place among the "
                f"{len(images)} images is not known. Number it or move it away."
            )
        number = -1 if number is None else number
        if number in by_number:
            raise DataError(
                f"{by_number[number].name} and {image.name} in {folder} carry the same frame "
                f"number {number}. Keep one image per frame in the folder."
            )
        by_number[number] = image
    _refuse_unread(entries, by_number)
    frames = tuple(by_number[number] for number in sorted(by_number))
    _refuse_other_order(frames)
    return frames


def number_of(image: Path) -> int | None:
    """Return the number that ends the name of an image; None for none."""
    digits = re.search(r"\d+$", image.stem, flags=re.ASCII)
    return int(digits.group()) if digits else None


def _refuse_other_order(frames: Sequence[Path]) -> None:
    """Raise if frames of several names, or with further numbers, have another order by those."""
    names = [re.split(r"([0-9]+)", frame.stem) for frame in frames]
    orders = [[int(part) if at % 2 else part for at, part in enumerate(name)] for name in names]
    for (before, one), (after, other) in pairwise(zip(frames, orders, strict=True)):
        if len(one) != len(other) or one > other:
            raise DataError(
                f"{before.name} comes before {after.name} by the last number of the name, and not "
                f"by the whole name, in {before.parent}. Keep one series of images in the folder, "
                "numbered from its first to its last."
            )


def _refuse_unread(entries: Iterable[Path], by_number: Mapping[int, Path]) -> None:
    """Raise if a file has the name of a frame that is not there, and is no image that is read."""
    prefixes = {re.escape(image.stem.rstrip("0123456789")) for image in by_number.values()}
    frame = re.compile(rf"(?:{'|'.join(sorted(prefixes))})(\d+)(?:[^\w\s].*)?", flags=re.ASCII)
    read = set(by_number.values())
    for entry in entries:
        named = frame.fullmatch(entry.name) if prefixes else None
        number = int(named[1]) if named else number_of(entry)
        is_meant = named or entry.suffix.lower() in _OTHER_IMAGES
        if is_meant and number not in by_number and entry not in read and not entry.is_dir():
            raise DataError(
                f"{entry} has the name of a frame, but is no image that is read "
                f"({', '.join(sorted(IMAGE_SUFFIXES))}). Convert it or move it away: the frames "
                "after it would have other places."
            )


def gaps(folders: Mapping[Path, tuple[Path, ...]]) -> list[str]:
    """Say where the numbers of frames leave some out: places count what is there."""
    found = []
    for folder, frames in folders.items():
        numbers = [number_of(frame) or 0 for frame in frames]
        steps = [after - before for before, after in pairwise(numbers)]
        at = next((at for at, step in enumerate(steps) if step > min(steps)), None)
        if at is not None:
            found.append(f"{folder.name}, where {frames[at + 1].name} follows {frames[at].name}")
    return [f"{len(found)} folders lack frames, such as {found[0]}"] if found else []
