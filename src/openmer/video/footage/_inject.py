"""Known micro-movements warped into real videos, locked to the head, to evaluate spotting.

Nobody in ordinary footage is known to make a micro-expression. A small local warp of the skin on
top of whatever the subject does is a movement whose time, place and size are known.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.errors import DataError
from openmer.files import require_same, temporary_folder
from openmer.preprocessing import Mesh, detect_faces, find_mesh
from openmer.video.footage._truth import TRUTH, Movement, read_footage, write_footage
from openmer.video.io._frame import VideoFrame
from openmer.video.io._reader import Video, open_video
from openmer.video.io._writer import VideoWriter

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recipe:
    """Which points of the mesh a movement shifts, right and left, and where to."""

    region: str
    points: tuple[int, int]
    outward_down: tuple[float, float]
    class_name: str


RECIPES = tuple(
    _Recipe(region=region, points=points, outward_down=way, class_name=class_name)
    for region, points, way, class_name in (
        ("inner brow up", (107, 336), (0.0, -1.0), "surprise"),
        ("outer brow up", (105, 334), (0.0, -1.0), "surprise"),
        ("inner brow down", (107, 336), (-0.5, 0.87), "negative"),
        ("corner up", (61, 291), (0.6, -0.8), "positive"),
        ("corner down", (61, 291), (0.2, 0.98), "negative"),
        ("cheek up", (50, 280), (0.0, -1.0), "positive"),
    )
)

_UPPER = "brow"
_SIZES_PX = (1.0, 2.0, 3.0, 4.0)  # of a face 200 px wide
_LASTS_S = (0.1, 0.4)
_APART_S, _EVERY_S = 1.2, 2.0
_LONG_S = (16.0, 24.0)
_REACH = 0.08  # standard deviation of the warp, widths of the face
_WIDTH_EYES = 2.2  # widths of the face are so many distances of the eyes
_PIECE_BYTES = 400_000_000  # of frames that are read at once, to be shown backwards
_STEADY = 2  # frames to each side over which a place is averaged


def inject_movements(
    videos: Sequence[Path], out: Path, *, seed: int = 0, footage: str = ""
) -> tuple[Movement, ...]:
    """Write videos with known movements, the same without, and the table of what is true.

    Each video is played forwards and backwards until it lasts 16 to 24 seconds. At random times, at
    least 1.2 s apart, a corner of the mouth, a brow or a cheek moves by 1 to 4 px of a face that is
    200 px wide, within 0.1 to 0.4 s, on both sides or on one.

    Args:
        videos: With one face that is seen most of the time; files or folders of images.
        out: Folder for the videos and ``truth.csv``, which is continued where it is there.
        seed: The same seed and video give the same movements.
        footage: A word for the kind of these videos ("talking"), by which results are grouped.

    Returns:
        The movements.

    Raises:
        DataError: A video cannot be read, shows no face, or the files cannot be written; or the
            face mesh cannot be had.
    """
    done: list[Movement] = []
    for path in videos:
        if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe would be waited for
            raise DataError(f"{path} is no ordinary file. Save the video in one, and give that.")
        with open_video(path, on_damage="stop") as video:
            done += _one(video, path, out, seed, footage)
    return tuple(done)


def is_upper(region: str) -> bool:
    """Tell whether a movement is one of the upper face."""
    return _UPPER in region


def _one(video: Video, path: Path, out: Path, seed: int, footage: str) -> list[Movement]:
    """Write both copies of one video, and its rows."""
    known = {row.video for row in read_footage(out)} if (out / TRUTH).exists() else ()
    for name in (f"{path.stem}.mp4", f"{path.stem}-plain.mp4"):
        if (out / name).exists() and name not in known:
            raise DataError(
                f"{out / name} is there and not in the table of this folder, so it is not ours to "
                "replace. Give another --out."
            )
    fps = video.info.fps or Fraction(25)
    meshes, numbers = _followed(video, fps)
    order = _played(len(numbers), fps)
    rng = np.random.default_rng([seed, zlib.crc32(os.fsencode(path.stem))])
    movements = _drawn(rng, order, meshes, fps, f"{path.stem}.mp4", footage)
    if not movements:
        raise DataError(f"{path} shows no face long enough. Give a video with one face in view.")
    names = (f"{path.stem}.mp4", f"{path.stem}-plain.mp4")
    out.mkdir(parents=True, exist_ok=True)
    with temporary_folder("inject", out) as place:
        with VideoWriter(place / names[0], fps=fps) as writer:
            for at, frame in enumerate(_frames(video, order)):
                writer.add(_warped(frame.image_rgb, at, movements, order, meshes))
        with VideoWriter(place / names[1], fps=fps) as writer:
            for frame in _frames(video, list(range(len(numbers)))):
                writer.add(frame.image_rgb)
        for name in names:
            require_same(out / name, (place / name).read_bytes())
        write_footage(out, movements, {names[1]: footage})  # before the videos: they are ours then
        for name in names:
            (place / name).replace(out / name)
    return movements


def _followed(video: Video, fps: Fraction) -> tuple[dict[int, Floats], list[int]]:
    """Points of the face by frame, ``(468, 2)``, for as many frames as are needed."""
    points: dict[int, Floats] = {}
    numbers: list[int] = []
    mesh: Mesh | None = None
    for frame in video:
        if frame.number >= _LONG_S[1] * fps:
            break
        numbers.append(frame.number)
        mesh = _next(frame.gray, mesh)
        if mesh is not None:
            points[frame.number] = mesh.points_xy
    return _steady(points), numbers


def _next(gray: Image, mesh: Mesh | None) -> Mesh | None:
    if mesh is None:
        (faces,) = detect_faces([gray])
        if not faces:
            return None
        mesh = find_mesh(gray, max(faces, key=lambda face: face.size_xy[0]).box_xyxy)
    found = find_mesh(gray, mesh)
    return found if found.is_face else None


def _steady(points: dict[int, Floats]) -> dict[int, Floats]:
    """Average each point over the frames around."""
    near = range(-_STEADY, _STEADY + 1)
    return {
        at: np.mean([points[at + by] for by in near if at + by in points], axis=0) for at in points
    }


def _played(frames: int, fps: Fraction) -> list[int]:
    """Order of the frames: forwards and backwards until it is long enough."""
    once = list(range(frames))
    order = list(once)
    forwards = False
    while len(order) < _LONG_S[0] * fps and frames > 1:
        order += (once if forwards else once[::-1])[1:]
        forwards = not forwards
    return order[: int(_LONG_S[1] * fps)]


def _drawn(
    rng: np.random.Generator,
    order: Sequence[int],
    meshes: dict[int, Floats],
    fps: Fraction,
    video: str,
    footage: str,
) -> list[Movement]:
    """Draw movements at times when the face is seen."""
    found = []
    at_s, end_s = 1.0, len(order) / float(fps) - 1.0
    while at_s < end_s:
        lasts_s = float(rng.uniform(*_LASTS_S))
        recipe = RECIPES[int(rng.integers(len(RECIPES)))]
        size, sides = float(rng.choice(_SIZES_PX)), ("both", "right", "left")
        side = str(rng.choice(sides, p=(0.6, 0.2, 0.2)))
        onset, offset = round(at_s * fps), max(round((at_s + lasts_s) * fps), round(at_s * fps) + 2)
        if offset < len(order) and all(n in meshes for n in order[onset : offset + 1]):
            found.append(
                Movement(
                    video=video, footage=footage, kind="micro", onset=onset,
                    apex=(onset + offset) // 2, offset=offset, region=recipe.region, side=side,
                    size_px=size, class_name=recipe.class_name,
                )
            )  # fmt: skip
        at_s += lasts_s + _APART_S + float(rng.exponential(_EVERY_S - _APART_S))
    return found


def _frames(video: Video, order: Sequence[int]) -> Iterator[VideoFrame]:
    """Give the frames in an order that runs forwards and backwards, a piece at a time.

    What the next piece shows again is not read again: a short clip is decoded once.
    """
    piece = max(24, _PIECE_BYTES // (4 * video.info.width * video.info.height))
    read: dict[int, VideoFrame] = {}
    for start in range(0, len(order), piece):
        part = order[start : start + piece]
        if not set(part) <= set(read):
            read = {frame.number: frame for frame in video.between(min(part), max(part))}
        yield from (read[number] for number in part)


def _warped(
    image: Image,
    at: int,
    movements: Sequence[Movement],
    order: Sequence[int],
    meshes: dict[int, Floats],
) -> Image:
    """Move what moves at a place of the video."""
    for one in movements:
        if not one.onset < at < one.offset:
            continue
        share = 0.5 - 0.5 * np.cos(2 * np.pi * (at - one.onset) / (one.offset - one.onset))
        image = _moved(image, one, float(share), meshes[order[at]])
    return image


def _moved(image: Image, one: Movement, share: float, points: Floats) -> Image:
    recipe = next(each for each in RECIPES if each.region == one.region)
    right_eye, left_eye = points[[33, 133]].mean(0), points[[362, 263]].mean(0)
    across = left_eye - right_eye
    width = _WIDTH_EYES * float(np.hypot(*across))
    across = across / np.hypot(*across)
    down = np.array([-across[1], across[0]])
    reach, far = _REACH * width, 3.5 * _REACH * width
    centres = points[list(recipe.points)]
    outward = np.array([-1.0, 1.0])
    chosen = [side for side, name in enumerate(("right", "left")) if one.side in (name, "both")]
    low = np.maximum(np.floor(centres[chosen].min(0) - far), 0).astype(int)
    high = np.minimum(np.ceil(centres[chosen].max(0) + far), image.shape[1::-1]).astype(int)
    if (high - low).min() < 2:
        return image
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]].astype(np.float64)
    shift = np.zeros((*x.shape, 2))
    for side in chosen:
        way = outward[side] * recipe.outward_down[0] * across + recipe.outward_down[1] * down
        near = np.exp(-((x - centres[side, 0]) ** 2 + (y - centres[side, 1]) ** 2) / (2 * reach**2))
        shift += near[..., None] * way * (share * one.size_px * width / 200)
    grid = np.stack([x, y], -1) - shift
    part = cv2.remap(
        image, grid[..., 0].astype(np.float32), grid[..., 1].astype(np.float32), cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    changed = image.copy()
    changed[low[1] : high[1], low[0] : high[0]] = part
    return changed
