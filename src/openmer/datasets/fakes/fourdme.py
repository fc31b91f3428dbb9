"""A fake 4DME: flag columns, one clip with two labels and no text."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_FLAGS = ("Positive", "Negative", "Surprise", "Repression", "Others")
_HEADER = ("sub_ID", "fold_name", "Emotion", *_FLAGS, "Onset", "Apex", "Offset", "AUs", "eye blink")
_TWO_LABELS = 3


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and grey frames."""
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("fourdme", plan.each(), frames=plan.frames, spread=1826):
        subject = f"sub{clip.subject_id + 1:02}"
        name = f"{subject}_clip{clip.at + 1:03}"
        words = {clip.word.capitalize()}
        if clip.at == _TWO_LABELS:
            words |= {"Negative", "Surprise"}
        text = clip.word.capitalize() if len(words) == 1 else None
        flags = (int(flag in words) for flag in _FLAGS)
        interval = (clip.onset, clip.apex, clip.offset)
        lines.append((subject, name, text, *flags, *interval, "AU4+AU7(k)", 0))
        if plan.frames:
            save_frames(root / "gray" / subject / name, clip, "Frame_{:09}.jpg", grey=True)
    save_book(root / "4DME_Labelling_Micro_release v1.xlsx", {"Sheet1": [_HEADER, *lines]})
