"""The few makers of test data that most tests need."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from openmer.clip import Clip
from openmer.training import (
    FitJob,
    LossConfig,
    ModelConfig,
    NetworkSpec,
    NetworkTraining,
    TrainingData,
)

WITHOUT_EPOCHS = (
    *(
        "flow-svm",
        "flow-svm-stretched",
        "flow-kernel",
        "flow-kernel-compact",
        "hoof",
        "mdmo",
        "bi-woof",
    ),
    *("lbp-top", "lbp-top-magnified", "lbp-sip", "hog-top", "higo-top", "bi-woof-phase", "fdm"),
)


def make_clip(corpus="demo", subject="s01", name="a", **changes):
    """A clip with every field set, unless changed."""
    fields = {"emotion": "happiness", "onset": 0, "apex": 4, "offset": 9, "fps": Fraction(200)}
    return Clip(corpus=corpus, subject=subject, name=name, **(fields | changes))


def make_data(clips=24, size=8, channels=3, classes=3, seed=0, *, flipped=True):
    """Random maps whose class shifts one corner, so that there is something to learn."""
    rng = np.random.default_rng(seed)
    targets = np.arange(clips) % classes
    inputs = rng.normal(size=(clips, channels, size, size)).astype(np.float32)
    inputs[:, 0, :3, :3] += 3 * targets[:, None, None]
    copies = None
    if flipped:
        copies = inputs[..., ::-1].copy()
        copies[:, 0] *= -1
    return TrainingData(
        inputs=inputs, targets=targets.astype(np.int64), num_classes=classes, flipped=copies
    )


def make_subjects(clips=24):
    """Subjects of unequal sizes: 1, 2, 3, ... clips, the rest to the last one."""
    subjects, number = [], 1
    while len(subjects) < clips:
        subjects += [f"demo/s{number}"] * min(number, clips - len(subjects))
        number += 1
    return subjects


def make_jobs(subjects, seed=0, validation=None):
    """One job per subject; `validation` makes a `Validation` from the test clips."""
    jobs = []
    for subject_id in sorted(set(subjects)):
        test = tuple(i for i, other in enumerate(subjects) if other == subject_id)
        train = tuple(i for i, other in enumerate(subjects) if other != subject_id)
        watched = validation(test) if validation else None
        jobs.append(
            FitJob(subject_id=subject_id, seed=seed, train=train, predict=test, validation=watched)
        )
    return jobs


def make_spec(model="flow_mlp", data=None, parameters=None, loss=None, **training):
    """A network on the shape of `data`, with a budget of two epochs unless changed."""
    data = data or make_data()
    settings = {"epochs": 2, "batch_size": 7, "learning_rate": 0.01} | training
    return NetworkSpec(
        model=ModelConfig(name=model, parameters=parameters or {}),
        loss=loss or LossConfig(),
        training=NetworkTraining(**settings),
        num_classes=data.num_classes,
        input_shape=data.inputs.shape[1:],
    )


def make_task(method="flow-mlp", overrides=(), data=None, subjects=None):
    """A task on random maps, without files behind its clips."""
    from openmer.datasets import label_scheme
    from openmer.evaluation import Task
    from openmer.evaluation._splits import leave_one_subject_out
    from openmer.methods import load_method

    data = data or make_data(flipped=True)
    subjects = subjects or make_subjects(data.clips)
    scheme = label_scheme("megc2019-3")
    clips = [
        make_clip(*subject_id.split("/"), name=f"c{i}", emotion=scheme.classes[target])
        for i, (subject_id, target) in enumerate(zip(subjects, data.targets, strict=True))
    ]
    return Task(
        method=load_method(
            method, overrides if method in WITHOUT_EPOCHS else ("training.epochs=3", *overrides)
        ),
        clips=tuple(clips),
        scheme=scheme,
        data=data,
        folds=leave_one_subject_out(subjects),
    )
