"""The honest ground: a corpus of drawn faces, a small trainer, and folds by subject.

A leak changes one thing of it. Nothing here needs more than NumPy and Pillow, but the records that
openmer's own audit takes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image, ImageFilter

from openmer.clip import Clip
from openmer.datasets import label_scheme
from openmer.evaluation import Task
from openmer.evaluation._splits import leave_one_subject_out
from openmer.methods import load_method
from openmer.models import create_model, save_weights
from openmer.preprocessing import Recipe
from openmer.preprocessing.steps._step import STEPS, Step
from openmer.training import FitJob, FitResult, Searched, TrainingData
from openmer.training._folds import digest

CLASSES = ("negative", "positive", "surprise")
EMOTIONS = ("disgust", "happiness", "surprise")
SIZES = (5, 4, 3, 3, 2)  # clips of each subject
SIDE = 128  # pixels of a frame


@dataclass(frozen=True)
class Case:
    """What an auditor is given.

    Attributes:
        task: Clips with frames on disk, their arrays and labels, folds, and the method.
        fit: ``fit(data, jobs)`` trains one model per job on ``job.train`` and scores
            ``job.predict``; both are indices into ``data.inputs`` and ``data.targets``.
        epoch_rule: How the epoch is chosen.
        images: Images that made the weights which the folds start from, where they are at hand.
    """

    task: Task
    fit: Callable[[TrainingData, Sequence[FitJob]], Sequence[FitResult]]
    epoch_rule: str = "fixed"
    images: Sequence[Path] = ()

    def with_clips(self, clips: Sequence[Clip]) -> Case:
        """The same with other clips, whose arrays and folds are made again."""
        return replace(self, task=task_of(clips, self.task.method.model_copy()))


class Trainer:
    """Softmax regression by gradient descent; each leak overrides one step."""

    epochs = 6

    def __call__(self, data, jobs):
        return [self.fold(data, job) for job in jobs]

    def fold(self, data, job):
        scale = self.statistics(data, job)
        weights, losses = self.trained(data, job, scale)
        scores = self.scores(weights, scale, data, job)
        return FitResult(
            job=job,
            scores=np.asarray(scores, np.float32),
            epoch=self.epochs,
            losses=tuple(losses),
            weights_sha256=digest({"weights": weights, "scale": np.stack(scale)}),
        )

    def statistics(self, data, job):
        """Mean and spread of the training clips."""
        seen = data.inputs[list(job.train)].reshape(len(job.train), -1)
        return seen.mean(axis=0), seen.std(axis=0) + 1e-3

    def start(self, data, job):
        size = data.inputs[0].size
        rng = np.random.default_rng([job.seed, *job.subject_id.encode()])
        return rng.normal(scale=0.01, size=(size, data.num_classes))

    def batch(self, data, job, scale):
        """Scaled training clips, and their labels as rows of an identity matrix."""
        rows = list(job.train)
        inputs = (data.inputs[rows].reshape(len(rows), -1) - scale[0]) / scale[1]
        return inputs, np.eye(data.num_classes)[data.targets[rows]]

    def trained(self, data, job, scale):
        weights, losses = self.start(data, job), []
        inputs, targets = self.batch(data, job, scale)
        for _ in range(self.epochs):
            chances = softmax(inputs @ weights)
            losses.append(float(-np.log((chances * targets).sum(axis=1) + 1e-9).mean()))
            weights = weights - 0.1 * inputs.T @ (chances - targets) / len(inputs)
        return weights, losses

    def scores(self, weights, scale, data, job):
        """One clip after the other."""
        return [self.score(weights, scale, data, clip) for clip in job.predict]

    def score(self, weights, scale, data, clip):
        return softmax((data.inputs[clip].ravel() - scale[0]) / scale[1] @ weights)


def softmax(values):
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def honest_case(folder: Path, trainer: Trainer | None = None, corpus: str = "demo") -> Case:
    """Draw the corpus below a folder and return the honest case."""
    clips = []
    for number, size in enumerate(SIZES, start=1):
        face = draw_face(number)
        for i in range(size):
            label = (number + i) % 3
            path = folder / corpus / f"s{number}" / f"ep{i}"
            paths = write_clip(path, face, label, seed=10 * number + i)
            clips.append(clip_of(corpus, f"s{number}", f"ep{i}", EMOTIONS[label], paths))
    return Case(task_of(clips), trainer or Trainer())


def copied(case: Case, folder: Path) -> Case:
    """Return the same case with its frames copied below another folder."""
    first = case.task.clips[0].frame_paths[0].parents[3]
    shutil.copytree(first, folder, dirs_exist_ok=True)
    clips = [
        replace(
            clip, frame_paths=tuple(folder / path.relative_to(first) for path in clip.frame_paths)
        )
        for clip in case.task.clips
    ]
    return replace(case, task=replace(case.task, clips=tuple(clips)))


def clip_of(corpus, subject, name, emotion, paths):
    frames = tuple(paths)
    last = len(frames) - 1
    return Clip(
        corpus=corpus, subject=subject, name=name, emotion=emotion, onset=0, apex=last,
        offset=last, frame_paths=frames,
    )  # fmt: skip


def task_of(clips: Sequence[Clip], method=None) -> Task:
    """Arrays from the frames, classes from the words, folds from the subjects."""
    scheme = label_scheme("megc2019-3")
    return Task(
        method=method or load_method("flow-mlp", ("training.epochs=4",)),
        clips=tuple(clips),
        scheme=scheme,
        data=TrainingData(
            inputs=np.stack([array_of(clip) for clip in clips]),
            targets=np.array([EMOTIONS.index(clip.emotion) for clip in clips], np.int64),
            num_classes=len(CLASSES),
        ),
        folds=leave_one_subject_out([clip.subject_id for clip in clips]),
    )


def array_of(clip: Clip) -> np.ndarray:
    """What moves between onset and apex: its blurred difference and both its slopes."""
    onset, apex = (read(clip.frame_paths[i]) for i in (clip.onset or 0, clip.apex or 0))
    change = (apex - onset).reshape(16, 8, 16, 8).mean(axis=(1, 3))
    return np.stack([*np.gradient(change), change]).astype(np.float32)


def draw_face(subject: int) -> np.ndarray:
    """A head with eyes, brows, nose and mouth of this subject, 0..255."""
    rng = np.random.default_rng(subject)
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    face = 70 + 90 * np.exp(-(((rows - 0.5) / 0.42) ** 4 + ((columns - 0.5) / 0.33) ** 4))
    for top, left, depth in ((0.4, 0.33, -60), (0.4, 0.67, -60), (0.55, 0.5, 25), (0.72, 0.5, -50)):
        for _ in range(3):
            y, x = top + rng.normal(0, 0.02), left + rng.normal(0, 0.03)
            spread = rng.uniform(0.03, 0.06, 2)
            face += (
                depth
                / 2
                * np.exp(-(((rows - y) / spread[0]) ** 2 + ((columns - x) / spread[1]) ** 2))
            )
    grain = Image.fromarray(rng.uniform(0, 255, (SIDE, SIDE)).astype(np.uint8))
    texture = np.asarray(grain.filter(ImageFilter.GaussianBlur(4)), float)
    return face + 1.6 * (texture - texture.mean())


def write_clip(
    folder: Path, face: np.ndarray, label: int, seed: int, frames: int = 4
) -> list[Path]:
    """Write frames in which the part of the face moves that stands for the label."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    y, x = ((40, 64), (92, 48), (60, 88))[label]
    y, x = y + rng.normal(0, 6), x + rng.normal(0, 6)
    shape = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / rng.uniform(160, 480))
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(3, 6)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(frames):
        amount = reach * i / (frames - 1)
        moved = _moved(face, amount * shape * np.sin(angle), amount * shape * np.cos(angle))
        pixels = moved + rng.normal(0, 1, moved.shape)
        paths.append(folder / f"img{i}.png")
        write(paths[-1], pixels)
    return paths


