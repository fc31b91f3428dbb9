"""A fake SAMM: thirteen rows above the header, grey frames, ids without their zeros."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame",
    "Duration", "Micro", "Action Units", "Estimated Emotion", "Objective Classes", "Notes",
)  # fmt: skip
_UNITS = ("4+7", "5B+24", "7C", "ref(L10)+A12B", "R12 or R15", "/")
_SUBJECTS = [number for number in range(6, 38) if number not in (8, 27, 29)]
_ONLY_OTHER = 25  # has no clip in the composite


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and frames."""
    subjects = _SUBJECTS if plan.full else [6, 7, _ONLY_OTHER]
    plain = [at for at, number in enumerate(subjects) if number != _ONLY_OTHER]
    items = [(plain[at % len(plain)], word) for at, (_, word) in enumerate(plan.each())]
    other = next(at for at, (_, word) in enumerate(items) if word == "other")
    items[other] = (subjects.index(_ONLY_OTHER), "other")
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("samm", items, frames=plan.frames, spread=990):
        number = subjects[clip.subject_id]
        name = f"{number:03}_{clip.at % 7 + 1}_{clip.at + 1}"
        duration = clip.offset - clip.onset + 1
        lines.append(
            (number, name, clip.at % 7 + 1, clip.onset, clip.apex, clip.offset, duration,
             "Micro - 1/2", _UNITS[clip.at % len(_UNITS)], clip.word.capitalize(), 1, None)
        )  # fmt: skip
        if plan.frames:
            digits = "{:04}" if clip.at % 2 else "{:05}"
            folder = root / "SAMM" / f"{number:03}" / name
            save_frames(folder, clip, f"{number:03}_{digits}.jpg", grey=True)
    preamble: list[tuple[object, ...]] = [("About this sheet", f"line {n}") for n in range(1, 14)]
    save_book(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"MICRO_ONLY": [*preamble, _HEADER, *lines]})
