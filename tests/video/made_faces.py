"""A synthetic face on a wall, moved as one likes."""

from functools import lru_cache

import cv2
import numpy as np

from openmer.datasets.synthetic._clips import generate

SIDE = 320  # of the picture of a face that is put on the wall


@lru_cache(maxsize=8)
def clip(subject_id=0):
    """The first synthetic clip of a subject."""
    names = {}
    for made in generate("tiny", 0):
        names.setdefault(made.clip.subject_id, made)
        if len(names) > subject_id:
            return list(names.values())[subject_id]
    raise AssertionError("no such subject")


@lru_cache(maxsize=64)
def face(subject_id=0, frame=0):
    """Gray, shape ``(SIDE, SIDE)``."""
    gray = cv2.cvtColor(clip(subject_id).frames_rgb[frame], cv2.COLOR_RGB2GRAY)
    return cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def wall(width=640, height=400):
    """A background without a face."""
    y, x = np.mgrid[:height, :width]
    return (110 + 20 * np.sin(x / 90) + 15 * np.cos(y / 70)).astype(np.uint8)


def put(image, picture, x, y, angle=0.0, scale=1.0):
    """The picture with its middle at a place of the image, turned by degrees."""
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, scale)
    matrix[:, 2] += (x - SIDE / 2, y - SIDE / 2)
    size = (image.shape[1], image.shape[0])
    inside = cv2.warpAffine(np.ones_like(picture), matrix, size) > 0
    moved = cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_CUBIC)
    return np.where(inside, moved, image)
