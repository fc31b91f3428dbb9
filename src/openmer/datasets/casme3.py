"""CAS(ME)^3, part A, micro-expressions: 860 clips at 30 fps, colour and depth.

A copy holds ``cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx`` (sheet "label") and
``spNO.1/b/color/175.jpg``, unpadded. The sheet writes spNO and spNo, "others" and "Others"; some
offsets are 0; 28 apex frames are missing. A recording (subject, filename) holds several movements,
so the onset is part of a clip's name: ``b_175``. The objective class is not read.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from openmer.datasets._annotations import Annotation, read_annotations
from openmer.datasets._corrections import corrected, read_corrections
from openmer.datasets._facts import CorpusFacts, Counts, Options, advice, find_file, words
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, read_sheet
from openmer.errors import DataError

FACTS = CorpusFacts(
    name="casme3",
    title="CAS(ME)^3 part A",
    holds="clips",
    paper="Li et al. (2023), CAS(ME)^3: A Third Generation Facial Spontaneous Micro-Expression "
    "Database With Depth Information and High Ecological Validity, IEEE TPAMI 45(3)",
    access="a member of staff signs the agreement at casme.psych.ac.cn",
    terms="academic, non-commercial; no redistribution; only the listed figures may be published",
    fps=Fraction(30),
    forms=("color", "depth"),
    variants=MappingProxyType(
        {
            "A": Counts(
                items=860,
                words=words(
                    disgust=250, surprise=187, others=161, fear=86, anger=64, sad=57, happy=55
                ),
            )
        }
    ),
    unsure=("100 subjects were recorded; how many of them have a clip is not declared.",),
)

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "action_units": ("AU",),
    "emotion": ("emotion",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All clips of part A."""
    path = find_file(FACTS, root, "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx")
    sheet = read_sheet("casme3", path, _COLUMNS, sheet="label")
    folders = _subject_folders(root) if options.wants_frames else {}
    annotations = [_annotation(row, folders, options) for row in sheet.rows if row["clip"]]
    return read_annotations(corrected(annotations, read_corrections("casme3")), sheet.notes)


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
    return Annotation(
        corpus="casme3",
        subject=subject,
        name=f"{row['clip']}_{row['onset']}",
        emotion=row["emotion"],
        onset=row["onset"],
        apex=row["apex"],
        offset=row["offset"],
        fps=FACTS.fps,
        action_units=row["action_units"],
        folder=folder,
    )
