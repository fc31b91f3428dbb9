"""4DME, micro-expressions: 267 clips at 60 fps, grey.

A copy holds ``4DME_Labelling_Micro_release v1.xlsx`` and, anywhere below, a folder of the clip's
name with ``Frame_000001826.jpg``. A clip may carry several labels: flag columns (Positive,
Negative, Surprise, Repression, Others) and the same as text. The text is kept as it is; where it is
empty, the flags are joined by "+", as in "negative+surprise".
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, declared, find_file
from openmer.datasets._paths import find_name, folders_named
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, read_sheet

FACTS = declared("fourdme")

_FLAGS = ("positive", "negative", "surprise", "repression", "others")
_COLUMNS = {
    "subject": ("sub_ID",),
    "clip": ("fold_name",),
    "emotion": ("Emotion",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "action_units": ("AUs", "AU"),
    **{flag: (flag,) for flag in _FLAGS},
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All micro-expressions."""
    path = find_file(FACTS, root, "4DME_Labelling_Micro_release v1.xlsx")
    sheet = read_sheet("fourdme", path, _COLUMNS, optional=_FLAGS)
    names = [row["clip"] for row in sheet.rows if row["clip"]]
    folders = folders_named(root, names) if options.wants_frames else None
    return read_rows("fourdme", sheet, lambda row: _annotation(row, folders))


def _annotation(row: SheetRow, folders: dict[str, Path] | None) -> Annotation:
    flags = "+".join(flag for flag in _FLAGS if row[flag] not in ("", "0"))
    folder = None if folders is None else find_name(folders, row["clip"])
    return annotation_of(FACTS, row, folder, emotion=row["emotion"] or flags)
