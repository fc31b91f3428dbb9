"""A fake RAF-DB: the list with its misspelt name, aligned and original images."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import expression_image, save_image
from openmer.datasets.fakes._plan import FakePlan

_CODES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


def write(root: Path, plan: FakePlan) -> None:
    """Write list and images; every fourth is of the test part."""
    lines = []
    for at, (subject_id, word) in enumerate(plan.each(), start=1):
        name = f"{'train' if at % 4 else 'test'}_{at:05}"
        lines.append(f"{name}.jpg {_CODES.index(word) + 1}")
        if plan.frames:
            images = root / "basic" / "Image"
            save_image(
                images / "aligned" / f"{name}_aligned.jpg", expression_image(subject_id, word)
            )
            save_image(images / "original" / f"{name}.jpg", expression_image(subject_id, word))
    labels = root / "basic" / "EmoLabel" / "list_patition_label.txt"
    labels.parent.mkdir(parents=True, exist_ok=True)
    labels.write_text("\n".join(lines) + "\n", encoding="utf-8")
