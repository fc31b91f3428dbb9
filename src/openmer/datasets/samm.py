"""SAMM: 159 clips of 29 subjects at 200 fps, grey.

A copy holds ``SAMM_Micro_FACS_Codes_v2.xlsx``, whose header stands below 13 rows of text, and
``SAMM/006/006_1_2/006_05562.jpg``. The sheet says subject 6 where the folder says 006. Only the
digits behind the last underscore of a file are the frame number.
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet

FACTS = declared("samm")

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset Frame",),
    "apex": ("Apex Frame",),
    "offset": ("Offset Frame",),
    "action_units": ("Action Units",),
    "emotion": ("Estimated Emotion",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All clips."""
    path = find_file(FACTS, root, "SAMM_Micro_FACS_Codes_v2.xlsx")
    frames = find_folder(FACTS, root, "SAMM") if options.wants_frames else None
    sheet = read_sheet("samm", path, _COLUMNS)
    return read_rows("samm", sheet, lambda row: _annotation(row, frames))


def _annotation(row: SheetRow, frames: Path | None) -> Annotation:
    subject = padded(row["subject"], 3)
    folder = None if frames is None else frames / subject / row["clip"]
    return annotation_of(FACTS, row, folder, subject=subject)
