"""Small videos of synthetic faces with one movement at a known place."""

from fractions import Fraction

import numpy as np
from tests.video.made_faces import clip, face, put, wall

from openmer.video import write_video

FPS = Fraction(30)
STILL = 60  # frames before and after the movement


def frame_numbers(person=1, still=STILL):
    """Frames of the synthetic clip in the order in which the video shows them."""
    made = clip(person)
    onset, count = made.clip.onset, len(made.frames_rgb)
    return [onset] * still + list(range(onset, count)) + [count - 1] * still


def truth(person=1, still=STILL):
    """Onset, apex and offset in the video."""
    made = clip(person).clip
    return still, still + made.apex - made.onset, still + made.offset - made.onset


def grays(person=1, still=STILL, noise=1.0):
    """Gray frames of the video, ``(height, width)``."""
    rng = np.random.default_rng(0)
    for i, number in enumerate(frame_numbers(person, still)):
        image = put(wall(480, 360), face(person, number), 240 + 3 * np.sin(i / 20), 180)
        noisy = image + rng.normal(0, noise, image.shape)
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def colours(frames):
    """Three equal channels."""
    return (np.repeat(gray[..., None], 3, axis=2) for gray in frames)


def write_event(path, person=1, still=STILL, fps=FPS):
    """A video with one movement; lossless in .mkv."""
    codec = "ffv1" if path.suffix == ".mkv" else "h264"
    write_video(path, colours(grays(person, still)), fps=fps, codec=codec)
    return path


def write_still(path, person=None, frames=40):
    """A video of a face, or of a wall, on which nothing happens."""
    image = wall(480, 360) if person is None else put(wall(480, 360), face(person), 240, 180)
    write_video(path, colours(image for _ in range(frames)), fps=FPS)
    return path
