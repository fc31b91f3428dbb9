"""A fake MMEW: an apex after the offset, a folder that disagrees with the sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units",
    "Estimated Emotion", "remarks",
)  # fmt: skip
_LATE_APEX = 2  # this clip's apex is after its offset


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and frames, which count from 1 in every clip."""
    lines: list[tuple[object, ...]] = []
    for made in fake_clips("mmew", plan.each(), frames=plan.frames):
        shift = made.first - 1
        clip = replace(
            made, first=1, onset=made.onset - shift, apex=made.apex - shift,
            offset=made.offset - shift,
        )  # fmt: skip
        subject = f"S{clip.subject_id + 1:02}"
        name = f"{subject}-{clip.at % 7 + 1:02}-{clip.at + 1:03}"
        apex = clip.offset + 1 if clip.at == _LATE_APEX else clip.apex
        lines.append((subject, name, clip.onset, apex, clip.offset, "4+7", clip.word, None))
        if plan.frames:
            folder = "repression" if clip.word == "others" else clip.word
            save_frames(root / "Micro_Expression" / folder / name, clip, "{}.jpg")
    save_book(root / "MMEW_Micro_Exp.xlsx", {"Sheet1": [_HEADER, *lines]})
