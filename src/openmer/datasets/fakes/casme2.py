"""A fake CASME II: unnumbered columns, a "/" for an apex, unpadded file names."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakeClip, FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", None, "OnsetFrame", "ApexFrame", "OffsetFrame", None, "Action Units",
    "Estimated Emotion",
)  # fmt: skip
_UNITS = ("4", "4+7", "4+L10", "R6+R12", "?", "1+2")
_ONLY_OTHERS = (9, 17)  # sub10 and sub18 have no clip in the composite
_AT_OFFSET = range(4, 8)  # clips whose apex is their offset


def write(root: Path, plan: FakePlan) -> None:
    """Write the coding of the plan's variant, raw and cropped frames."""
    subjects = range(1, 27) if plan.full else (4, 5, 17)
    clips = fake_clips("casme2", _items(plan), frames=plan.frames)
    lines: list[tuple[object, ...]] = []
    for clip in clips:
        subject, name = subjects[clip.subject_id], _name(clip)
        apex = _apex(clip, name)
        lines.append(
            (subject, name, None, clip.onset, apex, clip.offset, None,
             _UNITS[clip.at % len(_UNITS)], clip.word)
        )  # fmt: skip
        if plan.frames:
            below = Path(f"sub{subject:02}") / name
            save_frames(root / "CASME2_RAW_selected" / below, clip, "img{}.jpg")
            save_frames(root / "Cropped" / below, clip, "reg_img{}.jpg")
    header: tuple[object, ...] = _HEADER
    if plan.variant == "2019":
        header, lines = (*header, "Objective Classes"), [(*line, 1) for line in lines]
    date = {"2014": "20140508", "2019": "20190701"}[plan.variant]
    save_book(root / f"CASME2-coding-{date}.xlsx", {"Sheet1": [header, *lines]})


def _items(plan: FakePlan) -> list[tuple[int, str]]:
    """Disgust first: its first two clips belong to sub04 and sub05 and have no usable apex."""
    words = sorted(plan.each(), key=lambda item: item[1] != "disgust")
    plain = [at for at in range(plan.subjects) if not plan.full or at not in _ONLY_OTHERS]
    items = [(plain[at % len(plain)], word) for at, (_, word) in enumerate(words)]
    first = (3, 4) if plan.full else (0, 1)
    items[:2] = [(first[0], "disgust"), (first[1], "disgust")]
    if plan.full:
        others = [at for at, (_, word) in enumerate(items) if word == "others"]
        for at, subject_id in zip(others, _ONLY_OTHERS, strict=False):
            items[at] = (subject_id, "others")
    return items


def _name(clip: FakeClip) -> str:
    if clip.at < 2:
        return ("EP12_01f", "EP09_05f")[clip.at]
    if clip.at == 2:
        return "EP08f"
    return f"EP{clip.at % 7 + 1:02}_{clip.at}" + ("f" if clip.at % 2 else "")


def _apex(clip: FakeClip, name: str) -> object:
    if clip.at < 2:
        return "/" if name == "EP12_01f" else clip.onset
    return clip.offset if clip.at in _AT_OFFSET else clip.apex