def _moved(face, down, right):
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    rows, columns = np.clip(rows + down, 0, SIDE - 1.001), np.clip(columns + right, 0, SIDE - 1.001)
    top, left = rows.astype(int), columns.astype(int)
    low, side = rows - top, columns - left
    upper = face[top, left] * (1 - side) + face[top, left + 1] * side
    lower = face[top + 1, left] * (1 - side) + face[top + 1, left + 1] * side
    return upper * (1 - low) + lower * low


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        pixels = image.convert("L").resize((SIDE, SIDE)) if image.size != (SIDE, SIDE) else image
        return np.asarray(pixels.convert("L"), np.float32)


def write(path: Path, pixels: np.ndarray, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8)).save(path, **options)


def with_copy(
    case: Case, change, subject: str = "s2", name: str = "copy", suffix: str = ".png", **options
) -> Case:
    """Add the first subject's first clip, every frame changed, under another subject."""
    original = case.task.clips[0]
    folder = original.frame_paths[0].parents[2] / subject / name
    paths = []
    for i, path in enumerate(original.frame_paths):
        paths.append(folder / f"img{i}{suffix}")
        with Image.open(path) as image:
            changed = change(image.convert("L"))
        folder.mkdir(parents=True, exist_ok=True)
        changed.save(paths[-1], **options)
    copy = clip_of(original.corpus, subject, name, original.emotion, paths)
    return case.with_clips([*case.task.clips, copy])


def started_from(case: Case, path: Path, named: Sequence[str] | None) -> Case:
    """Let the method begin with stored weights whose card names these subjects."""
    state = create_model("flow_mlp", size=16).state_dict()
    subjects = {"subjects": {"named": list(named), "unnamed": [], "unknown": []}} if named else {}
    save_weights(path, state, subjects)
    method = load_method("flow-mlp", ("training.epochs=4", f"model.weights={path.as_posix()}"))
    return replace(case, task=replace(case.task, method=method))


def searched_on(case: Case, subjects: Sequence[str], contents: Sequence[str] = ()) -> Case:
    """Let the method say that clips of these subjects chose its settings."""
    searched = Searched(
        subjects=tuple(subjects), clips=len(case.task.clips), sampler="tpe", trials=3,
        score="uf1", inner_score=0.5, inner_folds=2, seed=0, settings={"training.epochs": 4},
        contents=tuple(contents),
    )  # fmt: skip
    method = case.task.method.model_copy(update={"searched": searched})
    return replace(case, task=replace(case.task, method=method))


def prepared_by(case: Case, does: Callable) -> Case:
    """Let a step of a plug-in make the arrays: ``does(data)`` gives the array of a clip."""

    class Foreign(Step):
        gives: ClassVar = {"flow": "flow"}
        step: Literal["foreign"] = "foreign"

        def apply(self, data):
            return replace(data, array=np.asarray(does(data), np.float32))

    del STEPS._found["foreign"]  # known to this recipe only
    method = load_method("flow-mlp", ("recipe.flow.method=dis", "recipe.flow.size=16"))
    recipe = Recipe((method.recipe.steps[0], method.recipe.steps[1], Foreign()))
    inputs = np.stack([recipe.run(clip) for clip in case.task.clips])
    method = case.task.method.model_copy(update={"recipe": recipe})
    return replace(
        case, task=replace(case.task, method=method, data=replace(case.task.data, inputs=inputs))
    )
