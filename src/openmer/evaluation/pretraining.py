"""A pretraining from the corpora of its scheme to weights, model card, history and curve."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from openmer.datasets import facts
from openmer.datasets.labels import label_scheme
from openmer.datasets.pretraining import PretrainingScheme, load_pretraining, pretraining_scheme
from openmer.errors import ConfigError
from openmer.evaluation._files import replace_file
from openmer.evaluation.metrics import confusion_matrix, per_class_of, pooled_scores
from openmer.evaluation.pretraining_card import limits_of, render_card
from openmer.evaluation.pretraining_curve import draw_curve
from openmer.evaluation.record import versions
from openmer.methods import Method, list_methods, load_method
from openmer.models.weights import load_weights, save_weights
from openmer.preprocessing import ArrayCache, Failure, Failures, Recipe, fingerprint
from openmer.training.config import ModelConfig, Pretraining
from openmer.training.pretrain import pretrain
from openmer.training.pretrain_plan import PretrainResources, plan_pretraining, start_state
from openmer.training.pretrain_spec import Epoch, Pretrained, PretrainSpec
from openmer.training.stills import StillReader, Stills

_PACKAGES = ("numpy", "torch", "timm", "pillow")

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingTask:
    """A pretraining with its images in memory.

    Attributes:
        method: The method whose weights are made.
        model: Its model.
        pretraining: Its section ``[pretraining]``.
        seed: Seed of the balance, the split and the training.
        scheme: Corpora, classes and the paper's counts.
        stills: The images.
        differences: What does not agree with the counts of the paper, in words; none is good.
        failures: Images that could not be read.
    """

    method: Method
    model: ModelConfig
    pretraining: Pretraining
    seed: int
    scheme: PretrainingScheme
    stills: Stills
    differences: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their indices."""
        return label_scheme(self.scheme.label_scheme).classes


def prepare_pretraining(
    method: Method,
    roots: Mapping[str, Path] | None = None,
    *,
    seed: int = 0,
    failures: Failures | None = None,
    on_progress: Report | None = None,
) -> PretrainingTask:
    """Read the images that a method is pretrained on.

    Args:
        method: With a section ``[pretraining]``.
        roots: Folders of the corpora by name; what is missing is looked for as in
            `openmer.datasets.roots`.
        seed: Decides which images a balanced scheme keeps, and everything random later.
        failures: Where images that cannot be read are listed; None stops at the first one.
        on_progress: Called with a stage, images done and all images.

    Raises:
        ConfigError: The method has no pretraining or no model; the scheme, a root or the recipe
            makes no sense.
        DataError: A corpus or its images cannot be read, or they differ in size.
        ProtocolError: A class has no image.
    """
    config = pretraining_of(method)
    if method.model is None:
        raise ConfigError(f"Method {method.name} has no [model] to pretrain. Add one.")
    scheme = pretraining_scheme(config.scheme)
    recipe = Recipe.from_tables(config.recipe) if config.recipe else None
    failures = Failures("error") if failures is None else failures
    report = on_progress or (lambda *_: None)
    found = load_pretraining(config.scheme, roots, seed=seed)
    reader = StillReader(
        recipe=recipe,
        store=None if recipe is None else ArrayCache(),
        failures=failures,
        on_progress=lambda done, total: report("reading images", done, total),
    )
    classes = label_scheme(scheme.label_scheme).classes
    return PretrainingTask(
        method=method,
        model=method.model,
        pretraining=config,
        seed=seed,
        scheme=scheme,
        stills=reader.read(found.images, found.targets, len(classes)),
        differences=found.differences,
        failures=tuple(failures),
    )


def pretraining_of(method: Method) -> Pretraining:
    """The section ``[pretraining]`` of a method.

    Raises:
        ConfigError: It has none.
    """
    if method.pretraining is None:
        having = [name for name in list_methods() if load_method(name).pretraining is not None]
        raise ConfigError(
            f"Method {method.name} has no [pretraining]: it starts from random weights. Methods "
            f"that have one: {', '.join(having)}. Or add the section to a method of your own."
        )
    return method.pretraining


