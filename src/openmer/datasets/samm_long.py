"""SAMM Long Videos: 343 macro- and 159 micro-expressions in 147 videos at 200 fps, grey.

A copy holds ``SAMM_LongVideos_V3_Release.xlsx`` (or V1, V2), whose header stands below ten lines,
and ``006_1/006_1_0001.jpg``. The corpus is made for spotting and names no emotion: the word of a
clip is its type, "Macro" or "Micro - 1/2". The versions of the sheet differ in rows.
"""

from __future__ import annotations

import re
from pathlib import Path

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import Options, declared, find_file
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet

FACTS = declared("samm_long")

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset", "Onset Frame"),
    "apex": ("Apex", "Apex Frame"),
    "offset": ("Offset", "Offset Frame"),
    "emotion": ("Type",),
    "action_units": ("Action Units",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Micro- and macro-expressions, told apart by their word."""
    path = find_file(FACTS, root, f"SAMM_LongVideos_{options.variant}_Release.xlsx")
    sheet = read_sheet("samm_long", path, _COLUMNS)
    places = [root, *sorted(path for path in root.iterdir() if path.is_dir())]
    used = places if options.wants_frames else []
    return read_rows("samm_long", sheet, lambda row: _annotation(row, used))


def _annotation(row: SheetRow, places: list[Path]) -> Annotation:
    video = re.sub(r"_\d+$", "", row["clip"])
    found = (place / name for place in places for name in (row["clip"], video))
    folder = next((path for path in found if path.is_dir()), places[0] / video if places else None)
    return annotation_of(FACTS, row, folder, subject=padded(row["subject"], 3))
