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
from types import MappingProxyType

from openmer.datasets._annotations import Annotation, read_annotations
from openmer.datasets._facts import CorpusFacts, Counts, Options, advice, find_folder, words
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.errors import DataError

_SMALL = Counts(subjects=8, items=71, words=words("negative", "positive", "surprise"))
FACTS = CorpusFacts(
    name="smic",
    title="SMIC",
    holds="clips",
    paper="Li et al. (2013), A Spontaneous Micro-expression Database: Inducement, Collection and "
    "Baseline, FG 2013",
    access="sign the agreement of the Center for Machine Vision and Signal Analysis, University "
    "of Oulu",
    terms="research only; no redistribution",
    forms=("raw", "cropped"),
    variants=MappingProxyType(
        {
            "HS": Counts(
                subjects=16, items=164, words=words(negative=70, positive=51, surprise=43)
            ),
            "VIS": _SMALL,
            "NIR": _SMALL,
        }
    ),
    unsure=("Clips per word in VIS and NIR.",),
)

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
    if not found:
        raise DataError(f"{recording} has no s1/micro/negative/s1_ne_01. {advice(FACTS)}")
    reading = read_annotations(sorted(found, key=lambda a: (a.subject, a.name)))
    return Reading(items=reading.items, problems=(*problems, *reading.problems))


def _clip_folders(recording: Path) -> Iterator[Path]:
    for folder in sorted(recording.glob("*/micro/*/*")):
        if folder.is_dir():
            yield folder


def _annotation(folder: Path, options: Options) -> Annotation | None:
    match = re.fullmatch(r"s(\d+)_(ne|po|sur)_(\d+)", folder.name)
    if match is None:
        return None
    subject = f"s{int(match[1]):02}"
    recording = "" if options.variant == "HS" else f"{options.variant.lower()}_"
    return Annotation(
        corpus="smic",
        subject=subject,
        name=f"{recording}{subject}_{match[2]}_{match[3]}",
        emotion=_WORDS[match[2]],
        fps=_FPS[options.variant],
        folder=folder if options.wants_frames else None,
        whole_folder=True,
    )
