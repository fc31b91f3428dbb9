"""One subject in a long synthetic video, drawn one frame at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.datasets.synthetic import _motion as motion
from openmer.datasets.synthetic._acts import FACE_UNITS, Act, Distraction, rise
from openmer.datasets.synthetic._faces import Face
from openmer.datasets.synthetic._photo import CENTRE_X, CROP_UNITS, Floats, Points, to_texture

_MIDDLE_Y = 112.0
_HEAD = (52.0, 72.0, 42.0)  # half width, half height and depth of the head, units
_NOSE = (8.0, (9.0, 14.0), 8.0)  # how far it stands out, its reach, and how far below the middle
_LID = (8.5, 4.2)  # half width and half height of the opening of an eye
_SWAY_SLOWER = 0.5
_BLINK_BROW = 0.25  # of a unit that the brows come down with a blink
_TALK_EDGE_S = 0.3  # in which talking begins and ends


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A subject, and everything that the face does.

    Attributes:
        face: The neutral face.
        acts: Expressions.
        distractions: What is none.
        sway: How the head drifts all the time.
        phases: Radians that make the drift and the talking of everybody different, shape ``(6,)``.
        side_px: Width and height of the picture.
    """

    face: Face
    acts: Sequence[Act]
    distractions: Sequence[Distraction]
    sway: motion.Sway
    phases: Points
    side_px: int
    _fields: dict[int, motion.Displacement] = field(default_factory=dict, init=False, repr=False)

    def picture(self, at_s: float) -> Floats:
        """Draw the subject at a time, without camera noise, ``(side, side, 3)``, 0..255."""
        pose = self.sway.pose(at_s * 30 * _SWAY_SLOWER, 0)
        points = self._unturned(motion.moved_back(self._grid, pose), at_s)
        source = points - self._skin(points, at_s)
        closed = self._closed(at_s)
        if closed > 0:
            source = source - self._brows.scaled(_BLINK_BROW * closed).at(points)
            source = self._lids(points, source, closed)
        maps = (to_texture(source[0], 0), to_texture(source[1], 1))
        frame = cv2.remap(
            self.face.texture_rgb, *maps, cv2.INTER_CUBIC, None, cv2.BORDER_REFLECT_101
        )
        return np.asarray(frame * np.float32(self._light(at_s)), np.float32)

    @cached_property
    def _grid(self) -> Points:
        return motion.frame_grid(self.side_px)

    @cached_property
    def _jaw(self) -> motion.Displacement:
        return self._alone(26)

    @cached_property
    def _lips(self) -> motion.Displacement:
        return self._alone(12)

    @cached_property
    def _brows(self) -> motion.Displacement:
        return self._alone(4)

    def _alone(self, unit: int) -> motion.Displacement:
        """One action unit, one face unit at its largest."""
        expression = motion.Expression(strengths={unit: 1.0}, asymmetry=0.0)
        return motion.displacement(expression, self.face.landmarks, 1.0)

    def _going_on(self, kind: str, at_s: float) -> Iterator[Distraction]:
        for one in self.distractions:
            if one.kind == kind and one.onset_s < at_s < one.offset_s:
                yield one

    def _unturned(self, points: Points, at_s: float) -> Points:
        """Where the points would be if the head looked straight ahead."""
        yaw = 0.03 * np.sin(0.4 * at_s + self.phases[0])
        pitch = 0.02 * np.sin(0.3 * at_s + self.phases[1])
        for turn in self._going_on("turn", at_s):
            yaw += turn.size[0] * turn.share(at_s)
            pitch += turn.size[1] * turn.share(at_s)
        across, down = points[0] - CENTRE_X, points[1] - _MIDDLE_Y
        depth = _depth(across, down)
        return np.stack(
            [
                CENTRE_X + (across - np.sin(yaw) * depth) / np.cos(yaw),
                _MIDDLE_Y + (down - np.sin(pitch) * depth) / np.cos(pitch),
            ]
        )

    def _skin(self, points: Points, at_s: float) -> Points:
        """How far expressions and talking have moved the skin."""
        moved = np.zeros_like(points)
        for number, act in enumerate(self.acts):
            if act.onset_s < at_s < act.offset_s:
                share = rise(at_s, act.onset_s, act.apex_s, act.offset_s)
                moved += self._field(number, act).scaled(share).at(points)
        for talk in self._going_on("talk", at_s):
            rate, size = talk.size
            size *= min(at_s - talk.onset_s, talk.offset_s - at_s, _TALK_EDGE_S) / _TALK_EDGE_S
            uneven = self.phases[2] + 1.3 * np.sin(1.7 * at_s)
            moved += self._jaw.scaled(size * abs(np.sin(np.pi * rate * at_s + uneven))).at(points)
            moved += self._lips.scaled(0.3 * size * np.sin(2.1 * rate * at_s)).at(points)
        return moved

    def _field(self, number: int, act: Act) -> motion.Displacement:
        if number not in self._fields:
            self._fields[number] = motion.displacement(
                act.expression, self.face.landmarks, act.peak_units
            )
        return self._fields[number]

    def _closed(self, at_s: float) -> float:
        """How far the eyes are closed, 0..1."""
        return max((blink.share(at_s) for blink in self._going_on("blink", at_s)), default=0.0)

    def _lids(self, points: Points, source: Points, closed: float) -> Points:
        """Skin from above the eyes slides down over them."""
        width, height = _LID
        for name in ("eye_l", "eye_r"):
            x, y = self.face.landmarks[name]
            across = (points[0] - x) / width
            half = height * np.sqrt(np.clip(1 - across**2, 0, None))
            top = y - half - 2
            edge = top + 2 + 2 * half * closed
            lid = (np.abs(across) < 1) & (points[1] > top) & (points[1] < edge)
            source[1] = np.where(lid, top + 1 - 0.15 * (edge - points[1]), source[1])
        return source

    def _light(self, at_s: float) -> float:
        return 1 + sum(one.size[0] * one.share(at_s) for one in self._going_on("light", at_s))


def side_of_face(face_px: int) -> int:
    """Side in pixels of the picture of a subject whose face is so wide."""
    return round(face_px * CROP_UNITS / FACE_UNITS)


def _depth(across: Points, down: Points) -> NDArray[np.float64]:
    """How far the head stands out towards the camera, units; 0 beside it."""
    width, height, depth = _HEAD
    beyond = (across / width) ** 2 + (down / height) ** 2
    head = depth * np.sqrt(np.clip(1 - beyond, 0, None)) * np.clip(3 * (1 - beyond), 0, 1)
    out, (wide, high), below = _NOSE
    nose = out * np.exp(-((across / wide) ** 2 + ((down - below) / high) ** 2) / 2)
    return np.asarray(head + nose)