def run_pretraining(
    task: PretrainingTask,
    out: Path,
    *,
    resources: PretrainResources | None = None,
    command: str = "",
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Train, or go on training, and write everything that a reader of the weights needs.

    Args:
        task: From `prepare_pretraining`.
        out: Folder for ``<method>.safetensors``, ``card.md``, ``history.csv``, ``curve.png`` and,
            while it goes on, ``checkpoint.pt``; made where it is missing.
        resources: What may be used; None lets the device decide.
        command: The command that repeats it, for the card.
        on_progress: Called with a stage, epochs done and epochs at most.

    Returns:
        The card that lies in the safetensors file. Neither it nor the file depends on when or how
        often the training was interrupted.

    Raises:
        ConfigError: The folder holds the checkpoint of another pretraining, or the start makes no
            sense.
        DataError: The weights it starts from are not at hand; the checkpoint is broken.
    """
    checkpoint = out / "checkpoint.pt"
    model = task.model.model_copy(update={"weights": ""})  # of the method, once they are made
    asked = PretrainSpec(model=model, pretraining=task.pretraining, seed=task.seed)
    spec = plan_pretraining(asked, task.stills, resources or PretrainResources(), checkpoint)
    start = {} if checkpoint.is_file() else start_state(spec, task.stills)
    report = on_progress or (lambda *_: None)
    made = pretrain(
        spec,
        task.stills,
        start,
        checkpoint=checkpoint,
        on_epoch=lambda done, total: report("epochs", done, total),
    )
    card = make_card(task, spec, made, command)
    save_weights(out / f"{task.method.name}.safetensors", made.state, card)
    replace_file(out / "history.csv", _history(made.epochs).encode())
    replace_file(out / "curve.png", draw_curve(card, made.epochs))
    replace_file(out / "card.md", render_card(card, seconds=made.seconds).encode())
    return card


def make_card(
    task: PretrainingTask, spec: PretrainSpec, made: Pretrained, command: str = ""
) -> dict[str, Any]:
    """What weights say of themselves: plain values, the same for the same training.

    Args:
        task: What was trained on what.
        spec: How.
        made: The result.
        command: The command that repeats it.
    """
    config = spec.pretraining.model_dump(mode="json")
    config["start"] = _start(spec.pretraining.start)["from"]  # without the folders of this machine
    card = {
        "name": task.method.name,
        "title": task.method.title,
        "paper": task.method.paper,
        "classes": list(task.classes),
        "model": {**spec.model.model_dump(exclude={"weights"}), **_sizes(made)},
        "data": _data(task, made),
        "pretraining": config,
        "start": _start(spec.pretraining.start),
        "epochs": _epochs(spec, made),
        "scores": _scores(task, made),
        "seed": spec.seed,
        "device": torch.cuda.get_device_name() if spec.device == "cuda" else "cpu",
        "threads": spec.threads,
        "compiled": spec.compiled,
        "versions": versions(_PACKAGES),
        "command": command,
    }
    return {**card, **limits_of(card)}


def _start(start: str) -> dict[str, str]:
    """Where the weights came from before the first epoch; no folder of this machine."""
    if start in ("scratch", "imagenet"):
        return {"from": start}
    return {"from": Path(start).name, "sha256": load_weights(start).sha256}


def _sizes(made: Pretrained) -> dict[str, int]:
    """Numbers in the file without batch counters, and those of them that are trained."""
    counted = {"numbers": 0, "trainable": 0}
    for name, array in made.state.items():
        kind = name.rpartition(".")[2]
        counted["numbers"] += array.numel() * (kind != "num_batches_tracked")
        counted["trainable"] += array.numel() * (kind in ("weight", "bias"))
    return counted


def _data(task: PretrainingTask, made: Pretrained) -> dict[str, Any]:
    targets, scheme = task.stills.targets, task.scheme
    counts = np.bincount(targets, minlength=len(task.classes))
    held = np.bincount(targets[made.validation], minlength=len(task.classes))
    titles = {name: facts(name) for name in scheme.corpora}
    return {
        "scheme": scheme.name,
        "source": scheme.source,
        "unsure": scheme.unsure,
        "balanced": scheme.balanced,
        "label_scheme": scheme.label_scheme,
        "corpora": {
            name: {"title": corpus.title, "paper": corpus.paper, "terms": corpus.terms}
            for name, corpus in titles.items()
        },
        "images": len(targets),
        "shape": list(task.stills.images.shape[1:]),
        "training": {c: int(n) for c, n in zip(task.classes, counts - held, strict=True)},
        "validation": {c: int(n) for c, n in zip(task.classes, held, strict=True)},
        "persons_named": bool(task.stills.persons),
        "differences": list(task.differences),
        "failed": len(task.failures),
        "images_sha256": fingerprint(task.stills.images),
        "targets_sha256": hashlib.sha256(targets.tobytes()).hexdigest(),
    }


def _epochs(spec: PretrainSpec, made: Pretrained) -> dict[str, Any]:
    best = _best(made.epochs)
    config = spec.pretraining
    most = config.rounds * sum(stage.epochs * stage.iterations for stage in config.stages)
    return {"run": len(made.epochs), "at_most": most, "best": best.number, "best_part": best.part}


def _best(epochs: tuple[Epoch, ...]) -> Epoch:
    return [epoch for epoch in epochs if epoch.best][-1]


def _scores(task: PretrainingTask, made: Pretrained) -> dict[str, Any]:
    """Of the best epoch's weights on the validation images, 0..1."""
    truth, predicted = task.stills.targets[made.validation], made.scores.argmax(axis=1)
    counts = confusion_matrix(truth, predicted, num_classes=len(task.classes))
    pooled = pooled_scores(truth, predicted, num_classes=len(task.classes))
    found = per_class_of(counts)
    return {
        "accuracy": pooled.accuracy,
        "uf1": pooled.uf1,
        "uar": pooled.uar,
        "loss": _best(made.epochs).validation_loss,
        "precision": dict(zip(task.classes, found.precision.tolist(), strict=True)),
        "recall": dict(zip(task.classes, found.recall.tolist(), strict=True)),
        "f1": dict(zip(task.classes, found.f1.tolist(), strict=True)),
        "confusion": counts.tolist(),
    }


def _history(epochs: tuple[Epoch, ...]) -> str:
    """The learning curve as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([field.name for field in fields(Epoch)])
    table.writerows(astuple(epoch) for epoch in epochs)
    return text.getvalue()
