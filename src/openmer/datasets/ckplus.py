"""CK+: 593 posed sequences of 123 subjects from neutral to the peak, 327 of them labelled.

A copy holds ``cohn-kanade-images/S005/001/S005_001_00000011.png`` and
``Emotion/S005/001/S005_001_00000011_emotion.txt`` with one number such as ``3.0000000e+00``. A
sequence without that file has no label and is left out. The last frames of a sequence are its
images, three by default, as in the pretraining of several papers.
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._facts import Options, declared, find_folder
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.datasets._sequence_images import Sequence, last_frames, read_sequences

FACTS = declared("ckplus")

_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Read the last frames of every labelled sequence."""
    labels = find_folder(FACTS, root, "Emotion")
    images = find_folder(FACTS, root, "cohn-kanade-images")
    sequences: list[Sequence] = []
    problems: list[Problem] = []
    for file in sorted(labels.glob("S*/*/*_emotion.txt")):
        number, subject = file.parent.name, file.parent.parent.name
        said = file.read_bytes().decode(errors="replace")
        code = _code(said)
        if code is None:
            problems.append(error(str(file), f"{said[:60]!r} is no number 0..7"))
        else:
            sequences.append(
                Sequence(
                    subject=subject,
                    name=number,
                    emotion=_CODES[code],
                    folder=images / subject / number,
                )
            )
    reading = read_sequences("ckplus", sequences, options, last_frames)
    return Reading(items=reading.items, problems=(*problems, *reading.problems))


def _code(text: str) -> int | None:
    """Read the number in a label file, which is written as ``3.0000000e+00``."""
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value in range(len(_CODES)) else None
