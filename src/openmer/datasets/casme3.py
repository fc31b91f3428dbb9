"""CAS(ME)^3, parts A and C, micro-expressions at 30 fps, colour and depth: 860 clips in part A.

A copy holds ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`` (sheet "label") and
``spNO.1/b/color/175.jpg``, unpadded. The sheet writes spNO and spNo, "others" and "Others"; some
offsets are 0; 28 apex frames are missing. A recording (subject, filename) holds several movements,
so the onset is part of a clip's name: ``b_175``. The objective class is not read.

Part C (a mock crime) has ``CAS(ME)3_part_C_ME.xlsx`` with action units and neither emotion nor
apex: its clips are "unlabelled". Part B has no annotation of movements, so no clip is read of it.
"""

from __future__ import annotations

import re
from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of, read_annotations
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, advice, declared, find_file
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet
from openmer.errors import DataError

FACTS = declared("casme3")

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "action_units": ("AU",),
    "emotion": ("emotion",),
}


_COLUMNS_C = {
    "subject": ("sub",),
    "clip": ("count",),
    "onset": ("onset",),
    "offset": ("offset",),
    "action_units": ("au",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All clips of a part."""
    if options.variant == "C":
        return _read_part_c(root, options)
    path = find_file(FACTS, root, "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx")
    sheet = read_sheet("casme3", path, _COLUMNS, sheet="label")
    folders = _subject_folders(root) if options.wants_frames else {}
    return read_rows("casme3", sheet, lambda row: _annotation(row, folders, options))


def _read_part_c(root: Path, options: Options) -> Reading:
    path = find_file(FACTS, root, "CAS(ME)3_part_C_ME.xlsx")
    sheet = read_sheet("casme3", path, _COLUMNS_C)
    annotations = [
        Annotation(
            corpus="casme3",
            subject=f"C{padded(row['subject'], 2)}",
            name=f"{row['clip']}_{row['onset']}",
            emotion="unlabelled",
            onset=row["onset"],
            offset=row["offset"],
            fps=FACTS.fps,
            action_units=row["action_units"],
            folder=_folder_c(root, row, options) if options.wants_frames else None,
            has_apex=False,
        )
        for row in sheet.rows
        if row["clip"]
    ]
    return read_annotations(annotations, sheet.notes)


def _folder_c(root: Path, row: SheetRow, options: Options) -> Path:
    """Return the first folder of the subject that is there; its name is not known for certain."""
    number = row["subject"]
    names = (f"spNO.{number}", f"spNo.{number}", padded(number, 2), number)
    there = (root / part / name for part in ("", "part_C") for name in names)
    subject = next((folder for folder in there if folder.is_dir()), root / names[0])
    return subject / row["clip"] / options.frames


def _subject_folders(root: Path) -> dict[str, Path]:
    """Folder of each subject: right in the root, or in a folder in it; spNO and spNo are one."""
    found = [*root.glob("sp[Nn][Oo].*"), *root.glob("*/sp[Nn][Oo].*")]
    if not found:
        raise DataError(f"{FACTS.title}: {root} has no folder spNO.1. {advice(FACTS)}")
    return {folder.name.lower(): folder for folder in sorted(found, reverse=True)}


def _annotation(row: SheetRow, folders: dict[str, Path], options: Options) -> Annotation:
    subject = re.sub(r"(?i)^spno\.", "spNO.", row["subject"])
    folder = None
    if options.wants_frames:
        subject_id = folders.get(subject.lower(), Path(subject))
        folder = subject_id / row["clip"] / options.frames
    name = f"{row['clip']}_{row['onset']}"
    return annotation_of(FACTS, row, folder, subject=subject, name=name)
