"""Synthetic motion: what a face and a head do in a clip, and the optical flow that follows exactly.

A frame is made by asking for every pixel x where on the neutral face it comes from:
``neutral(x) = P(x' - c D(x'))`` with ``x' = R^-1(x)``. D is the displacement of the expression, c
its course (0 at the onset, 1 at the apex), R the head's drift since the onset and P where the head
is at the onset. All positions are face units (see `_synthetic_photo`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from openmer.datasets.synthetic._photo import CENTRE_X, CROP_ORIGIN, CROP_UNITS

Points = NDArray[np.float64]
Landmarks = Mapping[str, tuple[float, float]]

_CENTRE = np.array([CENTRE_X, CROP_ORIGIN[1] + CROP_UNITS / 2])


@dataclass(frozen=True, slots=True)
class _Patch:
    """A piece of skin that an action unit moves: pairs are (lateral, down), in face units.

    Lateral points away from the nose. A landmark without a side stands in the middle of the face.
    """

    landmark: str
    moves: tuple[float, float]
    reach: tuple[float, float]
    shift: tuple[float, float] = (0.0, 0.0)


# Directions after the Facial Action Coding System; reach and relative size are ours.
ACTION_UNITS: Mapping[int, tuple[_Patch, ...]] = MappingProxyType(
    {
        1: (_Patch("brow_inner", (0.1, -1.0), (10, 9)),),  # inner brow raiser
        2: (_Patch("brow_outer", (0.1, -0.9), (11, 9), (-4, 0)),),  # outer brow raiser
        4: (_Patch("brow_inner", (-0.55, 0.8), (11, 9)),),  # brow lowerer
        5: (_Patch("eye", (0.0, -0.4), (9, 4.5), (0, -4)),),  # upper lid raiser
        6: (  # cheek raiser
            _Patch("cheek", (0.1, -0.8), (12, 9)),
            _Patch("eye", (0.0, -0.25), (9, 5), (0, 6)),
        ),
        9: (  # nose wrinkler
            _Patch("ala", (0.1, -0.9), (8, 9)),
            _Patch("nose_root", (0.0, 0.4), (10, 7)),
        ),
        12: (  # lip corner puller
            _Patch("mouth", (0.75, -0.7), (10, 9)),
            _Patch("cheek", (0.1, -0.3), (11, 9), (0, 6)),
        ),
        15: (_Patch("mouth", (0.1, 1.0), (9, 9), (1, 1)),),  # lip corner depressor
        26: (  # jaw drop
            _Patch("chin", (0.0, 1.0), (24, 14)),
            _Patch("lip_lower", (0.0, 0.5), (15, 6)),
        ),
    }
)

_NEGATIVE = (4, 9, 15)  # a negative clip shows at least one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What a face does: strength of each action unit, and how uneven the two sides are (-1..1).

    A record, because a clip and an act of a long video hold one.
    """

    strengths: Mapping[int, float]
    asymmetry: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sway:
    """A slow rigid drift of the head, each row one wave of x (units), y (units), angle (radians).

    Attributes:
        size: Amplitudes, shape ``(3, 2)``.
        cycles: Cycles per 30 frames, shape ``(3, 2)``.
        phase: Radians, shape ``(3, 2)``.
    """

    size: Points
    cycles: Points
    phase: Points

    def pose(self, frame: float, onset: float) -> Points:
        """Shift x, shift y (face units) and angle (radians) since the onset, shape ``(3,)``."""
        now, then = (
            (self.size * np.sin(2 * np.pi * self.cycles * at / 30 + self.phase)).sum(1)
            for at in (frame, onset)
        )
        return np.asarray(now - then)


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """The field D: a sum of Gaussian patches, in face units.

    Attributes:
        centres, reach, moves: Shape ``(patches, 2)``, x and y.
    """

    centres: Points
    reach: Points
    moves: Points

    def at(self, points: Points) -> Points:
        """D at points ``(2, ...)``, same shape; x right, y down."""
        total = np.zeros_like(points)
        if not self.moves.any():
            return total
        for centre, reach, move in zip(self.centres, self.reach, self.moves, strict=True):
            away = ((points[0] - centre[0]) / reach[0]) ** 2
            weight = np.exp(-(away + ((points[1] - centre[1]) / reach[1]) ** 2) / 2)
            total[0] += move[0] * weight
            total[1] += move[1] * weight
        return total

    def scaled(self, factor: float) -> Displacement:
        """Return the same field, `factor` times as large."""
        return Displacement(centres=self.centres, reach=self.reach, moves=self.moves * factor)


