"""A fake CAS(ME)^2: a sheet without a header, folders behind two naming rules, an offset of 0."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_VIDEOS = {"anger1": "0401", "disgustingteeth": "0101", "happy2": "0502"}
_OTHER_KIND = {"micro": "macro", "macro": "micro"}


def write(root: Path, plan: FakePlan) -> None:
    """Write the three sheets, raw and cropped frames; every seventh clip is of the other type."""
    items = plan.each()
    items += [(0, items[0][1])]
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("casme_squared", items, frames=plan.frames):
        subject_id = clip.subject_id + 15
        video = list(_VIDEOS)[clip.at % 3]
        kind = plan.variant if clip.at < len(items) - 1 else _OTHER_KIND[plan.variant]
        offset = 0 if clip.at == 1 else clip.offset
        lines.append(
            (subject_id - 14, f"{video}_{clip.at + 1}", clip.onset, clip.apex, offset, "4+7",
             clip.word, f"{kind}-expression", "calm")
        )  # fmt: skip
        if plan.frames:
            below = Path(f"s{subject_id}") / f"{subject_id}_{_VIDEOS[video]}{video}"
            save_frames(root / "rawpic" / below, clip, "img{}.jpg")
            save_frames(root / "cropped" / below, clip, "img{}.jpg")
    subjects = [(f"s{number + 15}", number + 1) for number in range(plan.subjects)]
    videos = [(video, int(code)) for video, code in _VIDEOS.items()]
    save_book(
        root / "CAS(ME)^2code_final(Updated).xlsx",
        {"CASFEcode_final": lines, "naming rule1": subjects, "naming rule2": videos},
    )
