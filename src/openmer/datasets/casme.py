"""CASME (2013): 193 clips of the coding of 2019 at 60 fps.

A copy holds ``CASME-coded-20190721.xls``, to be saved as .xlsx, and ``sub01/EP01_5/...``, right in
the root or in one folder of it. The subject is a number in the sheet. There are two columns for the
apex; the first is taken.
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, advice, declared, find_file
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet
from openmer.errors import DataError

FACTS = declared("casme")

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
