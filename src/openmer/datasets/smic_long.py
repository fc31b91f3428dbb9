"""SMIC-E: the long videos around the clips of SMIC, at 100 fps (HS) or 25 fps (VIS, NIR).

A copy holds, for each recording, ``HS_long/SMIC-HS-E_annotation.xlsx`` and
``HS_long/SMIC_HS_E/s03/s3_ne_03/image442880.jpg``, whose numbers are those of the camera, as in the
sheet. A video may hold two movements (``OnsetF``, ``Onset2F``): clips end with the number of the
movement, ``s03_ne_03_1``. No apex and no action units are annotated.

A subject here is the one of that id in SMIC, and the movements are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from openmer.datasets._annotations import Annotation
from openmer.datasets._corrections import corrected_reading
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import SheetRow, read_sheet
from openmer.datasets.smic import parse_clip_name

FACTS = declared("smic_long")

_FPS = {"HS": Fraction(100), "VIS": Fraction(25), "NIR": Fraction(25)}
_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetF",),
    "offset": ("OffsetF",),
    "onset2": ("Onset2F",),
    "offset2": ("Offset2F",),
    "emotion": ("Emotion",),
}


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Movements of one recording."""
    name = options.variant
    top = find_folder(FACTS, root, f"{name}_long", f"SMIC-E_raw image/{name}_long")
    path = find_file(
        FACTS, top, f"SMIC-{name}-E_annotation.xlsx", f"SMIC-{name}-E_annotation_2019.xlsx"
    )
    sheet = read_sheet("smic_long", path, _COLUMNS, prefer=name, optional=("onset2", "offset2"))
    frames = None
    if options.wants_frames:
        frames = find_folder(FACTS, top, f"SMIC-{name}-E", f"SMIC_{name}_E")
        frames = frames / name if (frames / name).is_dir() else frames
    found: list[Annotation] = []
    problems: list[Problem] = list(sheet.notes)
    for row in sheet.rows:
        known = parse_clip_name(row["clip"])
        if known is None:
            text = f"{row['clip']!r} is no clip name such as s3_ne_03"
            problems.append(error(f"{path.name} row {row.number}", text))
        else:
            found += _movements(row, known, frames, name)
    return corrected_reading("smic_long", found, problems)


def _movements(
    row: SheetRow, known: tuple[str, str, str], frames: Path | None, recording: str
) -> Iterator[Annotation]:
    """Yield one or two movements of a video."""
    subject, name, word = known
    before = "" if recording == "HS" else f"{recording.lower()}_"
    for number, (onset, offset) in enumerate(
        ((row["onset"], row["offset"]), (row["onset2"], row["offset2"])), start=1
    ):
        if number == 1 or onset:
            yield Annotation(
                corpus="smic_long",
                subject=subject,
                name=f"{before}{name}_{number}",
                emotion=row["emotion"].lower() or word,
                onset=onset,
                offset=offset,
                has_apex=False,
                fps=_FPS[recording],
                folder=None if frames is None else frames / subject / row["clip"],
            )
