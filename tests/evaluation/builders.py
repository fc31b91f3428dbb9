"""Made-up predictions in the shape of the MEGC 2019 composite, and records of runs."""

from __future__ import annotations

import numpy as np

from openmer.clip import Prediction

CLASSES = ("negative", "positive", "surprise")
COMPOSITE = {
    "casme2": (24, (88, 32, 25)),
    "samm": (28, (92, 26, 15)),
    "smic": (16, (70, 51, 43)),
}
"""Persons and clips per class of each corpus."""


def make_prediction(**changes: object) -> Prediction:
    values: dict[str, object] = {
        "clip": "casme2/sub01/EP02_01f",
        "corpus": "casme2",
        "person": "casme2/sub01",
        "truth": 1,
        "scores": (0.2, 0.7, 0.1),
        "seed": 0,
        "epoch": 3,
    }
    return Prediction(**{**values, **changes})  # type: ignore[arg-type]


def make_predictions(
    *, skill: float = 1.0, seeds: tuple[int, ...] = (0,), corpora: dict | None = None, draw: int = 0
) -> list[Prediction]:
    """One prediction per clip and seed; clips of a person share how hard the person is."""
    generator = np.random.default_rng(draw)
    clips = []
    for corpus, (persons, counts) in (corpora or COMPOSITE).items():
        share = generator.dirichlet(np.full(persons, 1.2))
        truths = generator.permutation(np.repeat(np.arange(len(counts)), counts))
        first = np.arange(persons)
        rest = generator.choice(persons, size=len(truths) - persons, p=share)
        ease = generator.normal(skill, 0.9, size=persons)
        for i, (truth, person) in enumerate(zip(truths, [*first, *rest], strict=True)):
            hard = generator.normal(ease[person], 0.8)
            clips.append((corpus, f"{corpus}/s{person + 1:02d}", i, int(truth), hard))
    predictions = []
    for seed in seeds:
        noise = np.random.default_rng([draw, seed])
        for corpus, person, i, truth, ease_of_clip in clips:
            scores = noise.normal(0, 0.7, size=3)
            scores[truth] += ease_of_clip
            scores[0] += 0.4
            predictions.append(
                make_prediction(
                    clip=f"{person}/c{i:03d}",
                    corpus=corpus,
                    person=person,
                    truth=truth,
                    scores=tuple(scores.tolist()),
                    seed=seed,
                    epoch=20,
                )
            )
    return predictions
