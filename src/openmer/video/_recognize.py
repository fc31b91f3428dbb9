"""What a trained method sees in a spotted movement: a class with a confidence, or nothing sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import ConfigError, DataError
from openmer.video._event import Event, Interval
from openmer.video._looks_like import looks_like
from openmer.video._quality import Quality
from openmer.video.faces._crops import TIGHT, WIDE, FaceFrames, Framing
from openmer.video.io._frame import VideoFrame
from openmer.video.spotting._curves import FaceCurves

if TYPE_CHECKING:
    from openmer.deployment import Decision, FittedModel

LEAD_S = 0.08
"""A model sees the motion from so long before the onset: a spotter may find it a little late."""

_BEFORE_S = LEAD_S + 1e-6  # a frame that is just so far away counts


def framing_of(model: FittedModel) -> Framing:
    """How faces are cut out for a model: with room where its recipe aligns them by itself."""
    return TIGHT if model.recipe.align is None else WIDE


def rows_of(
    curves: FaceCurves, interval: Interval, *, before_s: float = 0.0, after_s: float = 0.0
) -> NDArray[np.int64]:
    """Rows of the curves from the onset to the offset of a movement.

    Args:
        curves: Of its face.
        interval: The movement.
        before_s: Begin so many seconds earlier, as far as the face was in view without a break.
        after_s: Likewise end later.
    """
    first, last = np.searchsorted(curves.frames, [interval.onset_frame, interval.offset_frame])
    begin, end = next(run for run in curves.runs if run[0] <= first < run[1])
    earliest = np.searchsorted(curves.times_s, curves.times_s[first] - before_s)
    latest = np.searchsorted(curves.times_s, curves.times_s[last] + after_s, side="right")
    return np.arange(max(begin, earliest), min(end, latest))


def spotted(interval: Interval, curves: FaceCurves, note: str = "") -> Event:
    """Build an event without a class; its reason is what moved, and the note."""
    onset, apex = np.searchsorted(curves.frames, [interval.onset_frame, interval.apex_frame])
    return Event(
        **asdict(interval),
        reason=f"{_seen(interval)} {note}".strip(),
        looks_like=looks_like(curves, int(onset), int(apex)),
        face_xyxy=curves.box_xyxy(int(apex)),
    )


def frames_read(interval: Interval, curves: FaceCurves, model: FittedModel) -> dict[int, int]:
    """List the frames that a model looks at: their numbers in the video, their places in the event.

    Mostly two, or one; all of them where a recipe magnifies. Empty where its recipe cannot start.
    """
    clip = clip_of(interval, curves)
    places = {path: place for place, path in enumerate(clip.frame_paths)}
    try:
        read = sorted(places[path] for path in model.recipe.inputs(clip))
    except DataError:
        return {}
    rows = rows_of(curves, interval, before_s=_BEFORE_S)
    return {int(curves.frames[rows[place]]): place for place in read}


def face_frames(
    interval: Interval, curves: FaceCurves, frames: Iterable[VideoFrame], model: FittedModel
) -> FaceFrames:
    """Cut the face of an event as the frames of a clip; keep only those that the model reads."""
    places = frames_read(interval, curves, model)
    kept = {places[frame.number]: frame for frame in frames if frame.number in places}
    matrices = list(curves.matrices[rows_of(curves, interval, before_s=_BEFORE_S)])
    return FaceFrames(clip_of(interval, curves), kept, matrices, framing_of(model))


def recognized(
    interval: Interval, curves: FaceCurves, frames: Iterable[VideoFrame], model: FittedModel
) -> Event:
    """Build the event of a movement, with the class that a model gives it.

    Args:
        interval: The movement.
        curves: Of its face.
        frames: Of the video; those that `frames_read` names must be among them.
        model: A trained method.
    """
    event = spotted(interval, curves)
    faces = face_frames(interval, curves, frames, model)
    try:
        inputs = model.prepare_clip(faces.clip, faces)
        scores = model.scores(inputs[None])[0].tolist()
    except DataError as error:
        return replace(event, reason=f"{event.reason} No class: {error}")
    decision = model.record.decide(scores)
    shares = decision.probabilities or tuple(scores)
    return replace(
        event,
        class_name=decision.class_name,
        confidence=decision.confidence,
        scores=dict(zip(model.record.classes, shares, strict=True)),
        reason=f"{event.reason} {_decision_text(decision)}",
    )


def no_class_because(interval: Interval, curves: FaceCurves, quality: Quality) -> str:
    """Say why a movement gets no class whatever a model thinks; "" where it may get one.

    Models are trained on micro-expressions of faces that are well in view.
    """
    if not curves.has_mesh:
        return ""
    if interval.kind == "macro":
        return "No class: the model knows micro-expressions only."
    if interval.onset_frame == curves.frames[0]:
        return "No class: it had begun before the face came into view."
    if not quality.is_measurable:
        return f"No class: the face is not well enough in view. {' '.join(quality.advice)}".strip()
    return ""


def at_threshold(model: FittedModel, abstain_below: float) -> FittedModel:
    """Return the model with another confidence below which it names no class."""
    calibration = model.record.calibration
    if not 0 <= abstain_below <= 1:
        raise ConfigError(f"The confidence is {abstain_below}; give a number in 0..1.")
    if calibration is None:
        raise ConfigError(
            f"The model of {model.record.method} is not calibrated, so its confidence is not "
            "known. Train it with an estimate, or leave the threshold out."
        )
    changed = calibration.model_copy(update={"abstain_below": abstain_below})
    return replace(model, record=model.record.model_copy(update={"calibration": changed}))


def _decision_text(decision: Decision) -> str:
    """Write what was decided, as a sentence."""
    if decision.class_name is None:
        return f"Not sure of the class: {decision.reason}; most likely {decision.likeliest}."
    if decision.confidence is None:
        return f"Class {decision.class_name}; {decision.reason}."
    return f"Class {decision.class_name}, confidence {decision.confidence:.2f}."


def _seen(interval: Interval) -> str:
    where = " and ".join(interval.regions[:2])
    return (
        f"The {where} moved by {100 * interval.displacement:.1f} % of the face's width, "
        f"{interval.strength:.1f} times the threshold, within {interval.duration_s:.2f} s."
    )


def clip_of(interval: Interval, curves: FaceCurves) -> Clip:
    """Build the clip that a model sees of an event; its frames are named by their numbers.

    It begins `LEAD_S` before the onset, and the model takes its first frame for the onset.
    """
    rows = rows_of(curves, interval, before_s=_BEFORE_S)
    count = len(rows)
    apex = int(np.searchsorted(curves.frames[rows], interval.apex_frame))
    seconds = float(curves.times_s[rows[-1]] - curves.times_s[rows[0]])
    return Clip(
        corpus="video",
        subject=f"subject{interval.subject_id}",
        name=f"frame{interval.onset_frame}",
        emotion="",
        onset=0,
        apex=min(max(apex, 1), count - 1),
        offset=count - 1,
        fps=Fraction((count - 1) / seconds).limit_denominator(1001) if seconds > 0 else None,
        frame_paths=tuple(Path(f"frame {number}") for number in curves.frames[rows]),
    )
