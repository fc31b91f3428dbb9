"""AffectNet, manually annotated: about 420,000 faces from the web to train on; nobody is named.

A copy holds ``Manually_Annotated_file_lists/training.csv`` and ``validation.csv``, and
``Manually_Annotated_Images/<dir>/<hash>.jpg``. The columns of a list are subDirectory_filePath,
face_x, face_y, face_width, face_height, facial_landmarks, expression, valence, arousal;
``validation.csv`` often lacks that header.
"""

from __future__ import annotations

import csv
from pathlib import Path

from openmer.clip import Image
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.datasets._sequence_images import read_images
from openmer.errors import reading_file

_CODES = (
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt", "none",
    "uncertain", "no-face",
)  # fmt: skip
_PATH, _EXPRESSION = 0, 6

FACTS = declared("affectnet")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Images of one list; the classes none, uncertain and no-face are kept under these words."""
    table = find_file(FACTS, root, f"Manually_Annotated_file_lists/{options.variant}.csv")
    folder = table.parent.parent / "Manually_Annotated_Images"
    if options.wants_frames:
        folder = find_folder(FACTS, root, "Manually_Annotated_Images")
    images: list[Image] = []
    problems: list[Problem] = []
    with (
        reading_file(table, "a list of images", "Copy the authors' file again."),
        table.open(encoding="utf-8-sig", newline="") as file,
    ):
        lines = [(number, line) for number, line in enumerate(csv.reader(file), start=1) if line]
    for number, line in lines:
        code = line[_EXPRESSION].strip() if len(line) > _EXPRESSION else ""
        if code in {str(index) for index in range(len(_CODES))}:
            images.append(_image(folder, line[_PATH], _CODES[int(code)], options.variant))
        elif line[_PATH] != "subDirectory_filePath":
            text = f"expression {code!r} is none of 0..{len(_CODES) - 1}"
            problems.append(error(f"{table.name} row {number}", text))
    reading = read_images(images, options)
    return Reading(items=reading.items, problems=(*problems, *reading.problems))


def _image(folder: Path, path: str, word: str, part: str) -> Image:
    name = path.rpartition(".")[0]
    return Image(corpus="affectnet", name=name, emotion=word, path=folder / path, part=part)
