"""A fake JAFFE: everything is in the file names."""

from __future__ import annotations

from pathlib import Path

from openmer.datasets.fakes._files import expression_image, save_image
from openmer.datasets.fakes._plan import FakePlan

_SUBJECTS = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
_CODES = {
    "anger": "AN",
    "disgust": "DI",
    "fear": "FE",
    "happiness": "HA",
    "neutral": "NE",
    "sadness": "SA",
    "surprise": "SU",
}


def write(root: Path, plan: FakePlan) -> None:
    """Write the images; without frames the files are empty."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "README_FIRST.txt").write_text("A fake.\n", encoding="utf-8")
    for at, (subject_id, word) in enumerate(plan.each(), start=1):
        path = root / f"{_SUBJECTS[subject_id]}.{_CODES[word]}{at % 4 + 1}.{at}.tiff"
        if plan.frames:
            save_image(path, expression_image(subject_id, word), grey=True)
        else:
            path.touch()
