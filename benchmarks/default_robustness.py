"""What a wrong onset or apex, the frame rate and the size of a face do to the default model.

    python benchmarks/default_robustness.py

Renders 72 clips of 12 synthetic subjects whose movements last 0.23 to 0.5 s, scores onset and apex
by the model that comes with OpenMER, and writes benchmarks/results/default_robustness.csv. Jitter
of k frames moves onset and apex, each by -k..k frames, drawn evenly (two draws of seed 0; the
apex stays at least one frame behind the onset). As in `analyze`, motion is taken from a little
before the onset (`LEAD_S`). Sizes are of the tight crop, which the step
`average` then reduces. The clips show drawn faces: the rows speak of losses, and nothing in them
of how well the model does on people. No licensed data is needed.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from default_crop import EYE_DISTANCE, EYES_XY

from openmer.cli._console import output
from openmer.clip import Clip
from openmer.datasets import label_scheme
from openmer.datasets.synthetic._clips import SyntheticClip, generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.deployment import FittedModel, default_model
from openmer.evaluation import confusion_matrix, uf1
from openmer.video._recognize import LEAD_S

TABLE = Path(__file__).parent / "results" / "default_robustness.csv"
CROP = (0.45, 0.27)  # distance of the eyes and their height below the edge, in sides of the crop
FRAME_PX, USUAL_PX, DRAWS = 320, 160, 2
LASTS_S = (0.25, 0.5)

Row = dict[str, str]


def main() -> None:
    """Score every row and write the table."""
    model = default_model()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(model, Path(folder)))
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    output.print(TABLE.read_text(encoding="utf-8"))


def _rows(model: FittedModel, folder: Path) -> Iterator[Row]:
    """Score as annotated, with jitter, at other sizes, and at other frame rates."""
    for fps in (30, 25, 60):
        clips = list(generate(_plan(fps)))
        yield _row(model, clips, folder, fps=fps)
        if fps == 30:
            for jitter in (1, 2, 3):
                yield _row(model, clips, folder, fps=fps, jitter=jitter)
            for side_px in (60, 100, 300):
                yield _row(model, clips, folder, fps=fps, side_px=side_px)


def _plan(fps: int) -> CorpusPlan:
    frames = tuple(max(7, round(fps * seconds)) for seconds in LASTS_S)
    subjects = tuple(f"s{number:02}" for number in range(12))
    part = Part(
        corpus="drawn", subjects=subjects, fps=Fraction(fps), movement_frames=(frames[0], frames[1])
    )
    return CorpusPlan(
        parts=(part,), clips_per_subject=6, frame_size=FRAME_PX, amplitude_px=(1.0, 6.0)
    )


def _row(
    model: FittedModel,
    clips: Sequence[SyntheticClip],
    folder: Path,
    *,
    fps: int,
    jitter: int = 0,
    side_px: int = USUAL_PX,
) -> Row:
    rng = np.random.default_rng(0)
    classes = model.record.classes
    words = label_scheme(model.record.label_scheme).words
    truth, predicted, answered = [], [], []
    for _ in range(DRAWS if jitter else 1):
        for made in clips:
            prepared = model.prepare_clip(_stills(made, jitter, side_px, rng, folder))
            scores = model.scores(prepared[None])[0]
            decided = model.record.decide(scores.tolist())
            truth.append(classes.index(words[made.clip.emotion.lower()]))
            predicted.append(classes.index(decided.likeliest))
            answered.append(decided.class_name is not None)
    right = np.equal(truth, predicted)[answered].mean()
    score = uf1(confusion_matrix(np.array(truth), np.array(predicted), num_classes=len(classes)))
    row = {"fps": f"{fps}", "jitter_frames": f"{jitter}", "side_px": f"{side_px}"}
    numbers = {"uf1": float(score), "answered": float(np.mean(answered)), "right": float(right)}
    return row | {name: f"{number:.3f}" for name, number in numbers.items()}


def _stills(
    made: SyntheticClip, jitter: int, side_px: int, rng: np.random.Generator, folder: Path
) -> Clip:
    """Onset and apex of a clip as they were found, cut and scaled; they take the place of files."""
    last = len(made.frames_rgb) - 1
    onset, apex = (
        int(number + rng.integers(-jitter, jitter + 1))
        for number in (made.clip.onset or 0, made.true_apex)
    )
    onset = min(max(0, onset), last - 1)
    apex = min(max(onset + 1, apex), last)
    onset = max(0, onset - int(LEAD_S * (made.clip.fps or 0)))
    side = EYE_DISTANCE / CROP[0]
    left, top = EYES_XY[0] - side / 2, EYES_XY[1] - CROP[1] * side
    x, y, length = (round(value * FRAME_PX) for value in (left, top, side))
    paths = []
    for number in (onset, apex):
        crop = made.frames_rgb[number][y : y + length, x : x + length, ::-1]
        paths.append(folder / f"frame{len(paths)}.png")
        scaled = cv2.resize(crop, (side_px, side_px), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(paths[-1]), scaled)
    return replace(made.clip, frame_paths=tuple(paths), onset=0, apex=1, offset=1)


if __name__ == "__main__":
    main()
