"""What the crop of a face does to the model that comes with OpenMER.

    python benchmarks/default_crop.py

Scores the 72 clips of the synthetic corpus with several crops of the same frames and writes
benchmarks/results/default_crop.csv. The model was trained on tight crops: eyebrows near the upper
edge, chin near the lower one. The clips show drawn faces: the rows speak of the crop, and nothing
in them of how well the model does on people. No licensed data is needed.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from openmer.cli._console import output
from openmer.clip import Clip
from openmer.datasets import label_scheme, read_manifest, write_corpus
from openmer.deployment import FittedModel, default_model
from openmer.evaluation import confusion_matrix, uf1

TABLE = Path(__file__).parent / "results" / "default_crop.csv"
EYES_XY, EYE_DISTANCE = (0.5, 0.47), 0.225  # of a drawn face, in sides of the frame
CROPS = ((0.225, 0.47), (0.3, 0.4), (0.35, 0.35), (0.4, 0.3), (0.45, 0.27), (0.55, 0.25))
"""Distance of the eyes and their height below the upper edge, in sides of the crop."""


def main() -> None:
    """Score every crop and write the table."""
    model = default_model()
    with tempfile.TemporaryDirectory() as folder:
        clips = read_manifest(write_corpus(Path(folder) / "corpus", "demo"))
        cut = Path(folder) / "cut"
        cut.mkdir()
        rows = [_row(model, clips, crop, cut) for crop in CROPS]
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    output.print(TABLE.read_text(encoding="utf-8"))


def _row(
    model: FittedModel, clips: Sequence[Clip], crop: tuple[float, float], folder: Path
) -> dict[str, str]:
    classes = model.record.classes
    words = label_scheme(model.record.label_scheme).words
    truth = np.array([classes.index(words[clip.emotion.lower()]) for clip in clips])
    prepared = [model.prepare_clip(_cropped(clip, crop, folder)) for clip in clips]
    scores = [model.scores(one[None])[0] for one in prepared]
    decided = [model.record.decide(one.tolist()) for one in scores]
    predicted = np.array([classes.index(one.likeliest) for one in decided])
    answered = np.array([one.class_name is not None for one in decided])
    right = (predicted == truth)[answered].mean() if answered.any() else np.nan
    numbers = {
        "eye_distance": crop[0],
        "eyes_y": crop[1],
        "uf1": float(uf1(confusion_matrix(truth, predicted, num_classes=len(classes)))),
        "confidence": np.mean([one.confidence for one in decided]),
        "answered": answered.mean(),
        "right": right,
    }
    return {name: f"{number:.3f}" for name, number in numbers.items()}


def _cropped(clip: Clip, crop: tuple[float, float], folder: Path) -> Clip:
    """Onset and apex of a clip, cut; the next clip takes the place of their files."""
    paths = []
    for number in (clip.onset, clip.apex):
        frame = cv2.imread(str(clip.frame_paths[number]))
        side = EYE_DISTANCE / crop[0]
        left, top = EYES_XY[0] - side / 2, EYES_XY[1] - crop[1] * side
        x, y, length = (round(value * len(frame)) for value in (left, top, side))
        paths.append(folder / f"frame{len(paths)}.png")
        cv2.imwrite(str(paths[-1]), frame[y : y + length, x : x + length])
    return replace(clip, frame_paths=tuple(paths), onset=0, apex=1, offset=1)


if __name__ == "__main__":
    main()
