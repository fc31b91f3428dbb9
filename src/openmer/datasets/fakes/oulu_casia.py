"""A fake Oulu-CASIA: one folder per subject and expression."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import rising, save_image
from openmer.datasets.fakes._plan import FakePlan


def write(root: Path, plan: FakePlan) -> None:
    """Write the camera and light of the plan's variant: every subject shows every expression."""
    top = root / "B_OriginalImg" / "OriginalImg" / plan.variant.replace("-", "/")
    turns: dict[str, int] = {}
    for _, word in plan.each():
        subject_id = turns.get(word, 0)
        turns[word] = subject_id + 1
        folder = top / f"P{subject_id + 1:03}" / word.capitalize()
        folder.mkdir(parents=True, exist_ok=True)
        for index, frame_rgb in enumerate(rising(subject_id, word) if plan.frames else ()):
            save_image(folder / f"{index:03}.jpeg", frame_rgb)
