"""The step that appends how much nearer the face came, by the depth frames beside the colours."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing._frames import read_pixels
from openmer.preprocessing.flow._resample import resize_image
from openmer.preprocessing.steps._step import (
    AVERAGED_FLOW,
    FLOW,
    FLOW_AND_DEPTH,
    Array,
    ClipData,
    Step,
)

_SUFFIXES = (".png", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")


class DepthStep(Step):
    """Append how much nearer the face came from onset to apex, at the size of the flow.

    Depth frames lie in a folder beside that of the frames and have their names: ``depth/175.png``
    belongs to ``color/175.jpg``, as in CAS(ME)^3. They are aligned as the frames were, and never
    magnified. Where one of the two says nothing (0), or the change is larger than any of a face,
    as at the border of the head, the value is 0. Stands last.

    Attributes:
        folder: Name of the folder.
        most: Changes beyond it are no movement of a face, in the unit of the depth frames
            (millimetres, as most cameras have it).
    """

    gives: ClassVar = {FLOW: FLOW_AND_DEPTH, AVERAGED_FLOW: FLOW_AND_DEPTH}

    step: Literal["depth"] = "depth"
    folder: str = Field(default="depth", min_length=1)
    most: float = Field(default=20.0, gt=0, allow_inf_nan=False)

    def channels(self, before: int) -> int:
        """Return 1 more."""
        return before + 1

    def files(self, clip: Clip, numbers: tuple[int, ...]) -> tuple[Path, ...]:
        """Return the depth frames of some frames.

        Raises:
            DataError: One of them is not there.
        """
        return tuple(self._beside(clip, number) for number in numbers)

    def apply(self, data: ClipData) -> ClipData:
        """Return the data with an array of ``(channels + 1, height, width)``."""
        ends = (data.numbers[0], data.numbers[-1])
        onset, apex = (read_depth(path) for path in self.files(data.clip, ends))
        if onset.shape != apex.shape:
            raise DataError(
                f"{data.clip.key}: found depth frames of shapes {onset.shape} and {apex.shape}; "
                "give depth frames of one size."
            )
        change = onset - apex
        known = (onset > 0) & (apex > 0) & (np.abs(change) <= self.most)
        change, share = np.where(known, change, 0), known.astype(np.float32)
        if data.align is not None:
            change, share = self._aligned(data, change, share)
        size = data.array.shape[1:]
        change, share = (_resized(one, size) for one in (change * share, share))
        near = np.where(share >= 0.5, change / np.maximum(share, 0.5), 0).astype(np.float32)
        return replace(data, array=np.concatenate([data.array, near[np.newaxis]]))

    def _aligned(self, data: ClipData, change: Array, share: Array) -> tuple[Array, Array]:
        """Move both as the frames were moved, in whose range of 0..255 images are aligned."""
        frame = data.files.gray(data.numbers[0])
        if data.align is None or frame.shape != change.shape:
            raise DataError(
                f"{data.clip.key}: its frames are {frame.shape}, its depth frames {change.shape}. "
                "To be aligned together, both need one size and one view."
            )
        moved = data.align(((change / self.most + 1) * 127.5).astype(np.float32))
        seen = data.align(share * 255) > 127.5
        return (moved / 127.5 - 1) * self.most, seen.astype(np.float32)

    def _beside(self, clip: Clip, number: int) -> Path:
        frame = clip.frame_paths[number]
        folder = frame.parent.parent / self.folder
        for suffix in (*_SUFFIXES, *map(str.upper, _SUFFIXES)):
            if (path := folder / f"{frame.stem}{suffix}").is_file():
                return path
        raise DataError(
            f"{clip.key}: the step 'depth' needs the depth of frame {frame.name}, but there is no "
            f"image {folder / frame.stem}. Give the depth frames, or a recipe without this step."
        )


def read_depth(path: Path) -> NDArray[np.float32]:
    """Read a depth frame in its own unit, shape ``(height, width)``; 0 says nothing.

    Raises:
        DataError: As `read_gray`; or the image has colours, which are no depth.
    """
    pixels = read_pixels(path)
    if pixels.ndim != 2:
        raise DataError(f"{path} has colours, expected depth: one channel of 8 or 16 bits.")
    whole = 257.0 if pixels.dtype == np.float32 else 1.0  # 16 bits are read in 0..255
    return np.asarray(np.rint(pixels * whole), np.float32)


def _resized(plane: Array, size: tuple[int, ...]) -> Array:
    """Return a plane in the size of the flow, which is a square where it has another one."""
    if plane.shape == size:
        return plane
    if size[0] != size[1]:
        raise DataError(
            f"Found depth of shape {plane.shape} for flow of shape {size}; give the step 'resize', "
            "or depth frames as large as the frames."
        )
    return resize_image(plane.astype(np.float32), size[0])
