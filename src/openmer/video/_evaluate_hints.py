"""How well the rules for action units do on clips that were coded."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip, Prediction
from openmer.datasets import parse_action_units
from openmer.errors import DataError
from openmer.evaluation import PredictionTable, UnitScores, score_units
from openmer.preprocessing import read_gray
from openmer.video._analyze import Progress
from openmer.video._event import UnitHint
from openmer.video._looks_like import UNITS, looks_like
from openmer.video.faces._choice import tracker_for
from openmer.video.faces._seen import TrackSettings
from openmer.video.spotting._curves import CurveBook

_FPS = 30.0  # where a clip does not say
_SIDE_PX = 320  # that frames are enlarged to, so that a small face can be followed
_EDGE = 0.375  # of the frame, added around it, so that a face that fills it can be found
_CLASSES = ("absent", "present")


def evaluate_hints(
    clips: Sequence[Clip], *, on_progress: Progress | None = None
) -> tuple[tuple[UnitScores, ...], tuple[str, ...]]:
    """Compare what movements look like with how they were coded, from onset to apex.

    Args:
        clips: With `action_units`; those that nobody coded, or without an apex, are left out.
        on_progress: Called with "follow", how many clips are done, and how many there are.

    Returns:
        The scores of each unit that some clip shows and the rules know, and their mean last; and
        the clips in which no face could be followed, which count as showing nothing.

    Raises:
        DataError: No clip was coded, or one cannot be read.
    """
    coded = [(clip, _coded(clip)) for clip in clips if clip.apex is not None]
    known = [(clip, units) for clip, units in coded if units is not None]
    shown = sorted({unit for _, units in known for unit in units} & set(UNITS))
    if not shown:
        raise DataError(
            "No clip has action units that the rules know. Give clips with the column action_units."
        )
    found: list[set[int]] = []
    unseen: list[str] = []
    for done, (clip, _) in enumerate(known):
        if on_progress is not None:
            on_progress("follow", done, len(known))
        hints = hints_of_clip(clip)
        found.append({hint.unit for hint in hints or ()})
        unseen += [clip.key] * (hints is None)
    tables = {
        unit: PredictionTable.from_predictions(
            [
                _prediction(clip, is_true=unit in units, is_found=unit in said)
                for (clip, units), said in zip(known, found, strict=True)
            ],
            _CLASSES,
        )
        for unit in shown
    }
    return score_units(tables), tuple(unseen)


def hints_of_clip(clip: Clip) -> tuple[UnitHint, ...] | None:
    """Say what the movement of a clip looks like from onset to apex; None without a face."""
    first, apex = clip.onset or 0, clip.apex or 0
    tracker, _ = tracker_for(TrackSettings())
    book, step_s = CurveBook(), 1 / float(clip.fps or _FPS)
    for number, path in enumerate(clip.frame_paths[first : apex + 1]):
        book.add(tracker.see(number, number * step_s, _roomy(read_gray(path))))
    faces = [face for face in book.curves() if face.frames[-1] == apex - first and len(face) > 1]
    if not faces:
        return None
    face = max(faces, key=len)
    return looks_like(face, face.starts[-1], len(face) - 1)


def _roomy(gray: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Enlarge a frame and add room around it."""
    image = np.asarray(np.clip(np.rint(gray), 0, 255), np.uint8)
    scale = max(1.0, _SIDE_PX / min(image.shape))
    larger = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    edge = round(_EDGE * min(larger.shape))
    return np.asarray(cv2.copyMakeBorder(larger, edge, edge, edge, edge, cv2.BORDER_REPLICATE))


def _coded(clip: Clip) -> frozenset[int] | None:
    places = parse_action_units(clip.action_units)
    return None if places is None else frozenset(one.number for place in places for one in place)


def _prediction(clip: Clip, *, is_true: bool, is_found: bool) -> Prediction:
    return Prediction(
        clip=clip.key,
        corpus=clip.corpus,
        subject_id=clip.subject_id,
        truth=int(is_true),
        scores=(float(not is_found), float(is_found)),
        seed=0,
        epoch=0,
    )
