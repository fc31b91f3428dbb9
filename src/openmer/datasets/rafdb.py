"""RAF-DB, single labels: 15,339 faces from the web; nobody is named.

A copy holds ``basic/EmoLabel/list_patition_label.txt`` (sic) with lines ``train_00001.jpg 5``, and
``basic/Image/aligned/train_00001_aligned.jpg`` or ``basic/Image/original/train_00001.jpg``. An
aligned image, 100x100 pixels, is a face and little else (`Image.cropped`).
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from openmer.clip import Image
from openmer.config import read_text
from openmer.datasets._facts import Options, declared, find_file
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.datasets._sequence_images import read_images
from openmer.errors import DataError

FACTS = declared("rafdb")

_CODES = MappingProxyType(
    {
        "1": "surprise",
        "2": "fear",
        "3": "disgust",
        "4": "happiness",
        "5": "sadness",
        "6": "anger",
        "7": "neutral",
    }
)


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Images of both parts, train and test."""
    labels = find_file(
        FACTS,
        root,
        "basic/EmoLabel/list_patition_label.txt",
        "EmoLabel/list_patition_label.txt",
    )
    form = "aligned" if options.frames == "none" else options.frames
    folder = labels.parent.parent / "Image" / form
    suffix = "_aligned.jpg" if form == "aligned" else ".jpg"
    images: list[Image] = []
    problems: list[Problem] = []
    lines = read_text(labels, "list of labels", DataError).splitlines()
    for number, line in enumerate(lines, start=1):
        match = re.fullmatch(r"((train|test)_\d+)\.jpg\s+([1-7])", line.strip())
        if match is not None:
            name, part, word = match[1], match[2], _CODES[match[3]]
            path = folder / f"{name}{suffix}"
            images.append(
                Image(
                    corpus="rafdb",
                    name=name,
                    emotion=word,
                    path=path,
                    part=part,
                    cropped=form == "aligned",
                )
            )
        elif line.strip():
            text = f"{line!r} is not of the form 'train_00001.jpg 5'"
            problems.append(error(f"{labels.name} line {number}", text))
    reading = read_images(images, options)
    return Reading(items=reading.items, problems=(*problems, *reading.problems))
