"""A fake CASME: unnamed columns, two columns for the apex, subjects as numbers."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", None, "OnsetF", "ApexF1", "ApexF2", "OffsetF", None, "Onset", "Total",
    "AU", "Emotion",
)  # fmt: skip


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and frames."""
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("casme", plan.each(), frames=plan.frames):
        subject, name = clip.subject_id + 1, f"EP{clip.at % 9 + 1:02}_{clip.at + 1}"
        length = clip.offset - clip.onset + 1
        lines.append(
            (subject, name, None, clip.onset, clip.apex, 0, clip.offset, None, length / 2, length,
             ("4", "L12+R6", "1 or 2", "?")[clip.at % 4], clip.word)
        )  # fmt: skip
        if plan.frames:
            save_frames(root / "Cropped" / f"sub{subject:02}" / name, clip, "reg_{}.jpg")
    save_book(root / "CASME-coded-20190721.xlsx", {"Sheet1": [_HEADER, *lines]})
