"""How one face moves over a whole video: the curves that spotting works on."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._patch import CELLS, SIDE_PX, box_of, eye_distance, inverse
from openmer.video.faces._seen import SIGNALS, Seen
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceCurves:
    """One face over time; one row for each frame in which it was seen.

    Attributes:
        subject: Number of the face, from 1.
        frames: Numbers of the frames, rising, shape ``(rows,)``.
        times_s: Their times, ``(rows,)``.
        regions_px: As in `Seen`, ``(rows, regions, 2)``.
        head: Where the head is: x and y of its middle in eye distances, angle in radians, natural
            logarithm of its size, ``(rows, 4)``.
        warp_px: As in `Seen`, ``(rows, 4)``.
        eyes: As in `Seen`, ``(rows,)``.
        starts: Rows at which the face had just come into view, the first of all included.
        matrices: As in `Seen`, ``(rows, 2, 3)``.
        mesh_px: As in `Seen`, ``(rows, regions, 2)``.
        signals: As in `Seen`, ``(rows, signals)``.
        brief_px: As in `Seen`, ``(rows, cells, cells, 2)``; empty where it was not measured.
    """

    subject_id: int
    frames: NDArray[np.int64]
    times_s: Floats
    regions_px: Floats
    head: Floats
    warp_px: Floats
    eyes: Floats
    starts: tuple[int, ...]
    matrices: Floats
    mesh_px: Floats = field(default_factory=lambda: np.empty((0, len(REGIONS), 2)))
    signals: Floats = field(default_factory=lambda: np.empty((0, len(SIGNALS))))
    brief_px: NDArray[np.float16] = field(
        default_factory=lambda: np.empty((0, CELLS, CELLS, 2), np.float16)
    )

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def has_mesh(self) -> bool:
        """Whether the face was followed by its mesh."""
        return bool(len(self.signals)) and bool(np.isfinite(self.signals).all())

    def signal(self, name: str) -> Floats:
        """Return one of `SIGNALS`, ``(rows,)``."""
        return np.asarray(self.signals[:, SIGNALS.index(name)])

    @property
    def seen_s(self) -> float:
        """Seconds during which the face was in view."""
        return float(sum(self.times_s[last - 1] - self.times_s[first] for first, last in self.runs))

    def box_xyxy(self, row: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge of the face in one row, pixels of the image."""
        return box_of(self.matrices[row])

    @property
    def runs(self) -> tuple[tuple[int, int], ...]:
        """First row, and the row after the last, of each time in view."""
        ends = (*self.starts[1:], *[len(self)] * bool(self.starts))
        return tuple(zip(self.starts, ends, strict=True))


_PARTS = (2 * len(REGIONS), 6, 4, 1, 2 * len(REGIONS), len(SIGNALS))
_WIDTH = sum(_PARTS)  # numbers of a row: regions, matrix, warp, eyes, mesh, signals
_BRIEF_BYTES = 2 * CELLS * CELLS * 2


class _Rows:
    """The rows of one face, in flat arrays: about 750 bytes each."""

    def __init__(self) -> None:
        self.frames, self.times_s, self.is_restarted = array("q"), array("d"), array("b")
        self.values = array("f")
        self.brief = bytearray()

    def add(self, face: Seen) -> None:
        """One more row."""
        self.frames.append(face.frame)
        self.times_s.append(face.time_s)
        self.is_restarted.append(face.is_restarted)
        parts = (
            face.regions_px.ravel(), face.matrix.ravel(), face.warp_px, [face.eyes],
            face.mesh_px.ravel(), face.signals,
        )  # fmt: skip
        self.values.frombytes(np.concatenate(parts).astype(np.float32).tobytes())
        self.brief += face.brief_px.astype(np.float16).tobytes()

    def forget(self, before_s: float) -> None:
        """Drop the rows before a time."""
        rows = bisect_left(self.times_s, before_s)
        del self.frames[:rows], self.times_s[:rows], self.is_restarted[:rows]
        del self.values[: rows * _WIDTH], self.brief[: rows * _BRIEF_BYTES]

    def curves(self, subject_id: int) -> FaceCurves:
        """All rows as curves."""
        values = np.array(self.values, dtype=np.float64).reshape(-1, _WIDTH)
        regions, matrices, warp, eyes, mesh, signals = np.split(
            values, np.cumsum(_PARTS)[:-1], axis=1
        )
        starts = (0, *(int(row) for row in np.flatnonzero(self.is_restarted) if row))
        return FaceCurves(
            subject_id=subject_id,
            frames=np.array(self.frames),
            times_s=np.array(self.times_s),
            regions_px=regions.reshape(-1, len(REGIONS), 2),
            head=np.stack([_pose(matrix) for matrix in matrices.reshape(-1, 2, 3)]),
            warp_px=warp,
            eyes=eyes[:, 0],
            starts=starts,
            matrices=matrices.reshape(-1, 2, 3),
            mesh_px=mesh.reshape(-1, len(REGIONS), 2),
            signals=signals,
            brief_px=np.frombuffer(bytes(self.brief), np.float16).reshape(-1, CELLS, CELLS, 2),
        )


class CurveBook:
    """Collects what a tracker sees, a small number of bytes a face and frame."""

    def __init__(self) -> None:
        self._rows: dict[int, _Rows] = {}

    def add(self, seen: Iterable[Seen]) -> None:
        """Keep the faces of one frame."""
        for face in seen:
            self._rows.setdefault(face.subject_id, _Rows()).add(face)

    def forget(self, before_s: float) -> None:
        """Drop what is older than a time, for a video that has no end."""
        for rows in self._rows.values():
            rows.forget(before_s)

    def curves(self) -> tuple[FaceCurves, ...]:
        """Return the curves of every face, by its number."""
        return tuple(
            rows.curves(subject_id)
            for subject_id, rows in sorted(self._rows.items())
            if rows.frames
        )


def _pose(matrix: Floats) -> Floats:
    back = inverse(matrix)
    distance = eye_distance(matrix)
    middle = back[:, :2] @ np.full(2, SIDE_PX / 2) + back[:, 2]
    angle = np.arctan2(back[1, 0], back[0, 0])
    return np.array([*(middle / distance), angle, np.log(distance)])
