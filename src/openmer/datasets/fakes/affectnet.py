"""A fake AffectNet: a training list with a header, a validation list without."""

from __future__ import annotations

import csv
from pathlib import Path

from openmer.datasets.fakes._files import expression_image, save_image
from openmer.datasets.fakes._plan import FakePlan

_HEADER = (
    "subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks",
    "expression", "valence", "arousal",
)  # fmt: skip
_CODES = (
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt", "none",
    "uncertain", "no-face",
)  # fmt: skip


def write(root: Path, plan: FakePlan) -> None:
    """Write the list of the plan's variant, and images."""
    table = root / "Manually_Annotated_file_lists" / f"{plan.variant}.csv"
    table.parent.mkdir(parents=True, exist_ok=True)
    with table.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        if plan.variant == "training":
            lines.writerow(_HEADER)
        for at, (subject_id, word) in enumerate(plan.each()):
            path = f"{at % 3 + 1}/{at:032x}.jpg"
            lines.writerow((path, 0, 0, 80, 80, "1;2;3;4", _CODES.index(word), 0.1, -0.2))
            if plan.frames:
                save_image(
                    root / "Manually_Annotated_Images" / path, expression_image(subject_id, word)
                )
