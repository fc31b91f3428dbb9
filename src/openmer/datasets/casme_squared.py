"""CAS(ME)^2: 57 micro- and 300 macro-expressions in long videos of 22 subjects at 30 fps.

A copy holds ``CAS(ME)^2code_final(Updated).xlsx`` and
``rawpic/s15/15_0101disgustingteeth/img###.jpg``. The sheet CASFEcode_final has no header; its
columns are subject, clip, onset, apex, offset, action units, emotion, type, and what the subject
said it was. Two more sheets name the folders: "naming rule1" subject to ``s15``, "naming rule2"
video to a code of four digits (``disgustingteeth`` is 0101). An onset, apex or offset of 0 is not
known.
"""

from __future__ import annotations

import re
from pathlib import Path

from openmer.datasets._annotations import Annotation
from openmer.datasets._corrections import corrected_reading
from openmer.datasets._facts import Options, declared, find_file, find_folder
from openmer.datasets._reading import Problem, Reading, error
from openmer.datasets._registry import register_corpus
from openmer.datasets._sheets import plain, read_cells

FACTS = declared("casme_squared")

_FOLDERS = {"raw": "rawpic", "selected": "selectedpic", "cropped": "cropped"}
_FIELDS = ("subject_id", "clip", "onset", "apex", "offset", "action_units", "emotion", "kind")


@register_corpus(FACTS)
def read(root: Path, options: Options) -> Reading:
    """Clips of one type."""
    book = find_file(FACTS, root, "CAS(ME)^2code_final(Updated).xlsx", "CAS(ME)^2code_final.xlsx")
    frames = find_folder(FACTS, root, _FOLDERS[options.frames]) if options.wants_frames else None
    subjects = _pairs(book, "naming rule1", r"s\d+", r"\d+")
    videos = _pairs(book, "naming rule2", r"\d{3,4}", r".*[A-Za-z].*")
    found: list[Annotation] = []
    problems: list[Problem] = []
    for number, line in read_cells(book, "CASFEcode_final"):
        cells = dict(zip(_FIELDS, line, strict=False))
        if plain(cells.get("kind", "")) not in ("microexpression", "macroexpression"):
            text = f"type {cells.get('kind', '')!r} is neither micro- nor macro-expression"
            problems.append(error(f"{book.name} row {number}", text))
        elif plain(cells["kind"]).startswith(options.variant):
            found.append(_annotation(cells, subjects, videos, frames))
    return corrected_reading("casme_squared", found, problems)


def _pairs(book: Path, sheet: str, folder: str, known_by: str) -> dict[str, str]:
    """Read a naming rule: from the cell that looks like `known_by` to the one like `folder`."""
    pairs = {}
    for _, line in read_cells(book, sheet):
        cells = [cell for cell in line if cell]
        target = next((cell for cell in cells if re.fullmatch(folder, cell)), None)
        keys = [cell for cell in cells if cell != target and re.fullmatch(known_by, cell)]
        if target is not None and keys:
            pairs[plain(keys[0])] = target
    return pairs


def _annotation(
    cells: dict[str, str], subjects: dict[str, str], videos: dict[str, str], frames: Path | None
) -> Annotation:
    subject = subjects.get(cells["subject_id"], f"s{cells['subject_id']}")
    video = re.sub(r"_\d+$", "", cells["clip"])
    code = videos.get(plain(video), "").zfill(4)
    folder = None
    if frames is not None:
        folder = frames / subject / f"{subject[1:]}_{code}{video}"
    return Annotation(
        corpus="casme_squared",
        subject=subject,
        name=cells["clip"],
        emotion=cells["emotion"],
        onset=cells["onset"],
        apex=cells["apex"],
        offset=cells["offset"],
        fps=FACTS.fps,
        action_units=cells["action_units"],
        folder=folder,
    )
