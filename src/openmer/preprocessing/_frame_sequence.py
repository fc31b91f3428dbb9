"""The frames of a clip on their way through a recipe, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import DataError

Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSequence:
    """Frames in their order; none is made before it is asked for.

    Attributes:
        clip: Where they come from.
        places: Frame of the clip, counted from 0, that each of them shows; rising, and between two
            frames where the sequence is interpolated.
        fps: Frames per second of the sequence; None where the clip's are not known.
        images: The images at some positions in `places`, in the order asked for: float32 in 0..255
            (beyond, where magnified), shape ``(height, width)`` or ``(height, width, 3)``.
    """

    clip: Clip
    places: tuple[float, ...]
    fps: Fraction | None
    images: Callable[[Sequence[int]], Iterator[Image]]

    def at(self, *numbers: int) -> tuple[Image, ...]:
        """Return the images nearest to frames of the clip, one for each; no two are the same.

        Args:
            numbers: Frames of the clip, rising, fewer than there are images.
        """
        positions: list[int] = []
        for number in numbers:
            if not self.places[0] <= number <= self.places[-1]:
                raise DataError(
                    f"{self.clip.key}: frame {number} is needed, but the recipe works on the "
                    f"frames {self.places[0]:g} to {self.places[-1]:g}, counted from 0. Correct "
                    "onset, apex and offset."
                )
            nearest = int(np.argmin(np.abs(np.array(self.places) - number)))
            positions.append(max(nearest, positions[-1] + 1) if positions else nearest)
        return tuple(self.images(positions))

    def between(self, first: int, last: int) -> FrameSequence:
        """Return the part of the sequence between two frames of the clip, both included."""
        kept = [i for i, place in enumerate(self.places) if first <= place <= last]
        return FrameSequence(
            clip=self.clip,
            places=tuple(self.places[position] for position in kept),
            fps=self.fps,
            images=lambda positions: self.images([kept[position] for position in positions]),
        )

    def mapped(self, change: Callable[[Image], Image]) -> FrameSequence:
        """Return the sequence with each image changed by itself."""
        return replace(self, images=lambda positions: map(change, self.images(positions)))

    def all(self) -> Iterator[Image]:
        """All images, one after the other."""
        shape = None
        for image in self.images(range(len(self.places))):
            if image.shape != (shape or image.shape):
                raise DataError(
                    f"{self.clip.key}: found a frame of shape {image.shape} after frames of shape "
                    f"{shape}. Give frames of one size, or add the step 'align'."
                )
            shape = image.shape
            yield image


class Frames(Protocol):
    """Where the frames of one clip come from."""

    clip: Clip

    def gray(self, number: int) -> Image:
        """Return a frame, ``(height, width)``, 0..255."""

    def colours(self, number: int) -> Image:
        """Return a frame, ``(height, width, 3)``, 0..255."""


def movement(clip: Clip, step: str) -> range:
    """Numbers of the frames from onset to offset, both included.

    Args:
        clip: With frames.
        step: Name of the recipe step that needs them, for the error.
    """
    onset, offset, count = clip.onset, clip.offset, len(clip.frame_paths)
    if onset is None or offset is None or not 0 <= onset < offset < count:
        raise DataError(
            f"{clip.key}: the step {step!r} needs all frames from an onset to a later offset, "
            f"found onset {onset}, offset {offset} and {count} frames, counted from 0. "
            "Annotate both, or give all frames."
        )
    return range(onset, offset + 1)
