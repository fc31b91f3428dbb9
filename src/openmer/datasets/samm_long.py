"""SAMM Long Videos: 343 macro- and 159 micro-expressions in 147 videos at 200 fps, grey.

A copy holds ``SAMM_LongVideos_V3_Release.xlsx`` (or V1, V2), whose header stands below ten lines,
and ``006_1/006_1_0001.jpg``. The corpus is made for spotting and names no emotion: the word of a
clip is its type, "Macro" or "Micro - 1/2". The versions of the sheet differ in rows.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

from openmer.datasets._annotations import Annotation, annotation_of
from openmer.datasets._corrections import read_rows
from openmer.datasets._facts import CorpusFacts, Counts, Options, find_file
from openmer.datasets._reading import Reading
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, padded, read_sheet

_COUNTS = Counts(words=MappingProxyType({"macro": 343, "micro - 1/2": 159}), words_recalled=True)
FACTS = CorpusFacts(
    name="samm_long",
    title="SAMM Long Videos",
    holds="clips",
    paper="Yap et al. (2020), SAMM Long Videos: A Spontaneous Facial Micro- and Macro-Expressions "
    "Dataset, FG 2020",
    access="sign SAMM_ReleaseAgreementV2.pdf and write to M.Yap@mmu.ac.uk",
    terms="non-commercial research; no redistribution; few subjects may be shown in publications",
    fps=Fraction(200),
    variants=MappingProxyType({"V3": _COUNTS, "V2": _COUNTS, "V1": _COUNTS}),
    unsure=(
        "Which version of the sheet has 343 and 159 rows; the others differ.",
        "That frames lie in a folder named as the clip without its last number.",
    ),
)

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