def sample_expression(rng: np.random.Generator, class_name: str) -> Expression:
    """Draw how one micro-expression of a class (negative, positive, surprise) is shown.

    References:
        Ekman & Friesen (1978), Facial Action Coding System; happiness is AU 12 with or without 6,
        surprise AU 1+2 with or without 5 and 26; of the negative emotions, anger lowers the brows
        (AU 4), disgust wrinkles the nose (AU 9), sadness pulls the lip corners down (AU 15).
    Differences:
        Action units are smooth displacements without new wrinkles, teeth or shadows. They fade out
        over a few pixels, so hair and background beside the face move a little, too.
    """
    extra = rng.random(3) < (0.6, 0.5, 0.5)
    if class_name == "positive":
        units = [12, *(6 for _ in range(int(extra[0])))]
    elif class_name == "surprise":
        units = [1, 2, *(unit for unit, shown in zip((5, 26), extra[1:], strict=True) if shown)]
    else:
        count = int(rng.integers(1, len(_NEGATIVE) + 1))
        units = sorted(int(unit) for unit in rng.permutation(_NEGATIVE)[:count])
    strengths = {unit: float(rng.uniform(0.6, 1.0)) for unit in units}
    return Expression(strengths=strengths, asymmetry=float(rng.uniform(-0.25, 0.25)))


def sample_sway(rng: np.random.Generator, size: float) -> Sway:
    """Draw the drift of the head in one clip; `size` 1 is about a face unit and 0.3 degrees."""
    limits = np.array([[0.7, 0.3], [0.7, 0.3], [0.004, 0.002]])
    return Sway(
        size=size * limits * rng.uniform(0.4, 1.0, (3, 2)),
        cycles=rng.uniform((0.2, 0.6), (0.6, 1.2), (3, 2)),
        phase=rng.uniform(0, 2 * np.pi, (3, 2)),
    )


def displacement(expression: Expression, landmarks: Landmarks, peak_units: float) -> Displacement:
    """Compute the field D of an expression on a face, `peak_units` at its largest."""
    rows: list[tuple[float, ...]] = []
    for unit, strength in expression.strengths.items():
        for patch in ACTION_UNITS[unit]:
            for name, sign in _sides(patch.landmark, landmarks):
                gain = strength * (1.0 + sign * expression.asymmetry)
                lateral = float(sign or 1)
                x, y = landmarks[name]
                centre = (x + lateral * patch.shift[0], y + patch.shift[1])
                move = (gain * lateral * patch.moves[0], gain * patch.moves[1])
                rows.append((*centre, *patch.reach, *move))
    table = np.array(rows, float)
    field = Displacement(centres=table[:, :2], reach=table[:, 2:4], moves=table[:, 4:])
    return field.scaled(peak_units / _peak(field))


def course(frames: int, onset: int, apex: int, offset: int) -> Points:
    """Share of the movement shown in each frame, shape ``(frames,)``, 0..1: a raised cosine.

    0 up to the onset, 1 at the apex only, 0 from the offset on.
    """
    time = np.interp(np.arange(frames), (onset, apex, offset), (0.0, 1.0, 2.0))
    return np.asarray((1.0 - np.cos(np.pi * time)) / 2.0)


def moved(points: Points, pose: Points) -> Points:
    """Points ``(2, ...)`` turned about the middle of the frame and shifted by a pose."""
    shape = (2, *[1] * (points.ndim - 1))
    centre = _CENTRE.reshape(shape)
    return np.asarray(_turned(points - centre, pose[2]) + centre + pose[:2].reshape(shape))


def moved_back(points: Points, pose: Points) -> Points:
    """Invert `moved`."""
    shape = (2, *[1] * (points.ndim - 1))
    centre = _CENTRE.reshape(shape)
    return np.asarray(_turned(points - centre - pose[:2].reshape(shape), -pose[2]) + centre)


def facial_flow(field: Displacement, points: Points) -> Points:
    """Where the skin at neutral `points` has gone at the apex: E with ``E(p) = D(p + E(p))``.

    Args:
        field: D, smooth enough that it does not fold (its slope stays below 1).
        points: Shape ``(2, ...)``, face units.

    Returns:
        E, same shape and unit, right to better than 0.0001.
    """
    flow = field.at(points)
    for _ in range(60):
        better = field.at(points + flow)
        change = float(np.abs(better - flow).max())
        flow = better
        if change < 1e-5:
            break
    return flow


def frame_grid(frame_size: int) -> Points:
    """Face units of every pixel of a frame, shape ``(2, frame_size, frame_size)``."""
    axis = np.arange(frame_size) * (CROP_UNITS / frame_size)
    return np.stack(np.meshgrid(axis + CROP_ORIGIN[0], axis + CROP_ORIGIN[1]))


def _sides(landmark: str, landmarks: Landmarks) -> list[tuple[str, int]]:
    """Name the landmarks, with -1 for the image's left, 1 for its right, 0 for the middle."""
    if landmark in landmarks:
        return [(landmark, 0)]
    return [(f"{landmark}_l", -1), (f"{landmark}_r", 1)]


def _peak(field: Displacement) -> float:
    """Return the largest length of D, on a grid of half a face unit."""
    grid = frame_grid(int(CROP_UNITS * 2))
    x, y = field.at(grid)
    return float(np.sqrt(x**2 + y**2).max())


def _turned(points: Points, angle: float) -> Points:
    """Points ``(2, ...)`` turned about the origin."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([cos * points[0] - sin * points[1], sin * points[0] + cos * points[1]])
