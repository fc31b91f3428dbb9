"""What a clip shows, small and without its brightness, to be compared with other clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import affine_transform, gaussian_filter

from openmer.clip import Clip
from openmer.errors import DataError
from openmer.preprocessing import gray_of, read_pixels
from openmer.training import FloatArray

SIDE = 64  # pixels of a frame, whatever its shape
_FLOW_SIDE = 32
_FINE, _COARSE = 0.7, 5.0  # pixels: what is smaller is noise, what is larger is light
_MARKS = 3.0  # times the mean: larger values are cut off


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Onset and apex of one clip, or its flow.

    Attributes:
        onset: Of frames their detail, shape ``(1, side, side)``; of a flow image u, v and strain.
        motion: Apex minus onset of the same place; None for flow, which is motion itself.
    """

    onset: FloatArray
    motion: FloatArray | None = None

    @property
    def kind(self) -> str:
        """What can be compared: pictures of one kind."""
        return "flow" if self.motion is None else "frames"

    def flipped(self) -> Picture:
        """Flip the picture left to right; u changes its sign."""
        onset = self.onset[..., ::-1].copy()
        if self.motion is None:
            onset[0] *= -1
            return Picture(onset=onset)
        return Picture(onset=onset, motion=self.motion[..., ::-1].copy())

    def changed(self, change: Callable[[FloatArray], FloatArray]) -> Picture:
        """Change the planes of a picture of frames."""
        motion = None if self.motion is None else np.ascontiguousarray(change(self.motion))
        return Picture(onset=np.ascontiguousarray(change(self.onset)), motion=motion)


def read_pictures(clips: Sequence[Clip]) -> list[Picture | None]:
    """Read every clip's frames or flow; None where there are none that can be read."""
    with ThreadPoolExecutor(2) as pool:  # decoding goes on outside of Python's lock
        return list(pool.map(_picture, clips))


def _picture(clip: Clip) -> Picture | None:
    try:
        if clip.frame_paths:
            return _of_frames(clip)
        return None if clip.flow_path is None else _of_flow(clip.flow_path)
    except DataError:
        return None


def picture_of_onset(clip: Clip) -> Picture | None:
    """Read the face of a clip, without what moves; None where there is no frame to be read."""
    frames = clip.frame_paths
    return picture_of_image(frames[min(clip.onset or 0, len(frames) - 1)]) if frames else None


def picture_of_image(path: Path) -> Picture | None:
    """Read what a single image shows; None where it cannot be read."""
    try:
        onset = _detail(_small(path))[None]
    except DataError:
        return None
    return Picture(onset=onset, motion=np.zeros_like(onset))


def _of_frames(clip: Clip) -> Picture:
    last = len(clip.frame_paths) - 1
    onset = min(clip.onset or 0, last)
    offset = last if clip.offset is None else min(clip.offset, last)
    apex = (onset + offset) // 2 if clip.apex is None else min(clip.apex, last)
    first, second = (_small(clip.frame_paths[i]) for i in (onset, apex))
    motion = gaussian_filter(second - first, _FINE)[None]
    return Picture(onset=_detail(first)[None], motion=motion)


def _of_flow(path: Path) -> Picture:
    pixels = read_pixels(path)
    planes = pixels.reshape(*pixels.shape[:2], -1).astype(np.float32)
    flow = np.stack([_resized(planes[..., i], _FLOW_SIDE) for i in range(planes.shape[2])])
    return Picture(onset=flow - flow.mean(axis=(1, 2), keepdims=True))


def _small(path: Path) -> FloatArray:
    return _resized(gray_of(read_pixels(path)), SIDE)


def _resized(plane: FloatArray, side: int) -> FloatArray:
    image = Image.fromarray(np.ascontiguousarray(plane, np.float32), mode="F")
    return np.asarray(image.resize((side, side), Image.Resampling.BOX), np.float32)


def _detail(plane: FloatArray) -> FloatArray:
    """Leave out noise and light; an edge as of a mark or a frame counts no more than a brow."""
    fine: FloatArray = gaussian_filter(plane, _FINE) - gaussian_filter(plane, _COARSE)
    most = _MARKS * float(np.abs(fine).mean())
    return fine.clip(-most, most)


def scaled(plane: FloatArray, factor: float) -> FloatArray:
    """Enlarge about the middle, at the same size."""
    if factor == 1.0:
        return plane
    middle = (np.array(plane.shape[1:]) - 1) / 2
    offset = middle - middle / factor
    return np.stack(
        [affine_transform(one, np.full(2, 1 / factor), offset, order=1) for one in plane]
    )
