"""DFME: clips at 200, 300 and 500 frames per second; each says how many.

A copy of the challenge release holds ``training_full_with_AU.xlsx`` (and the sheets of test A and
B, without labels) and ``<Filename>/00109.png``, right in the root or in a folder of it.
"""

from __future__ import annotations

from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, declared, find_file
from openmer.datasets._numbers import read_rate
from openmer.datasets._paths import find_name, folders_named
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, read_sheet

FACTS = declared("dfme")

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame",),
    "apex": ("ApexFrame",),
    "offset": ("OffsetFrame",),
    "emotion": ("Emotion",),
    "fps": ("Fps",),
    "action_units": ("AU", "AUs"),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """All clips with a label."""
    path = find_file(FACTS, root, "training_full_with_AU.xlsx")
    sheet = read_sheet("dfme", path, _COLUMNS)
    names = [row["clip"] for row in sheet.rows if row["clip"]]
    folders = folders_named(root, names) if options.wants_frames else None
    return read_rows("dfme", sheet, lambda row: _annotation(row, folders))


def _annotation(row: SheetRow, folders: dict[str, Path] | None) -> Annotation:
    folder = None if folders is None else find_name(folders, row["clip"])
    return annotation_of(FACTS, row, folder, fps=read_rate(row["fps"]))
