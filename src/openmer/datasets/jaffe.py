"""JAFFE: 213 posed grey faces of 10 subjects, 256x256 pixels.

A copy is one folder of ``KA.AN1.39.tiff``: subject, expression and its number, serial number.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

from openmer.clip import Image
from openmer.datasets._facts import Options, advice, declared
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.errors import DataError

FACTS = declared("jaffe")

_CODES = MappingProxyType(
    {
        "AN": "anger",
        "DI": "disgust",
        "FE": "fear",
        "HA": "happiness",
        "NE": "neutral",
        "SA": "sadness",
        "SU": "surprise",
    }
)


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All images, wherever they lie at or below the root."""
    del options  # the file names are the annotation
    files = sorted(
        path
        for path in (root.rglob("*") if root.is_dir() else ())
        if path.suffix.lower() in (".tiff", ".tif") and not path.name.startswith(".")
    )
    if not files:
        raise DataError(f"JAFFE is not in {root}: there is no .tiff file. {advice(FACTS)}")
    images: list[Image] = []
    problems: list[Problem] = []
    for path in files:
        match = re.fullmatch(r"([A-Z]{2})\.([A-Z]{2})(\d+)\.(\d+)", path.stem)
        if match is None or match[2] not in _CODES:
            problems.append(error(path.name, "is not of the form KA.AN1.39.tiff"))
        else:
            word = _CODES[match[2]]
            name = path.stem.partition(".")[2]
            images.append(
                Image(corpus="jaffe", subject=match[1], name=name, emotion=word, path=path)
            )
    return Reading(items=tuple(images), problems=tuple(problems))
