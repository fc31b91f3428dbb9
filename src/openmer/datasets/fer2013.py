"""FER2013: 35,887 grey faces of 48x48 pixels from the web; nobody is named.

Two forms are read. The table of the challenge, ``fer2013.csv`` with the columns emotion, pixels
(2304 grey values) and Usage: an image is then a row of it (`Image.row`), and `read_pixels` decodes
rows. Or the folders it is often passed on as, ``train/<emotion>/Training_*.jpg`` and
``test/<emotion>/PublicTest_*.jpg``. Duplicates cross the parts, in any form.

An image is a face and little else (`Image.cropped`). OpenCV's cascade finds a face in fewer than
half of them, in fewer sad ones than happy ones; where it finds one, its box is about the image.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Image
from openmer.datasets._facts import Options, declared, find_folder
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.errors import DataError, reading_file

FACTS = declared("fer2013")

SIDE = 48  # pixels
_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_PARTS = ("Training", "PublicTest", "PrivateTest")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Read the images of the table where there is one, else of the folders."""
    del options  # names are all there is to read: files come with the folders
    table = root / "fer2013.csv"
    return _read_table(table) if table.is_file() else _read_folders(root)


def read_pixels(images: Iterable[Image]) -> NDArray[np.uint8]:
    """Grey values of images that are rows of one table, shape ``(images, 48, 48)``, 0..255.

    Raises:
        DataError: An image is no row of that table, or a row is not 48x48 numbers.
    """
    images = tuple(images)
    tables = {image.path for image in images}
    rows = [image.row for image in images if image.row is not None]
    if len(tables) != 1 or len(rows) != len(images):
        raise DataError(
            f"{len(images)} images lie in {len(tables)} files, expected rows of one fer2013.csv. "
            "Read image files with an image reader."
        )
    wanted = {row: at for at, row in enumerate(rows)}
    pixels = np.zeros((len(images), SIDE, SIDE), np.uint8)
    path = tables.pop()
    for number, line in enumerate(_lines(path)):
        if number in wanted:
            values = line.get("pixels", "").split()
            if len(values) != SIDE * SIDE:
                raise DataError(
                    f"{path} row {number + 2} has {len(values)} pixels, expected {SIDE * SIDE}."
                )
            pixels[wanted[number]] = np.array(values, np.uint8).reshape(SIDE, SIDE)
    return pixels[[wanted[row] for row in rows]]


def _lines(table: Path) -> Iterable[dict[str, str]]:
    with (
        reading_file(table, "a table of FER2013", "Copy the authors' file again."),
        table.open(encoding="utf-8-sig", newline="") as file,
    ):
        yield from csv.DictReader(file, skipinitialspace=True)


def _read_table(table: Path) -> Reading:
    images: list[Image] = []
    problems: list[Problem] = []
    for row, line in enumerate(_lines(table)):
        code, part = line.get("emotion", ""), line.get("Usage", "")
        if code not in {str(number) for number in range(len(_CODES))} or part not in _PARTS:
            text = f"emotion {code!r}, Usage {part!r}: expected 0..6 and {', '.join(_PARTS)}"
            problems.append(error(f"{table.name} row {row + 2}", text))
            continue
        word, name = _CODES[int(code)], f"{part}_{row:05}"
        images.append(
            Image(
                corpus="fer2013",
                name=name,
                emotion=word,
                path=table,
                row=row,
                part=part,
                cropped=True,
            )
        )
    return Reading(items=tuple(images), problems=tuple(problems))


def _read_folders(root: Path) -> Reading:
    top = find_folder(FACTS, root, "train").parent
    images = []
    for path in sorted([*top.glob("train/*/*.*"), *top.glob("test/*/*.*")]):
        part = path.name.partition("_")[0]
        images.append(
            Image(
                corpus="fer2013",
                name=f"{path.parent.name}/{path.stem}",
                emotion=path.parent.name,
                path=path,
                part=part if part in _PARTS else path.parent.parent.name,
                cropped=True,
            )
        )
    return Reading(items=tuple(images))
