"""Known micro-movements warped into real videos, locked to the head, to evaluate spotting.

Nobody in ordinary footage is known to make a micro-expression. A small local warp of the skin on
top of whatever the subject does is a movement whose time, place and size are known.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.datasets import NONE, TRUTH, Movement, read_footage, same_files, write_footage
from openmer.errors import ConfigError, DataError
from openmer.files import check_replaceable, move_file, require_same, temporary_folder
from openmer.preprocessing import Mesh, detect_faces, find_mesh
from openmer.video._identity import identity_of
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
    videos: Sequence[Path],
    out: Path,
    *,
    seed: int = 0,
    footage: str = "",
    fps: Fraction | None = None,
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
        fps: The true frame rate; folders of images need it.

    Returns:
        The movements.

    Raises:
        ConfigError: `footage` is no such word.
        DataError: The folder holds videos or rows of these names that were made of something else;
            a video cannot be read, shows no face, or the files cannot be written; or the
            face mesh cannot be had.
    """
    check_replaceable(out / f".{TRUTH}")  # not there: what counts is the folder around it
    jobs = [_job(path, out, seed, footage, fps) for path in _unique(videos)]
    _refuse_taken(jobs)
    done: list[Movement] = []
    for job in jobs:
        if job.before:
            done += job.before
            continue
        with open_video(job.path, fps=fps, on_damage="stop") as video:
            done += _one(video, job, out)
    return tuple(done)


def is_upper(region: str) -> bool:
    """Tell whether a movement is one of the upper face."""
    return _UPPER in region


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One video, what will be made of it, and the movements of it that are there already."""

    path: Path
    seed: int
    footage: str
    origin: str
    before: tuple[Movement, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """Names of the copies with movements and without."""
        stem = self.path.resolve().stem if self.path.name in {"", ".."} else self.path.stem
        return f"{stem}.mp4", f"{stem}-plain.mp4"


def _unique(videos: Sequence[Path]) -> list[Path]:
    """List each video once; refuse what would be waited for, and two that give files of a name."""
    again = same_files(videos)
    found = [path for path in dict.fromkeys(videos) if path not in again]
    for path in found:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(f"{path} is no ordinary file. Save the video in one, and give that.")
    return found


def _job(path: Path, out: Path, seed: int, footage: str, fps: Fraction | None) -> _Job:
    """Say what will be made of a video; refuse what is there and was made of something else."""
    if footage.strip().lower() == "all" or not footage.isprintable():
        raise ConfigError(
            f"Found --footage {footage!r}; expected a word for the kind of the videos, such as "
            "talking; all of them together are called 'all'."
        )
    told = json.dumps([identity_of(path)["sha256"], seed, footage, str(fps)])
    job = _Job(
        path=path, seed=seed, footage=footage,
        origin=hashlib.sha256(told.encode()).hexdigest()[:16],
    )  # fmt: skip
    rows = read_footage(out, is_there=False) if (out / TRUTH).exists() else ()
    own = [row for row in rows if row.video in job.names]
    there = [name for name in job.names if os.path.lexists(out / name)]
    if (own or there) and {row.origin for row in own} != {job.origin}:
        raise DataError(
            f"{out} has {' and '.join(there) or 'rows on ' + own[0].video} already, which were not "
            f"made of {path} with this --seed, --footage and --fps. Nothing was written. Give "
            "another --out."
        )
    moved = tuple(row for row in own if row.kind != NONE)
    return replace(job, before=moved if len(there) == len(job.names) else ())


def _refuse_taken(jobs: Sequence[_Job]) -> None:
    """Refuse two videos of one name, and names that a table cannot hold, before the work."""
    taken: dict[str, Path] = {}
    for job in jobs:
        for name in job.names:
            if not name.isprintable() or name != name.strip() or "\\" in name:
                raise DataError(f"A table cannot hold the name {name!r}. Rename {job.path}.")
            if other := taken.get(name.casefold()):
                raise DataError(
                    f"{other} and {job.path} would both give {name}. Give them in turn, each with "
                    "another --out."
                )
            taken[name.casefold()] = job.path


def _one(video: Video, job: _Job, out: Path) -> list[Movement]:
    """Write both copies of one video, and its rows."""
    names, path = job.names, job.path
    fps = video.info.fps or Fraction(25)
    meshes, numbers = _followed(video, fps)
    order = _played(len(numbers), fps)
    rng = np.random.default_rng([job.seed, zlib.crc32(os.fsencode(path.stem))])
    movements = [
        replace(one, video=names[0], footage=job.footage, origin=job.origin)
        for one in _drawn(rng, order, meshes, fps)
    ]
    if not movements:
        raise DataError(f"{path} shows no face long enough. Give a video with one face in view.")
    plain = Movement(video=names[1], footage=job.footage, kind=NONE, origin=job.origin)
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
        write_footage(out, movements, [plain])  # before the videos: they are ours then
        for name in names:
            move_file(place / name, out / name)
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
                    video="", onset=onset, apex=(onset + offset) // 2, offset=offset,
                    region=recipe.region, side=side, size_px=size, class_name=recipe.class_name,
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
