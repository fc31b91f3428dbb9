"""A fake FER2013: the table of the challenge, or folders of images."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from openmer.datasets.fakes._files import expression_image, save_image
from openmer.datasets.fakes._plan import FakePlan

_SIDE = 48  # pixels
_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_PARTS = ("Training", "Training", "PublicTest", "PrivateTest")


def write(root: Path, plan: FakePlan) -> None:
    """Write ``fer2013.csv``; without frames the cells of pixels are empty."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "fer2013.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("emotion", "pixels", "Usage"))
        for at, (subject_id, word) in enumerate(plan.each()):
            pixels = " ".join(str(v) for v in _grey(subject_id, word).flat) if plan.frames else ""
            table.writerow((_CODES.index(word), pixels, _PARTS[at % len(_PARTS)]))


def write_folders(root: Path, plan: FakePlan) -> None:
    """Write the same as image files; without frames the files are empty."""
    for at, (subject_id, word) in enumerate(plan.each()):
        part = _PARTS[at % len(_PARTS)]
        folder = root / ("train" if part == "Training" else "test") / word
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{part}_{at + 10_000_000}.jpg"
        if plan.frames:
            save_image(path, np.dstack([_grey(subject_id, word)] * 3), grey=True)
        else:
            path.touch()


def _grey(subject_id: int, word: str) -> NDArray[np.uint8]:
    """Draw a face of 48x48 pixels."""
    grey = cv2.cvtColor(expression_image(subject_id, word), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA), np.uint8)
