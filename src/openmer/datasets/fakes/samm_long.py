"""A fake SAMM Long Videos: ten rows above the header, several clips in one flat video folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
    "Action Units", "Notes",
)  # fmt: skip


def write(root: Path, plan: FakePlan) -> None:
    """Write the sheet of the plan's variant, and frames."""
    lines: list[tuple[object, ...]] = []
    for made in fake_clips("samm_long", plan.each(), frames=plan.frames, spread=1):
        turn = made.at // plan.subjects
        shift = 100 * turn
        clip = replace(
            made, first=made.first + shift, onset=made.onset + shift, apex=made.apex + shift,
            offset=made.offset + shift,
        )  # fmt: skip
        number = clip.subject_id + 6
        video = f"{number:03}_1"
        kind = "Macro" if clip.word == "macro" else "Micro - 1/2"
        lines.append(
            (number, f"{video}_{turn + 1}", 1, clip.onset, clip.apex, clip.offset,
             clip.offset - clip.onset + 1, kind, "4+7", None)
        )  # fmt: skip
        if plan.frames:
            save_frames(root / video, clip, f"{video}_{{:04}}.jpg", grey=True)
    preamble: list[tuple[object, ...]] = [(f"Line {number}",) for number in range(1, 11)]
    sheets = {"Sheet1": [*preamble, _HEADER, *lines]}
    save_book(root / f"SAMM_LongVideos_{plan.variant}_Release.xlsx", sheets)
