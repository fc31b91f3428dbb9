"""Small videos of synthetic faces with one movement at a known place."""

from fractions import Fraction

import numpy as np
from tests.video.made_faces import clip, face, put, wall

from openmer.video import write_video

FPS = Fraction(30)
STILL = 60  # frames before and after the movement


def frame_numbers(subject_id=1, still=STILL):
    """Frames of the synthetic clip in the order in which the video shows them."""
    made = clip(subject_id)
    onset, count = made.clip.onset, len(made.frames_rgb)
    return [onset] * still + list(range(onset, count)) + [count - 1] * still


def truth(subject_id=1, still=STILL):
    """Onset, apex and offset in the video."""
    made = clip(subject_id).clip
    return still, still + made.apex - made.onset, still + made.offset - made.onset


def grays(subject_id=1, still=STILL, noise=1.0):
    """Gray frames of the video, ``(height, width)``."""
    rng = np.random.default_rng(0)
    for i, number in enumerate(frame_numbers(subject_id, still)):
        image = put(wall(480, 360), face(subject_id, number), 240 + 3 * np.sin(i / 20), 180)
        noisy = image + rng.normal(0, noise, image.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def colours(frames):
    """Three equal channels."""
    return (np.repeat(gray[..., None], 3, axis=2) for gray in frames)


def write_event(path, subject_id=1, still=STILL, fps=FPS):
    """A video with one movement; lossless in .mkv."""
    codec = "ffv1" if path.suffix == ".mkv" else "h264"
    write_video(path, colours(grays(subject_id, still)), fps=fps, codec=codec)
    return path


def write_still(path, subject_id=None, frames=40):
    """A video of a face, or of a wall, on which nothing happens."""
    image = (
        wall(480, 360) if subject_id is None else put(wall(480, 360), face(subject_id), 240, 180)
    )
    write_video(path, colours(image for _ in range(frames)), fps=FPS)
    return path
