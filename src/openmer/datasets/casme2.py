"""CASME II: 255 clips of 26 subjects at 200 fps.

A copy holds ``CASME2-coding-20140508.xlsx`` or ``CASME2-coding-20190701.xlsx`` and
``CASME2_RAW_selected/sub01/EP02_01f/img46.jpg`` or ``Cropped/sub01/EP02_01f/reg_img46.jpg``, whose
numbers are those of the recording and are not padded. The "f" belongs to the name of a clip.

The 2014 coding has "/" for the apex of sub04/EP12_01f and apex = onset for sub05/EP09_05f; both
clips have no apex here. The 2019 coding adds objective classes and says surprise where the 2014 one
says sadness, for three clips. The MEGC 2019 composite is defined on the 2014 coding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet
from openmer.errors import DataError

FACTS = declared("casme2")

_SHEETS = {"2014": "CASME2-coding-20140508.xlsx", "2019": "CASME2-coding-20190701.xlsx"}
_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "action_units": ("Action Units",),
    "emotion": ("Estimated Emotion",),
    "objective": ("Objective Classes", "Objective Class"),
}
_FOLDERS = {"raw": ("CASME2_RAW_selected",), "cropped": ("Cropped",)}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Clips of one coding."""
    path = find_file(FACTS, root, _SHEETS[options.variant])
    sheet = read_sheet("casme2", path, _COLUMNS, optional=("objective",))
    _check_coding(path, sheet.rows, options.variant)
    frames = find_folder(FACTS, root, *_FOLDERS[options.frames]) if options.wants_frames else None
    return read_rows("casme2", sheet, lambda row: _annotation(row, frames))


def _check_coding(sheet: Path, rows: Sequence[SheetRow], variant: str) -> None:
    """Raise if the columns are those of the other coding, whatever the file is called."""
    has_classes = bool(rows) and any("objective" in name.lower() for name in rows[0].columns)
    if has_classes != (variant == "2019"):
        found = "has objective classes, as the 2019 coding" if has_classes else "has none, as 2014"
        raise DataError(
            f"{sheet} is asked for as the {variant} coding of CASME II, but {found}. The two "
            "differ in three labels: give the file of the coding you mean."
        )


def _annotation(row: SheetRow, frames: Path | None) -> Annotation:
    subject = padded(row["subject"], 2, "sub")
    folder = None if frames is None else frames / subject / row["clip"]
    return annotation_of(FACTS, row, folder, subject=subject)
