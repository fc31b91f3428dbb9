"""Writing the frames and sheets of a fake corpus."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import openpyxl
from numpy.typing import NDArray

from openmer.datasets.fakes._plan import FakeClip, movie

Line = Sequence[object]


def save_frames(
    folder: Path, clip: FakeClip, name: str, *, grey: bool = False, without: Container[int] = ()
) -> None:
    """Write the frames of a clip; `name` has a place for the frame's number ("img{}.jpg").

    Args:
        folder: Where to.
        clip: Its movie; the folder is all that is made where there is none.
        name: File name.
        grey: One channel.
        without: Numbers of frames that get lost.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if clip.movie is None:
        return
    for number, frame_rgb in enumerate(clip.movie.frames_rgb, start=clip.first):
        if number not in without:
            save_image(folder / name.format(number), frame_rgb, grey=grey)


def save_image(path: Path, frame_rgb: NDArray[np.uint8], *, grey: bool = False) -> None:
    """Write an image in the format its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = cv2.COLOR_RGB2GRAY if grey else cv2.COLOR_RGB2BGR
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(frame_rgb, code))[1]
    path.write_bytes(encoded.tobytes())


def expression_image(subject_id: int, word: str) -> NDArray[np.uint8]:
    """Draw a macro-expression: the strongest frame of a movie, the first for a neutral face."""
    made = movie("stills", subject_id % 3, word)
    frame: NDArray[np.uint8] = made.frames_rgb[0 if word == "neutral" else made.clip.apex or 0]
    return frame


def rising(subject_id: int, word: str) -> NDArray[np.uint8]:
    """Frames from neutral to the peak, shape ``(time, height, width, 3)``."""
    made = movie("stills", subject_id % 3, word)
    frames: NDArray[np.uint8] = made.frames_rgb[: (made.clip.apex or 0) + 1]
    return frames


def save_book(path: Path, sheets: Mapping[str, Sequence[Line]]) -> None:
    """Write an .xlsx workbook: name of each sheet to its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(list(line))
    book.save(path)
    book.close()
