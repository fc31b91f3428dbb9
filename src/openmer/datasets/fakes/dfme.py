"""A fake DFME: three frame rates, a number for each word, frames with five digits."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import save_book, save_frames
from openmer.datasets.fakes._plan import FakePlan, fake_clips

_HEADER = (
    "Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Emotion", "EmotionId", "Fps",
    "AU",
)  # fmt: skip
_RATES = (200, 300, 500)
_WORDS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")


def write(root: Path, plan: FakePlan) -> None:
    """Write sheet and frames."""
    lines: list[tuple[object, ...]] = []
    for clip in fake_clips("dfme", plan.each(), frames=plan.frames):
        subject, name = f"{clip.subject_id + 1:05}", f"{clip.subject_id + 1:05}_{clip.at + 1:04}"
        lines.append(
            (subject, name, clip.onset, clip.apex, clip.offset, clip.word.capitalize(),
             _WORDS.index(clip.word), _RATES[clip.at % 3], ("4+7", "L14", "12+R6")[clip.at % 3])
        )  # fmt: skip
        if plan.frames:
            save_frames(root / "training" / name, clip, "{:05}.png")
    save_book(root / "training_full_with_AU.xlsx", {"Sheet1": [_HEADER, *lines]})
