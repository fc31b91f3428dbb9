"""SMIC: 164 clips of 16 subjects at 100 fps (HS); 71 of 8 subjects at 25 fps (VIS, and NIR).

There is no sheet: ``SMIC/HS/s1/micro/negative/s1_ne_01/image*.jpg`` says it all, and the cropped
form is ``SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image*.jpg``. A folder holds the
movement and nothing else; no apex and no action units are annotated. Folders say s1 where the MEGC
2019 list says s01: here it is s01 throughout. The three recordings share subjects, so they are one
corpus; clips of VIS and NIR carry the recording in their name ("vis_s11_ne_01").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from openmer.datasets._annotations import Annotation, read_annotations
from openmer.datasets._facts import Options, advice, declared, find_folder
from openmer.datasets._reading import Problem, Reading, error, note
from openmer.datasets._registry import register_corpus
from openmer.errors import DataError

FACTS = declared("smic")

_FPS = {"HS": Fraction(100), "VIS": Fraction(25), "NIR": Fraction(25)}
_FOLDERS = {"raw": ("SMIC", "SMIC_all_raw"), "cropped": ("SMIC_all_cropped",)}
_WORDS = {"ne": "negative", "po": "positive", "sur": "surprise"}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Clips of one recording; with names only, the folders are enough."""
    tops = _FOLDERS["raw" if options.frames == "none" else options.frames]
    recording = find_folder(FACTS, root, *(f"{top}/{options.variant}" for top in tops))
    found: list[Annotation] = []
    problems: list[Problem] = []
    for folder in _clip_folders(recording):
        annotation = _annotation(folder, options)
        if annotation is None:
            problems.append(error(str(folder), "is no clip name such as s1_ne_01"))
        else:
            found.append(annotation)
            problems += _misplaced(annotation, folder)
    if not found:
        raise DataError(f"{recording} has no s1/micro/negative/s1_ne_01. {advice(FACTS)}")
    return read_annotations(sorted(found, key=lambda a: (a.subject, a.name)), problems)


def _clip_folders(recording: Path) -> Iterator[Path]:
    for folder in sorted(recording.glob("*/micro/*/*")):
        if folder.is_dir():
            yield folder


def parse_clip_name(text: str) -> tuple[str, str, str] | None:
    """Read subject, name and word of a clip from ``s1_ne_01``; None of any other text."""
    match = re.fullmatch(r"s(\d{1,4})_(ne|po|sur)_(\d+)", text, flags=re.ASCII | re.IGNORECASE)
    if match is None:
        return None
    subject, word = f"s{int(match[1]):02}", match[2].lower()
    return subject, f"{subject}_{word}_{match[3]}", _WORDS[word]


def _misplaced(clip: Annotation, folder: Path) -> Iterator[Problem]:
    """Note a clip that lies in the folder of another class or of another subject."""
    word, subject = folder.parent.name.lower(), folder.parents[2].name.lower()
    if word in _WORDS.values() and word != clip.emotion:
        text = f"lies in {folder.parent}, but is {clip.emotion} by its name; read as that"
        yield note(clip.key, text)
    number = re.fullmatch(r"s(\d{1,4})", subject, flags=re.ASCII)
    if number is not None and f"s{int(number[1]):02}" != clip.subject:
        text = f"lies in {folder.parents[2]}, but is of {clip.subject} by its name; read as that"
        yield note(clip.key, text)


def _annotation(folder: Path, options: Options) -> Annotation | None:
    known = parse_clip_name(folder.name)
    if known is None:
        return None
    subject, name, word = known
    recording = "" if options.variant == "HS" else f"{options.variant.lower()}_"
    return Annotation(
        corpus="smic",
        subject=subject,
        name=f"{recording}{name}",
        emotion=word,
        fps=_FPS[options.variant],
        folder=folder if options.wants_frames else None,
        whole_folder=True,
    )
