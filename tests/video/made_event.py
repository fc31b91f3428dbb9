"""A lossless video of one synthetic face that moves once, with curves as a tracker gives them."""

from fractions import Fraction
from functools import lru_cache

import cv2
import numpy as np
from tests.video.made_analysis import analysis, event
from tests.video.made_curves import bump, curves
from tests.video.made_faces import clip

from openmer.video import open_video, write_video
from openmer.video.faces._patch import PLACES, SIDE_PX

FPS = Fraction(30)
STILL = 24  # frames before and after the movement


@lru_cache(maxsize=1)
def frames():
    """0..255, shape ``(frames, 128, 128, 3)``."""
    made = clip(1)
    images = made.frames_rgb[made.clip.onset :]
    return np.concatenate([[images[0]] * STILL, images, [images[-1]] * STILL])


def moment():
    """The event as it is."""
    made = clip(1).clip
    numbers = [STILL + number - made.onset for number in (made.onset, made.apex, made.offset)]
    names = ("onset", "apex", "offset")
    timed = {f"{name}_s": number / 30 for name, number in zip(names, numbers, strict=True)}
    counted = {f"{name}_frame": number for name, number in zip(names, numbers, strict=True)}
    return event(displacement=0.012, **timed, **counted)


def face():
    """Curves in which the upper lip goes up, and where the face is."""
    times_s = np.arange(len(frames())) / 30
    found = moment()
    course = bump(times_s, found.onset_s, found.apex_s, found.offset_s)
    made = curves(times_s, noise=0.01, moves=[("upper lip", (0.0, -1.6), course)])
    matrix, _ = cv2.estimateAffinePartial2D(clip(1).points_xy, PLACES * SIDE_PX)
    made.matrices[:] = matrix
    return made


def found():
    """The analysis of the video."""
    return analysis(
        moment(), faces=(face(),), frames=len(frames()), duration_s=(len(frames()) - 1) / 30
    )


def video(folder):
    """The video itself, to be used in a `with` statement."""
    return open_video(write_video(folder / "face.mkv", frames(), FPS, codec="ffv1"))
