"""Made-up predictions in the shape of the MEGC 2019 composite, and records of runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tomli_w

from openmer.clip import Prediction
from openmer.evaluation import PredictionTable, RunInfo, Summary, summarise, write_predictions

CLASSES = ("negative", "positive", "surprise")
COMPOSITE = {
    "casme2": (24, (88, 32, 25)),
    "samm": (28, (92, 26, 15)),
    "smic": (16, (70, 51, 43)),
}
"""Subjects and clips per class of each corpus."""


def make_prediction(**changes: object) -> Prediction:
    values: dict[str, object] = {
        "clip": "casme2/sub01/EP02_01f",
        "corpus": "casme2",
        "subject_id": "casme2/sub01",
        "truth": 1,
        "scores": (0.2, 0.7, 0.1),
        "seed": 0,
        "epoch": 3,
    }
    return Prediction(**{**values, **changes})  # type: ignore[arg-type]


def make_predictions(
    *, skill: float = 1.0, seeds: tuple[int, ...] = (0,), corpora: dict | None = None, draw: int = 0
) -> list[Prediction]:
    """One prediction per clip and seed; clips of a subject share how hard the subject is."""
    generator = np.random.default_rng(draw)
    clips = []
    for corpus, (subjects, counts) in (corpora or COMPOSITE).items():
        share = generator.dirichlet(np.full(subjects, 1.2))
        truths = generator.permutation(np.repeat(np.arange(len(counts)), counts))
        first = np.arange(subjects)
        rest = generator.choice(subjects, size=len(truths) - subjects, p=share)
        ease = generator.normal(skill, 0.9, size=subjects)
        for i, (truth, subject_id) in enumerate(zip(truths, [*first, *rest], strict=True)):
            hard = generator.normal(ease[subject_id], 0.8)
            clips.append((corpus, f"{corpus}/s{subject_id + 1:02d}", i, int(truth), hard))
    predictions = []
    for seed in seeds:
        noise = np.random.default_rng([draw, seed])
        for corpus, subject_id, i, truth, ease_of_clip in clips:
            scores = noise.normal(0, 0.7, size=3)
            scores[truth] += ease_of_clip
            scores[0] += 0.4
            predictions.append(
                make_prediction(
                    clip=f"{subject_id}/c{i:03d}",
                    corpus=corpus,
                    subject_id=subject_id,
                    truth=truth,
                    scores=tuple(scores.tolist()),
                    seed=seed,
                    epoch=20,
                )
            )
    return predictions


def make_table(**options: object) -> PredictionTable:
    return PredictionTable.from_predictions(make_predictions(**options), CLASSES)  # type: ignore[arg-type]


def make_run(
    *, predictions: dict | None = None, draws: int = 200, **changes: object
) -> tuple[RunInfo, Summary]:
    """A run's record and its scores; the record fits the predictions unless `changes` say not."""
    summary = summarise(make_table(**(predictions or {})), CLASSES, draws=draws)
    values: dict[str, object] = {
        "method": "ststnet",
        "title": "STSTNet",
        "epoch_rule": "fixed",
        "leaky": False,
        "classes": CLASSES,
        "clips": summary.clips,
        "subjects": summary.subjects,
        "seeds": summary.seeds,
        "parameters": 1670,
        "seconds": 252.0,
        "device": "cpu",
        "strategy": "side by side",
        "command": "openmer evaluate ststnet",
        "method_table": {"name": "ststnet", "training": {"epochs": 800}},
        "data": {"clips_sha256": "5f1c"},
        "versions": {"openmer": "0.1.0"},
    }
    return RunInfo(**{**values, **changes}), summary  # type: ignore[arg-type]


def write_run(
    folder: Path,
    *,
    predictions: dict | None = None,
    without: tuple[str, ...] = (),
    **changes: object,
) -> Path:
    """A run's folder with its record and predictions, those of the clips `without` left out."""
    info, _ = make_run(predictions=predictions, draws=1, **changes)
    kept = [one for one in make_predictions(**(predictions or {})) if one.clip not in without]
    write_predictions(folder / "folds" / "seed0" / "all.parquet", kept, info.classes)
    record = info.model_dump()
    tables = {name: record.pop(name) for name in ("data", "prepared", "source", "versions")}
    tables["method"] = record.pop("method_table")
    del record["failures"], record["seen_subjects"]
    run = {key: list(value) if isinstance(value, tuple) else value for key, value in record.items()}
    (folder / "run.toml").write_text(tomli_w.dumps({"run": run, **tables}), encoding="utf-8")
    return folder
