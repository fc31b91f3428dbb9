"""Images of a pretraining that show a tested subject, whatever their card calls them.

Every image is compared with the onset of every clip at 32 pixels, flipped as well and with shifts;
what is alike there is laid on each other as two clips are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from openmer.clip import Clip
from openmer.datasets import label_scheme, pretraining_scheme, read_own_images
from openmer.errors import ConfigError, DataError
from openmer.evaluation._audit_stamp import Finding
from openmer.evaluation.audit._copies import SAME_FACE, halved, match_of
from openmer.evaluation.audit._pictures import Picture, picture_of_image, picture_of_onset
from openmer.methods import Method
from openmer.training import FloatArray

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".pgm"})
_ALIKE = 0.6  # at 32 pixels and shifts of two; from here on a pair is looked at closely
_LOOKS = 3  # images of each clip that are looked at closely
_STEPS = (-4, -2, 0, 2, 4)
_BLOCK = 4096  # images of one product


def pretraining_images(place: Path | None, method: Method) -> list[Path]:
    """List the images that made the weights of a method.

    Args:
        place: A folder, with all that is below it, or the table that ``openmer pretrain --images``
            took; None for none.
        method: Whose section ``[pretraining]`` says what the labels of a table are.

    Raises:
        ConfigError: A table is given for a method that has no such section.
        DataError: There is no image, or the table is wrong.
    """
    if place is None:
        return []
    if place.is_dir():
        found = sorted(path for path in place.rglob("*") if path.suffix.lower() in _SUFFIXES)
    elif method.pretraining is None:
        raise ConfigError(
            f"{place} is no folder, and {method.name} has no [pretraining] that says what the "
            "labels of a table are. Give the folder of the images."
        )
    else:
        scheme = label_scheme(pretraining_scheme(method.pretraining.scheme).label_scheme)
        found = [image.path for image in read_own_images(place, scheme).images]
    if not found:
        raise DataError(f"There is no image below {place}. Give the folder of the images.")
    return found


def check_pretraining_pictures(clips: Sequence[Clip], images: Sequence[Path]) -> list[Finding]:
    """Report tested subjects who are on an image of the pretraining.

    Args:
        clips: The tested clips. Those that have no frames are not compared.
        images: Of the pretraining. One that cannot be read is not compared.
    """
    if not images:
        return []
    onsets = [(clip, picture_of_onset(clip)) for clip in clips]
    shown = [(clip, picture) for clip, picture in onsets if picture is not None]
    if not shown:
        return []
    found: dict[str, list[tuple[float, str, str]]] = defaultdict(list)
    for (clip, picture), path in _alike(shown, images):
        other = picture_of_image(path)
        if other is not None:
            face = max(match_of(picture, one).face for one in (other, other.flipped()))
            if face >= SAME_FACE:
                found[clip.subject_id].append((face, clip.key, str(path)))
    return [_finding(subject, matches) for subject, matches in sorted(found.items())]


def _finding(subject: str, matches: Sequence[tuple[float, str, str]]) -> Finding:
    face, clip, image = max(matches)
    return Finding(
        check="pretraining",
        severity="leak",
        fold=subject,
        message=(
            f"{len({path for *_, path in matches})} images of the pretraining show {subject}, who "
            f"is tested: {image} and {clip} are the same face in the same light (correlation "
            f"{face:.3f}). Pretrain without the subject, or start from other weights."
        ),
    )


def _alike(
    shown: Sequence[tuple[Clip, Picture]], images: Sequence[Path]
) -> Iterator[tuple[tuple[Clip, Picture], Path]]:
    """Yield the images that are most like each clip, if they are like it."""
    views = [_views(picture) for _, picture in shown]
    best: list[list[tuple[float, Path]]] = [[] for _ in shown]
    for begin in range(0, len(images), _BLOCK):
        paths = images[begin : begin + _BLOCK]
        with ThreadPoolExecutor(2) as pool:
            pictures = list(pool.map(picture_of_image, paths))
        known = [(path, one) for path, one in zip(paths, pictures, strict=True) if one is not None]
        if not known:
            continue
        planes = np.stack([_normed(halved(one.onset).ravel()) for _, one in known])
        for own, view in zip(best, views, strict=True):
            peaks = (planes @ view.T).max(axis=1)
            near = np.argsort(peaks)[-_LOOKS:]
            own += [(float(peaks[i]), known[i][0]) for i in near if peaks[i] >= _ALIKE]
            own[:] = sorted(own)[-_LOOKS:]
    for one, own in zip(shown, best, strict=True):
        yield from ((one, path) for _, path in own)


def _views(picture: Picture) -> FloatArray:
    """Return a picture shifted and flipped in all ways, a row each, of length one."""
    small = halved(picture.onset)[0]
    both = (small, small[:, ::-1])
    moved = [np.roll(one, (y, x), (0, 1)) for one in both for y in _STEPS for x in _STEPS]
    return np.stack([_normed(one.ravel()) for one in moved])


def _normed(values: FloatArray) -> FloatArray:
    return np.asarray(values / (np.linalg.norm(values) + 1e-9), np.float32)
