"""Faces followed by their pictures: found, numbered, lost and found again, and how they move."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing import Face, detect_faces
from openmer.video.faces._patch import (
    PLACES,
    SIDE_PX,
    Matrix,
    Patch,
    after,
    box_of,
    cut,
    eye_distance,
    inverse,
    matrix_of,
    overlap,
    similar,
)
from openmer.video.faces._seen import Seen, TrackSettings
from openmer.video.spotting._motion import Measured, Reference
from openmer.video.spotting._regions import REGIONS

Gray = NDArray[np.uint8]
Floats = NDArray[np.float64]
Find = Callable[[Gray], Sequence[Face]]

_LOOKED_AT_PX = 640  # longer side of the image that the detector is given
_SHUT = 0.8  # of their usual contrast that eyes have when they start to close
_EYES_S = 10.0  # in which that is forgotten
_WAIT_S = 0.6  # for the end of a blink
_DETECTIONS = 4  # one after the other, in which a face is found elsewhere than it was followed to
_DRIFT_PX = 7.0  # of the patch
_AHEAD = (0.2, 0.8)  # where the nose is between the eyes of a face that can come into view


class _Followed:
    """A face in view."""

    def __init__(self, subject_id: int, patch: Patch, matrix: Matrix, time_s: float) -> None:
        self.subject_id = subject_id
        self.matrix = matrix
        self.last_seen_s = self.last_measured_s = time_s
        self.open_eyes = 0.0
        self.drifts_px: list[float] = []
        self.first_look = patch
        self.base, self.base_warp = np.zeros((len(REGIONS), 2)), np.zeros(4)
        self.total, self.total_warp = self.base, self.base_warp
        self.is_restarted = True
        self._take(patch, time_s)

    def _take(self, patch: Patch, time_s: float) -> None:
        self.reference = Reference(patch)
        self.reference_s = time_s

    def correct_drift(self, gray: Gray, matrix: Matrix, time_s: float) -> None:
        """Compare with where the detector finds the face, and go there if that is elsewhere.

        A face that came into view turned away has its eyes in the wrong place; one look can be
        wrong, several in a row are not. What was measured so far goes on.
        """
        self.drifts_px = [*self.drifts_px[1 - _DETECTIONS :], _apart_px(self.matrix, matrix)]
        if len(self.drifts_px) == _DETECTIONS and min(self.drifts_px) > _DRIFT_PX:
            self.matrix, self.drifts_px = matrix, []
            self.base, self.base_warp = self.total, self.total_warp
            self._take(cut(gray, matrix), time_s)

    def start_again(self, patch: Patch, matrix: Matrix, time_s: float) -> None:
        """Back in view: what was measured before cannot be continued."""
        self.matrix, self.last_seen_s, self.is_restarted = matrix, time_s, True
        self.drifts_px = []
        self.base, self.base_warp = np.zeros_like(self.base), np.zeros(4)
        self._take(patch, time_s)

    def measure(self, gray: Gray, least: float) -> Measured | None:
        """Measure what has changed in a frame; None where the face is not seen."""
        measured = self.reference.compare(cut(gray, self.matrix))
        return measured if measured.similarity >= least else None

    def advance(
        self, gray: Gray, measured: Measured, time_s: float, renew_s: float
    ) -> tuple[Floats, Floats]:
        """Follow the head; how far regions and warp have come since the face came into view."""
        total: Floats = self.base + measured.regions_px
        warp: Floats = self.base_warp + np.array([*measured.turn_px, *_warp_px(measured.head)])
        self.total, self.total_warp = total, warp
        self.matrix = after(self.matrix, similar(measured.head))
        self.last_seen_s = time_s
        if self._is_stale(measured, time_s, renew_s):
            self.base, self.base_warp = total, warp
            self._take(cut(gray, self.matrix), time_s)
        return total, warp

    def _is_stale(self, measured: Measured, time_s: float, renew_s: float) -> bool:
        """Whether it is time for a fresh reference; during a blink that can wait a little."""
        passed = time_s - self.last_measured_s
        self.open_eyes = max(self.open_eyes * (1 - min(passed / _EYES_S, 1.0)), measured.eyes)
        self.last_measured_s = time_s
        age = time_s - self.reference_s
        blinks = measured.eyes < _SHUT * self.open_eyes
        return age >= renew_s and (not blinks or age >= renew_s + _WAIT_S)


class Tracker:
    """Follows all faces of a video; frames are given one after the other.

    Args:
        settings: When a face is looked for, believed and given up.
        find: Finds the faces in a gray image, in place of the detector of the settings.
    """

    def __init__(self, settings: TrackSettings | None = None, *, find: Find | None = None) -> None:
        self.settings = settings or TrackSettings()
        self._find = find or finder(self.settings.detector)
        self._in_view: list[_Followed] = []
        self._lost: list[_Followed] = []
        self._subjects = 0
        self._next_detection_s = 0.0

    @property
    def subjects(self) -> int:
        """How many different faces were seen so far."""
        return self._subjects

    def see(
        self, frame: int, time_s: float, gray: Gray, following: Gray | None = None
    ) -> tuple[Seen, ...]:
        """Follow the faces in the next frame; as `FaceTracker.see`."""
        del following
        measured = {
            f.subject_id: f.measure(gray, self.settings.least_similarity) for f in self._in_view
        }
        if time_s >= self._next_detection_s or any(found is None for found in measured.values()):
            self._look(gray, time_s, measured)
        seen = []
        for followed in sorted(self._in_view, key=lambda f: f.subject_id):
            found = measured.get(followed.subject_id)
            if found is not None:
                seen.append(self._seen(followed, found, frame, time_s, gray))
        self._give_up(time_s)
        return tuple(seen)

    def _seen(
        self, followed: _Followed, found: Measured, frame: int, time_s: float, gray: Gray
    ) -> Seen:
        total, warp_px = followed.advance(gray, found, time_s, self.settings.reference_s)
        is_restarted, followed.is_restarted = followed.is_restarted, False
        return Seen(
            subject_id=followed.subject_id,
            frame=frame,
            time_s=time_s,
            matrix=followed.matrix,
            regions_px=total,
            warp_px=warp_px,
            eyes=found.eyes,
            similarity=found.similarity,
            is_restarted=is_restarted,
        )

    def _look(self, gray: Gray, time_s: float, measured: dict[int, Measured | None]) -> None:
        """Compare what is followed with what a detector finds in the whole image."""
        for face in self._find(gray):
            matrix = matrix_of(face)
            if not 0 < face.turn < 1 or eye_distance(matrix) < self.settings.least_eyes_px:
                continue
            known = self._at(box_of(matrix))
            if known is not None and measured.get(known.subject_id) is not None:
                known.correct_drift(gray, matrix, time_s)
            elif known is not None:
                measured[known.subject_id] = self._recovered(known, gray, matrix, time_s)
            elif _AHEAD[0] < face.turn < _AHEAD[1]:
                known = self._welcome(gray, matrix, time_s)
                measured[known.subject_id] = self._recovered(known, gray, matrix, time_s)
        pause = self.settings.detect_every_s * (1 if self._in_view else 0.4)
        self._next_detection_s = time_s + pause

    def _recovered(
        self, known: _Followed, gray: Gray, matrix: Matrix, time_s: float
    ) -> Measured | None:
        """Start a followed face again, where the detector finds it."""
        known.matrix = matrix
        found = known.measure(gray, self.settings.least_similarity)
        if found is None:
            known.start_again(cut(gray, matrix), matrix, time_s)
            found = known.measure(gray, self.settings.least_similarity)
        return found

    def _at(self, box_xyxy: tuple[float, float, float, float]) -> _Followed | None:
        """Find the face in view that a box shows."""
        overlaps = [(overlap(box_of(f.matrix), box_xyxy), f) for f in self._in_view]
        best = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
        return best[1] if best[0] > 0.25 else None

    def _welcome(self, gray: Gray, matrix: Matrix, time_s: float) -> _Followed:
        """Take up a face that comes into view: one that was lost, or a new one."""
        patch = cut(gray, matrix)
        similarity = [(_similarity(lost.first_look, patch), lost) for lost in self._lost]
        best = max(similarity, key=lambda pair: pair[0], default=(0.0, None))
        if best[1] is not None and best[0] >= self.settings.known_again:
            followed = best[1]
            self._lost.remove(followed)
            followed.start_again(patch, matrix, time_s)
        else:
            self._subjects += 1
            followed = _Followed(self._subjects, patch, matrix, time_s)
        self._in_view.append(followed)
        return followed

    def _give_up(self, time_s: float) -> None:
        gone = [f for f in self._in_view if time_s - f.last_seen_s > self.settings.lost_after_s]
        self._in_view = [f for f in self._in_view if f not in gone]
        self._lost += gone


def finder(detector: str) -> Find:
    """Return a detector that reads a smaller image; coordinates are those of the whole one."""

    def find(gray: Gray) -> list[Face]:
        height, width = gray.shape
        scale = min(1.0, _LOOKED_AT_PX / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = gray if scale == 1.0 else cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
        (faces,) = detect_faces([np.asarray(small)], detector)
        return [_enlarged(face, width / size[0], height / size[1]) for face in faces]

    return find


def _enlarged(face: Face, x: float, y: float) -> Face:
    x0, y0, x1, y1 = face.box_xyxy
    return Face(
        box_xyxy=(x0 * x, y0 * y, x1 * x, y1 * y),
        score=face.score,
        landmarks_xy=tuple((px * x, py * y) for px, py in face.landmarks_xy),
        image_xy=(round(face.image_xy[0] * x), round(face.image_xy[1] * y)),
        guessed=face.guessed,
    )


def _apart_px(first: Matrix, second: Matrix) -> float:
    """How far apart two matrices see eyes, nose and mouth, on average, pixels of the patch."""
    places = PLACES * SIDE_PX
    back = inverse(second)
    there = places @ back[:, :2].T + back[:, 2]
    here = there @ first[:, :2].T + first[:, 2]
    return float(np.hypot(*(here - places).T).mean())


def _warp_px(head: Matrix) -> tuple[float, float]:
    """Measure what of an affine movement is no turn, scale or shift, at the face's edge."""
    stretch, shear = head[0, 0] - head[1, 1], head[0, 1] + head[1, 0]
    return float(stretch) * SIDE_PX / 4, float(shear) * SIDE_PX / 4


def _similarity(first: Patch, second: Patch) -> float:
    """Correlation of two patches, each blurred."""
    a, b = (cv2.GaussianBlur(p, (0, 0), 2.0).astype(np.float64).ravel() for p in (first, second))
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm > 0 else 0.0
