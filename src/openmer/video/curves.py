"""How one face moves over a whole video: the curves that spotting works on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmer.video._patch import SIDE_PX, box_of, eye_distance, inverse
from openmer.video.regions import REGIONS
from openmer.video.track import Seen

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaceCurves:
    """One face over time; one row for each frame in which it was seen.

    Attributes:
        person: Number of the face, from 1.
        frames: Numbers of the frames, rising, shape ``(rows,)``.
        times_s: Their times, ``(rows,)``.
        regions_px: As in `Seen`, ``(rows, regions, 2)``.
        head: Where the head is: x and y of its middle in eye distances, angle in radians, natural
            logarithm of its size, ``(rows, 4)``.
        warp_px: As in `Seen`, ``(rows, 4)``.
        eyes: As in `Seen`, ``(rows,)``.
        starts: Rows at which the face had just come into view, the first of all included.
        matrices: As in `Seen`, ``(rows, 2, 3)``.
    """

    person: int
    frames: NDArray[np.int64]
    times_s: Floats
    regions_px: Floats
    head: Floats
    warp_px: Floats
    eyes: Floats
    starts: tuple[int, ...]
    matrices: Floats

    def __len__(self) -> int:
        return len(self.frames)

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


class CurveBook:
    """Collects what a tracker sees, a small number of bytes a face and frame."""

    def __init__(self) -> None:
        self._rows: dict[int, list[tuple[int, float, bool]]] = {}
        self._values: dict[int, list[NDArray[np.float32]]] = {}

    def add(self, seen: Iterable[Seen]) -> None:
        """Keep the faces of one frame."""
        for face in seen:
            values = (face.regions_px.ravel(), face.matrix.ravel(), face.warp_px, [face.eyes])
            self._rows.setdefault(face.person, []).append((face.frame, face.time_s, face.anew))
            self._values.setdefault(face.person, []).append(
                np.concatenate(values).astype(np.float32)
            )

    def forget(self, before_s: float) -> None:
        """Drop what is older than a time, for a video that has no end."""
        for person, rows in self._rows.items():
            kept = next((i for i, row in enumerate(rows) if row[1] >= before_s), len(rows))
            del rows[:kept], self._values[person][:kept]

    def curves(self) -> tuple[FaceCurves, ...]:
        """The curves of every face, by its number."""
        return tuple(self._of(person) for person in sorted(self._rows) if self._rows[person])

    def _of(self, person: int) -> FaceCurves:
        rows = self._rows[person]
        values = np.stack(self._values[person]).astype(np.float64)
        count = 2 * len(REGIONS)
        matrices = values[:, count : count + 6].reshape(-1, 2, 3)
        starts = [0, *(i for i, (_, _, anew) in enumerate(rows) if anew and i)]
        return FaceCurves(
            person=person,
            frames=np.array([frame for frame, _, _ in rows]),
            times_s=np.array([time_s for _, time_s, _ in rows]),
            regions_px=values[:, :count].reshape(-1, len(REGIONS), 2),
            head=np.stack([_pose(matrix) for matrix in matrices]),
            warp_px=values[:, -5:-1],
            eyes=values[:, -1],
            starts=tuple(starts),
            matrices=matrices,
        )


def _pose(matrix: Floats) -> Floats:
    back = inverse(matrix)
    distance = eye_distance(matrix)
    middle = back[:, :2] @ np.full(2, SIDE_PX / 2) + back[:, 2]
    angle = np.arctan2(back[1, 0], back[0, 0])
    return np.array([*(middle / distance), angle, np.log(distance)])
