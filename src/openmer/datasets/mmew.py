"""MMEW: 300 clips at 90 fps.

A copy holds ``MMEW_Micro_Exp.xlsx`` and ``Micro_Expression/<emotion>/S13-07-001/1.jpg``. The folder
of a clip is found by its name, because folders and sheet do not always agree on the emotion. About
16 rows have an impossible apex or offset; they are reported and taken as not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of, read_annotations
from openmer.datasets._corrections import corrected, read_corrections
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._paths import find_name
from openmer.datasets._reading import Problem, Reading, note
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet

FACTS = declared("mmew")

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "action_units": ("Action Units",),
    "emotion": ("Estimated Emotion",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All micro-expressions."""
    path = find_file(FACTS, root, "MMEW_Micro_Exp.xlsx")
    sheet = read_sheet("mmew", path, _COLUMNS)
    folders: dict[str, Path] | None = None
    if options.wants_frames:
        top = find_folder(FACTS, root, "Micro_Expression")
        folders = {path.name: path for path in sorted(top.glob("*/*")) if path.is_dir()}
    annotations = [_annotation(row, folders) for row in sheet.rows if row["clip"]]
    annotations = corrected(annotations, read_corrections("mmew"))
    return read_annotations(annotations, [*sheet.notes, *_misplaced(annotations)])


def _misplaced(annotations: Iterable[Annotation]) -> Iterator[Problem]:
    """Note clips that lie in the folder of another emotion than the sheet's."""
    for clip in annotations:
        place = clip.folder.parent.name.lower() if clip.folder else ""
        if place in FACTS.variants["micro"].words and place != clip.emotion.lower():
            text = f"lies in the folder {place}, but the sheet says {clip.emotion}; read as that"
            yield note(clip.key, text)


def _annotation(row: SheetRow, folders: dict[str, Path] | None) -> Annotation:
    folder = None if folders is None else find_name(folders, row["clip"])
    return annotation_of(FACTS, row, folder, subject=padded(row["subject"], 2, "S"))
