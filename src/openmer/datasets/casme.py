"""CASME (2013): 193 clips of the coding of 2019 at 60 fps.

A copy holds ``CASME-coded-20190721.xls``, to be saved as .xlsx, and ``sub01/EP01_5/...``, right in
the root or in one folder of it. The subject is a number in the sheet. There are two columns for the
apex; the first is taken.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import CorpusFacts, Counts, Options, advice, find_file, words
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet
from openmer.errors import DataError

FACTS = CorpusFacts(
    name="casme",
    title="CASME",
    holds="clips",
    paper="Yan et al. (2013), CASME Database: A Dataset of Spontaneous Micro-Expressions Collected "
    "From Neutralized Faces, FG",
    access="a member of staff signs the agreement at casme.psych.ac.cn",
    terms="academic, non-commercial; no redistribution; only the listed figures may be published",
    fps=Fraction(60),
    forms=("frames",),
    variants=MappingProxyType(
        {
            "2019": Counts(
                items=193,
                words=words(
                    "tense", "disgust", "repression", "surprise", "happiness", "sadness", "fear",
                    "contempt",
                ),
                words_recalled=True,
            )
        }
    ),
    unsure=(
        "Which words the sheet has, and how often.",
        "How the folder above sub01 is called, and the files in a clip.",
        "Corrections: applied only where the sheet's value is impossible by itself.",
    ),
)  # fmt: skip

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetF",),
    "apex": ("ApexF1", "ApexF"),
    "offset": ("OffsetF",),
    "action_units": ("AU", "AUs"),
    "emotion": ("Emotion",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All clips."""
    path = find_file(FACTS, root, "CASME-coded-20190721.xlsx")
    sheet = read_sheet("casme", path, _COLUMNS)
    frames = _frames(root) if options.wants_frames else None
    return read_rows("casme", sheet, lambda row: _annotation(row, frames))


def _frames(root: Path) -> Path:
    """Find the folder that holds the folders of the subjects."""
    found = next(iter(sorted([*root.glob("sub[0-9]*"), *root.glob("*/sub[0-9]*")])), None)
    if found is None:
        raise DataError(f"{FACTS.title}: {root} has no folder sub01. {advice(FACTS)}")
    return found.parent


def _annotation(row: SheetRow, frames: Path | None) -> Annotation:
    subject = padded(row["subject"], 2, "sub")
    folder = None if frames is None else frames / subject / row["clip"]
    return annotation_of(FACTS, row, folder, subject=subject)
