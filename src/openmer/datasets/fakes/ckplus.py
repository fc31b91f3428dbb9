"""A fake CK+: labels as numbers in scientific notation, sequences without a label."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import rising, save_image
from openmer.datasets.fakes._plan import FakePlan

_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")


def write(root: Path, plan: FakePlan) -> None:
    """Write images and labels; the last sequence has an empty folder for its label."""
    (root / "cohn-kanade-images").mkdir(parents=True, exist_ok=True)
    items = [*plan.each(), (0, "unlabelled")]
    for at, (subject_id, word) in enumerate(items):
        turn = at // max(1, plan.subjects) + 1 if word in _CODES else 900
        subject, number = f"S{5 + subject_id:03}", f"{turn:03}"
        frames = rising(subject_id, word) if plan.frames else ()
        for index, frame_rgb in enumerate(frames, start=1):
            name = f"{subject}_{number}_{index:08}.png"
            save_image(root / "cohn-kanade-images" / subject / number / name, frame_rgb, grey=True)
        label = root / "Emotion" / subject / number
        label.mkdir(parents=True, exist_ok=True)
        if word in _CODES:
            last = len(frames) or 11
            file = label / f"{subject}_{number}_{last:08}_emotion.txt"
            file.write_text(f"   {_CODES.index(word):.7e}\n", encoding="utf-8")
