"""A fake SMIC-E: a sheet of camera counters, and a video that holds two movements."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_SUBJECTS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20)
_SHORT = {"negative": "ne", "positive": "po", "surprise": "sur"}
_HEADER = (
    "Subject", "Filename", None, "OnsetF", "OffsetF", "Onset2F", "Offset2F", None, "FirstF",
    "LastF", "TotalMF1", "TotalMF2", "TotalVL", "Emotion",
)  # fmt: skip


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and frames of the recording of the plan's variant."""
    top = root / f"{plan.variant}_long"
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("smic", plan.each(), frames=plan.frames, spread=442880):
        number = _SUBJECTS[clip.subject_id]
        name = f"s{number}_{_SHORT[clip.word]}_{clip.at + 1:02}"
        second = (clip.offset + 1, clip.offset + 3) if clip.at == 0 else (None, None)
        last = clip.first + (len(clip.movie.frames_rgb) - 1 if clip.movie else 20)
        lines.append(
            (number, name, None, clip.onset, clip.offset, *second, None, clip.first, last,
             clip.offset - clip.onset + 1, None, last - clip.first + 1, clip.word)
        )  # fmt: skip
        folder = top / f"SMIC_{plan.variant}_E" / f"s{number:02}" / name
        save_frames(folder, clip, "image{}.jpg")
    notes: list[tuple[object, ...]] = [("Frames are counted by the camera",)]
    sheets = {"Notes": notes, plan.variant: [_HEADER, *lines]}
    save_book(top / f"SMIC-{plan.variant}-E_annotation.xlsx", sheets)
