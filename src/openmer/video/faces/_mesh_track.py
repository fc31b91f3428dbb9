"""Faces followed by their mesh: never silently started again while they stay in view."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.preprocessing import (
    LEFT_EYE,
    RIGHT_EYE,
    EyeLook,
    Face,
    Mesh,
    find_mesh,
    look_at_eye,
)
from openmer.video._ahead import later
from openmer.video.faces._brief_motion import BriefMotion
from openmer.video.faces._mesh_pose import (
    Pose,
    Template,
    frontal,
    lids_of,
    mouth_of,
    region_shifts,
)
from openmer.video.faces._patch import Patch, after, evened, similar, within
from openmer.video.faces._seen import Seen, TrackSettings
from openmer.video.spotting._motion import Measured, Reference
from openmer.video.spotting._regions import REGIONS

Gray = NDArray[np.uint8]
Floats = NDArray[np.float64]

_LEAST_SIMILARITY = 0.6  # with the reference, below which another one is taken
_TURNED_DEGREES = 12.0  # from the reference, likewise
_FRONTAL_DEGREES = 12.0  # a template made in a turned pose is made again within this
_SHUT = 0.7  # of their usual opening that eyes have in a blink
_WAIT_S = 0.6  # for its end
_SEEN_ALIKE_PX = 20  # side of the small picture of a face by which it is known again
_ANOTHER = 0.66  # correlation with all pictures of a face below which another one follows a cut
_CUT_LEVELS, _CUT_TIMES = 8.0, 4.0  # gray levels by which a cut changes the image; over the usual
_CUT_SIDE_PX, _CUT_FRAMES = 32, 8
_KNOWN = 0.72  # correlation with a picture of a lost face from which a new one is the same
_LOOKS = 6  # pictures that are kept of each face
_SURE = 0.8  # score of the mesh from which a face is welcome
_DETECT_S = 1.0  # between two looks for new faces
_SAME_PLACE = 0.4  # part of the smaller box that two boxes of one face share


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Look:
    """A face cut out of a frame: its patch, the same with even contrast, and a small picture."""

    pose: Pose
    patch: Patch
    even: Patch
    small: Floats


class _Subject:
    """One face and what is known of it."""

    def __init__(self, subject_id: int, mesh: Mesh, pool: Executor | None) -> None:
        self.subject_id, self.mesh, self._pool = subject_id, mesh, pool
        self._next: tuple[Gray, Mesh, Callable[[], Mesh]] | None = None
        self.looks: list[Floats] = []
        self.last_seen_s = -np.inf
        self.is_restarted = True
        self.usual_eyes = 0.0
        self.eyes = [0.0, 0.0]
        self.gaze = [(0.0, 0.0), (0.0, 0.0)]
        self._turn = 0
        self.base: Floats = np.zeros((len(REGIONS), 2))
        self.mesh_base: Floats = np.zeros((len(REGIONS), 2))
        self.template = Template(frontal(mesh))
        self.reference: Reference | None = None
        self.reference_s = 0.0
        self.pose = self.reference_pose = self.template.pose(mesh)
        self.was_turned = not self._is_frontal(self.reference_pose)
        self._brief = BriefMotion()
        self.brief_px: Floats = np.empty(0)

    @staticmethod
    def _is_frontal(pose: Pose) -> bool:
        return bool(np.abs(pose.degrees[:2]).max() < _FRONTAL_DEGREES)

    def start_again(self, mesh: Mesh) -> None:
        """Back in view: what was measured before cannot be continued."""
        self.mesh, self.is_restarted, self.reference = mesh, True, None
        self._brief.forget()
        self.base, self.mesh_base = np.zeros_like(self.base), np.zeros_like(self.base)

    def forget(self) -> None:
        """Compare the next picture with none before: the video was cut."""
        self._brief.forget()

    def look_ahead(self, mesh: Mesh, following: Gray | None) -> None:
        """Start to find the mesh in the next frame, while this one is measured."""
        if self._pool is not None and following is not None:
            self._next = following, mesh, later(self._pool, find_mesh, following, mesh)

    def mesh_in(self, gray: Gray) -> Mesh:
        """Find the mesh near where it was in the frame before."""
        started, self._next = self._next, None
        if started is not None and started[0] is gray and started[1] is self.mesh:
            return started[2]()
        return find_mesh(gray, self.mesh)

    def look(self, gray: Gray, mesh: Mesh) -> _Look:
        """Cut the face out where the mesh is."""
        pose = self.template.pose(mesh)
        patch = self.template.cut(gray, pose)
        even = evened(patch)
        return _Look(pose=pose, patch=patch, even=even, small=_small(even))

    def advance(self, gray: Gray, mesh: Mesh, look: _Look, time_s: float) -> Measured:
        """Measure the face in a frame, and take a fresh reference where it is time for one."""
        self.mesh = mesh
        pose, patch = look.pose, look.patch
        if self.reference is None:
            self._take(patch, pose, time_s)
        reference = self.reference
        if reference is None:  # pragma: no cover
            raise AssertionError
        eyes = self._eyes_looked_at(gray, mesh)
        brief = later(self._pool, self._brief.see, time_s, look.even, self.template.layout)
        found = reference.compare(patch, look.even)
        self.brief_px = brief()
        self._see_eyes(eyes)
        if self._is_stale(found, pose, time_s):
            self.base = self.base + found.regions_px
            if self.was_turned and self._is_frontal(pose):
                self._shape_again(mesh)
                again = self.look(gray, mesh)
                pose, patch = again.pose, again.patch
                found = _unmoved(found)
            else:
                patch = self.template.cut(gray, pose, found.head)
            self._take(patch, pose, time_s)
            found = _unmoved(found)
        self.pose, self.last_seen_s = pose, time_s
        return found

    def _shape_again(self, mesh: Mesh) -> None:
        """Make the template again in a better pose; what the mesh has shown goes on."""
        before = self.mesh_px(self.template.pose(mesh))
        self.template, self.was_turned = Template(frontal(mesh)), False
        self._brief.forget()
        self.mesh_base = np.zeros_like(self.mesh_base)
        self.mesh_base = before - self.mesh_px(self.template.pose(mesh))

    def mesh_px(self, pose: Pose) -> Floats:
        """How far the regions of the mesh have moved since the face came into view."""
        return self.mesh_base + region_shifts(self.template.unposed(self.mesh, pose))

    def _take(self, patch: Patch, pose: Pose, time_s: float) -> None:
        self.reference = Reference(patch, self.template.layout)
        self.reference_s, self.reference_pose = time_s, pose

    def _eyes_looked_at(self, gray: Gray, mesh: Mesh) -> dict[int, Callable[[], EyeLook]]:
        """Look at one eye, at the other one in the next frame; at both in the first."""
        return {
            side: later(self._pool, look_at_eye, gray, mesh, eye)
            for side, eye in enumerate((RIGHT_EYE, LEFT_EYE))
            if not self.usual_eyes or side == self._turn
        }

    def _see_eyes(self, looks: Mapping[int, Callable[[], EyeLook]]) -> None:
        for side, look in looks.items():
            seen = look()
            self.eyes[side], self.gaze[side] = seen.openness, seen.gaze_xy
        self._turn = 1 - self._turn
        self.usual_eyes = max(0.995 * self.usual_eyes, sum(self.eyes) / 2)

    def _is_stale(self, found: Measured, pose: Pose, time_s: float) -> bool:
        turned = np.abs(pose.degrees - self.reference_pose.degrees).max() > _TURNED_DEGREES
        if turned or found.similarity < _LEAST_SIMILARITY:
            return True
        age = time_s - self.reference_s
        blinks = min(self.eyes) < _SHUT * self.usual_eyes
        return age >= 2.0 and (not blinks or age >= 2.0 + _WAIT_S)

    def remember(self, look: Floats, pose: Pose) -> None:
        """Keep a picture that shows something new."""
        if np.abs(pose.degrees[:2]).max() > 30 or len(self.looks) >= _LOOKS:
            return
        if not self.looks or self.similarity(look) < 0.9:
            self.looks.append(look)

    def similarity(self, look: Floats) -> float:
        """Largest correlation with a kept picture, -1..1."""
        return max((_alike(look, kept) for kept in self.looks), default=-1.0)


class _Shots:
    """Tells at which frames a video is cut."""

    def __init__(self) -> None:
        self._before: Floats | None = None
        self._changes: deque[float] = deque(maxlen=_CUT_FRAMES)

    def cuts(self, gray: Gray) -> bool:
        """Tell whether this frame belongs to another shot than the one before."""
        narrow, size = (_CUT_SIDE_PX, len(gray)), (_CUT_SIDE_PX, _CUT_SIDE_PX)
        # Side by side first: in one step this takes eight times as long.
        half = cv2.resize(gray, narrow, interpolation=cv2.INTER_AREA)
        now = cv2.resize(half, size, interpolation=cv2.INTER_AREA).astype(np.float64)
        before, self._before = self._before, now
        if before is None:
            return False
        change = float(np.abs(now - before).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        return change > max(_CUT_LEVELS, _CUT_TIMES * usual)


class MeshTracker:
    """Follows all faces of a video by the face mesh; frames are given one after the other.

    Args:
        settings: When a face is looked for and given up.
        find: Finds the faces in a gray image.
        pool: Threads that look at the eyes, at brief motion and at the next frame while the rest is
            measured; None does one after the other.
    """

    def __init__(
        self,
        settings: TrackSettings,
        find: Callable[[Gray], Sequence[Face]],
        pool: Executor | None = None,
    ) -> None:
        self.settings, self._find, self._pool = settings, find, pool
        self._following: Gray | None = None
        self._in_view: list[_Subject] = []
        self._lost: list[_Subject] = []
        self._shots = _Shots()
        self._subjects = 0
        self._next_detection_s = -np.inf

    @property
    def subjects(self) -> int:
        """How many different faces were seen so far."""
        return self._subjects

    def see(
        self, frame: int, time_s: float, gray: Gray, following: Gray | None = None
    ) -> tuple[Seen, ...]:
        """Follow the faces in the next frame; as `FaceTracker.see`."""
        self._following = following
        seen: dict[int, Seen] = {}
        strayed: list[Mesh] = []
        is_cut = self._shots.cuts(gray)
        for subject in tuple(self._in_view):
            mesh = subject.mesh_in(gray)
            look = subject.look(gray, mesh) if mesh.is_face else None
            if is_cut and (look is None or not self._stays(subject, look.small)):
                self._in_view.remove(subject)
                self._lost.append(subject)
                strayed += [mesh] if look is not None else []
            elif look is not None:
                if is_cut:
                    subject.forget()
                seen[subject.subject_id] = self._seen(subject, gray, mesh, look, frame, time_s)
        missing = any(subject.subject_id not in seen for subject in self._in_view)
        if is_cut or missing or time_s >= self._next_detection_s:
            for mesh in (*self._detected(gray, time_s), *strayed):
                self._meet(gray, mesh, seen, frame, time_s)
        self._give_up(time_s)
        return tuple(seen[number] for number in sorted(seen))

    def _stays(self, subject: _Subject, small: Floats) -> bool:
        """Tell whether a face is the same after a cut, and none of those that were lost."""
        others = (lost.similarity(small) for lost in self._lost)
        return subject.similarity(small) >= max((_ANOTHER, *others))

    def _seen(
        self,
        subject: _Subject,
        gray: Gray,
        mesh: Mesh,
        look: _Look,
        frame: int,
        time_s: float,
    ) -> Seen:
        subject.look_ahead(mesh, self._following)
        found = subject.advance(gray, mesh, look, time_s)
        pose = subject.pose
        subject.remember(look.small, pose)
        is_restarted, subject.is_restarted = subject.is_restarted, False
        opening, width = mouth_of(mesh)
        signals = (
            *pose.degrees, *np.mean(subject.gaze, axis=0), *subject.eyes, *lids_of(mesh), opening,
            width, found.similarity, mesh.score, found.spread_px, float(look.patch.mean()),
            float(cv2.Laplacian(look.patch, cv2.CV_32F).std()),
        )  # fmt: skip
        return Seen(
            subject_id=subject.subject_id,
            frame=frame,
            time_s=time_s,
            matrix=after(subject.template.matrix(pose), similar(found.head)),
            regions_px=subject.base + found.regions_px,
            warp_px=np.array([*pose.degrees[:2], 0.0, 0.0]),
            eyes=sum(subject.eyes) / 2,
            similarity=found.similarity,
            is_restarted=is_restarted,
            mesh_px=subject.mesh_px(pose),
            signals=np.array(signals),
            brief_px=subject.brief_px,
        )

    def _detected(self, gray: Gray, time_s: float) -> list[Mesh]:
        """Meshes of the faces that a detector finds."""
        meshes = []
        for face in self._find(gray):
            if face.eye_distance_px >= self.settings.least_eyes_px:
                meshes.append(find_mesh(gray, face.box_xyxy))
        self._next_detection_s = time_s + _DETECT_S * (1 if self._in_view else 0.2)
        return [mesh for mesh in meshes if mesh.score >= _SURE]

    def _meet(
        self, gray: Gray, mesh: Mesh, seen: dict[int, Seen], frame: int, time_s: float
    ) -> None:
        """Take a face that was found: followed already, one that was lost, or a new one."""
        near = [p for p in self._in_view if within(p.mesh.box_xyxy, mesh.box_xyxy) > _SAME_PLACE]
        if any(subject.subject_id in seen for subject in near):
            return
        stranger = _Subject(0, mesh, self._pool)
        small = stranger.look(gray, mesh).small
        known = [(1.0, subject) for subject in near]
        known += [(subject.similarity(small), subject) for subject in self._lost]
        similarity, subject = max(known, key=lambda pair: pair[0], default=(-1.0, stranger))
        if similarity < _KNOWN:
            self._subjects += 1
            subject = stranger
            subject.subject_id = self._subjects
        elif subject in self._lost:
            self._lost.remove(subject)
            subject.start_again(mesh)
        if subject not in self._in_view:
            self._in_view.append(subject)
        look = subject.look(gray, mesh)
        seen[subject.subject_id] = self._seen(subject, gray, mesh, look, frame, time_s)

    def _give_up(self, time_s: float) -> None:
        gone = [p for p in self._in_view if time_s - p.last_seen_s > self.settings.lost_after_s]
        self._in_view = [p for p in self._in_view if p not in gone]
        self._lost += gone


def _unmoved(found: Measured) -> Measured:
    """Return what is measured against the frame itself."""
    return Measured(
        regions_px=np.zeros_like(found.regions_px),
        head=np.hstack([np.eye(2), np.zeros((2, 1))]),
        turn_px=np.zeros(2),
        similarity=found.similarity,
        eyes=found.eyes,
        spread_px=found.spread_px,
    )


def _small(even: Patch) -> Floats:
    """Small picture without slow light, of mean 0 and norm 1; the outer edge does not count."""
    inner = even[8:-8, 16:-16]
    size = (_SEEN_ALIKE_PX, _SEEN_ALIKE_PX)
    values = cv2.resize(inner, size, interpolation=cv2.INTER_AREA).astype(np.float64).ravel()
    values -= values.mean()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-9))


def _alike(first: Floats, second: Floats) -> float:
    return float(first @ second)
