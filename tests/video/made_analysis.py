"""Analyses of videos that do not exist."""

from fractions import Fraction

import numpy as np
from tests.video.made_curves import bump, curves

from openmer.video import Analysis, Event, VideoInfo

LIPS = ("left corner of the mouth", "upper lip")


def info(name="/videos/talk.mp4", **changed):
    values = {
        "name": name, "width": 320, "height": 240, "fps": Fraction(30000, 1001), "frames": None,
        "duration_s": None, "codec": "h264", "pixel_format": "yuv420p", "rotation_degrees": 0,
        "bits": 8,
    }  # fmt: skip
    return VideoInfo(**(values | changed))


def event(onset_s=2.0, length_s=0.3, fps=30, **changed):
    times = (onset_s, onset_s + length_s / 2, onset_s + length_s)
    values = {
        "subject_id": 1, "kind": "micro", "strength": 2.5, "displacement": 0.0123, "regions": LIPS,
        "class_name": "positive", "confidence": 0.81, "reason": "The lip moved.",
        "scores": {"negative": 0.1, "positive": 0.81, "surprise": 0.09},
        "face_xyxy": (100.0, 60.0, 200.0, 190.0),
    }  # fmt: skip
    for name, time_s in zip(("onset", "apex", "offset"), times, strict=True):
        values |= {f"{name}_s": time_s, f"{name}_frame": round(time_s * fps)}
    return Event(**(values | changed))


def analysis(*events, seconds=8, **changed):
    """One face that moves where the events are."""
    times_s = np.arange(seconds * 30) / 30
    course = sum(
        (bump(times_s, e.onset_s, e.apex_s, e.offset_s) for e in events), np.zeros(len(times_s))
    )
    face = curves(times_s, moves=[("upper lip", (0.0, -1.6), course)])
    values = {
        "info": info(), "frames": len(times_s), "duration_s": float(times_s[-1]),
        "faces": (face,), "events": events,
    }  # fmt: skip
    return Analysis(**(values | changed))
