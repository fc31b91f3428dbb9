"""A pretraining from the corpora of its scheme to weights, model card, history and curve."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from openmer.datasets import (
    OwnImages,
    PretrainingScheme,
    PretrainingSet,
    facts,
    label_scheme,
    list_datasets,
    load_pretraining,
    pretraining_scheme,
    read_own_images,
)
from openmer.errors import ConfigError
from openmer.evaluation import (
    accuracy,
    confusion_matrix,
    merged,
    per_class_of,
    require_every_class,
    subjects_of_weights,
    uar,
    uf1,
    versions,
)
from openmer.files import replace_files
from openmer.methods import Method, list_methods, load_method
from openmer.models import halved, load_weights, save_weights
from openmer.preprocessing import ArrayCache, Failure, Failures, Recipe, fingerprint
from openmer.pretraining._card import limits_of, render_card
from openmer.pretraining._images import ImageReader, ImageSet, subjects_of_images
from openmer.pretraining._learning_curve import draw_curve
from openmer.pretraining._loop import pretrain
from openmer.pretraining._plan import PretrainResources, plan_pretraining, start_state
from openmer.pretraining._search import score_of, trials_of
from openmer.pretraining._spec import Epoch, Pretrained, PretrainSpec
from openmer.training import ModelConfig, Pretraining

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
        image_set: The images.
        differences: What does not agree with the paper, in words; none is good.
        failures: Images that could not be read.
        corpora: Corpora of the scheme that were read from their folders.
        left_out: Those that were not.
        own: Images of a user's own that are among the images; None where there are none.
        whole: Corpora whose images are faces already, in which a recipe that aligns looked for
            none.
    """

    method: Method
    model: ModelConfig
    pretraining: Pretraining
    seed: int
    scheme: PretrainingScheme
    image_set: ImageSet
    differences: tuple[str, ...] = ()
    failures: tuple[Failure, ...] = ()
    corpora: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    own: OwnImages | None = None
    whole: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of their indices."""
        return label_scheme(self.scheme.label_scheme).classes


def prepare_pretraining(
    method: Method,
    roots: Mapping[str, Path] | None = None,
    *,
    images: Path | None = None,
    seed: int = 0,
    failures: Failures | None = None,
    on_progress: Report | None = None,
) -> PretrainingTask:
    """Read the images that a method is pretrained on.

    Args:
        method: With a section ``[pretraining]``.
        roots: Folders of the corpora by name; which others are read, and from where, says
            `load_pretraining`.
        images: A table of images of one's own (see `openmer.datasets._own_images`), to be merged
            with the corpora of `roots`, or to be used alone where there are no roots.
        seed: Decides which images a balanced scheme keeps, and everything random later.
        failures: Where images that cannot be read are listed; None stops at the first one.
        on_progress: Called with a stage, images done and all images.

    Raises:
        ConfigError: The method has no pretraining or no model; the scheme, a root or the recipe
            makes no sense.
        DataError: A corpus, a table or their images cannot be read, or they differ in size.
        ProtocolError: A class has no image.
    """
    config = pretraining_of(method)
    if method.model is None:
        raise ConfigError(f"Method {method.name} has no [model] to pretrain. Add one.")
    scheme = pretraining_scheme(config.scheme)
    recipe = config.recipe
    failures = Failures("error") if failures is None else failures
    report = on_progress or (lambda *_: None)
    labels = label_scheme(scheme.label_scheme)
    own = None if images is None else read_own_images(images, labels)
    found = load_pretraining(config.scheme, roots, own=own, seed=seed)
    reader = ImageReader(
        recipe=recipe,
        store=None if recipe is None else ArrayCache(),
        failures=failures,
        on_progress=lambda done, total: report("reading images", done, total),
    )
    return PretrainingTask(
        method=method,
        model=method.model,
        pretraining=config,
        seed=seed,
        scheme=scheme,
        image_set=reader.read(found.images, found.targets, len(labels.classes)),
        differences=found.differences,
        failures=tuple(failures),
        corpora=found.corpora,
        left_out=found.left_out,
        own=own,
        whole=_whole(found, recipe),
    )


def _whole(found: PretrainingSet, recipe: Recipe | None) -> tuple[str, ...]:
    """List the corpora whose images are faces already, for a recipe that aligns."""
    if recipe is None or recipe.align is None:
        return ()
    return tuple(sorted({image.corpus for image in found.images if image.cropped}))


def pretraining_of(method: Method) -> Pretraining:
    """Return the section ``[pretraining]`` of a method.

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
    half: bool = False,
    on_progress: Report | None = None,
) -> dict[str, Any]:
    """Train, or go on training, and write everything that a reader of the weights needs.

    Args:
        task: From `prepare_pretraining`.
        out: Folder for ``<method>.safetensors``, ``card.md``, ``history.csv``, ``curve.png`` and,
            while it goes on, ``checkpoint.pt``, of a search one for each trial in ``search``; made
            where it is missing.
        resources: What may be used; None lets the device decide.
        command: The command that repeats it, for the card.
        half: Store the weights in half precision: half the file. They are scored as stored.
        on_progress: Called with a stage, epochs done and epochs at most.

    Returns:
        The card that lies in the safetensors file. Neither it nor the file depends on when or how
        often the training was interrupted.

    Raises:
        ConfigError: The folder holds the checkpoint of another pretraining, or the start makes no
            sense.
        DataError: The weights it starts from are not at hand; the checkpoint is broken.
    """
    report = on_progress or (lambda *_: None)
    trials = trials_of(task.method.model_copy(update={"pretraining": task.pretraining}))
    tried: list[dict[str, Any]] = []
    results: list[tuple[float, PretrainSpec, Pretrained]] = []
    for number, (settings, config) in enumerate(trials):
        checkpoint = out / ("checkpoint.pt" if len(trials) == 1 else f"search/{number:03}.pt")
        stage = "epochs" if len(trials) == 1 else f"trial {number + 1} of {len(trials)}"
        on_epoch = partial(report, stage)
        found, result = _trained(task, config, checkpoint, resources, half, on_epoch)
        score = score_of(config, result)
        tried.append({"settings": settings, "score": score})
        results = [min([*results, (score, found, result)], key=itemgetter(0))]  # the best so far
    ((_, spec, made),) = results
    card = make_card(task, spec, made, command, half=half, tried=tried)
    stored = halved(made.state) if half else made.state
    save_weights(out / f"{task.method.name}.safetensors", stored, card)
    replace_files(
        {
            out / "history.csv": _history(made.epochs),
            out / "curve.png": draw_curve(card, made.epochs),
            out / "card.md": render_card(card, seconds=made.seconds),
        }
    )
    return card


def _trained(
    task: PretrainingTask,
    config: Pretraining,
    checkpoint: Path,
    resources: PretrainResources | None,
    half: bool,
    on_epoch: Callable[[int, int], None],
) -> tuple[PretrainSpec, Pretrained]:
    """Train with one set of settings, or go on training."""
    model = task.model.model_copy(update={"weights": ""})  # of the method, once they are made
    asked = PretrainSpec(model=model, pretraining=config, seed=task.seed)
    spec = plan_pretraining(asked, task.image_set, resources or PretrainResources(), checkpoint)
    start = {} if checkpoint.is_file() else start_state(spec, task.image_set)
    made = pretrain(
        spec, task.image_set, start, checkpoint=checkpoint, half=half, on_epoch=on_epoch
    )
    return spec, made


def make_card(
    task: PretrainingTask,
    spec: PretrainSpec,
    made: Pretrained,
    command: str = "",
    *,
    half: bool = False,
    tried: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Build the card of weights: plain values, the same for the same training.

    Args:
        task: What was trained on what.
        spec: How.
        made: The result.
        command: The command that repeats it.
        half: Whether the numbers are stored in half precision.
        tried: Settings and score of every trial of a search; a card of one trial says none.
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
        "subjects": merged(
            [subjects_of_images(task.image_set), subjects_of_weights(spec.pretraining.start)]
        ).record(),
        "epochs": _epochs(spec, made),
        "scores": _scores(task, made),
        "seed": spec.seed,
        "device": torch.cuda.get_device_name() if spec.device == "cuda" else "cpu",
        "threads": spec.threads,
        "compiled": spec.compiled,
        "stored_as": "float16" if half else "float32",
        "versions": versions(_PACKAGES),
        "command": command,
    }
    if len(tried) > 1:
        card["search"] = [dict(trial) for trial in tried]
    return {**card, **limits_of(card)}


def _start(start: str) -> dict[str, str]:
    """Where the weights came from before the first epoch; no folder of this machine."""
    if start in ("scratch", "imagenet"):
        return {"from": start}
    return {"from": Path(start).name, "sha256": load_weights(start).sha256}


def _sizes(made: Pretrained) -> dict[str, int]:
    """Count the parameters in the file, without batch counters, and the trained ones."""
    counted = {"parameter_count": 0, "trainable": 0}
    for name, array in made.state.items():
        kind = name.rpartition(".")[2]
        counted["parameter_count"] += array.numel() * (kind != "num_batches_tracked")
        counted["trainable"] += array.numel() * (kind in ("weight", "bias"))
    return counted


def _data(task: PretrainingTask, made: Pretrained) -> dict[str, Any]:
    targets, scheme = task.image_set.targets, task.scheme
    counts = np.bincount(targets, minlength=len(task.classes))
    held = np.bincount(targets[made.validation], minlength=len(task.classes))
    images = Counter(task.image_set.corpora)
    data = {
        "scheme": scheme.name,
        "source": scheme.source,
        "unsure": scheme.unsure,
        "balanced": scheme.balanced,
        "label_scheme": scheme.label_scheme,
        "corpora": {name: _described(name) | {"images": n} for name, n in images.items()},
        "left_out": list(task.left_out),
        "whole": [name for name in task.whole if name in images],
        "images": len(targets),
        "shape": list(task.image_set.images.shape[1:]),
        "training": {c: int(n) for c, n in zip(task.classes, counts - held, strict=True)},
        "validation": {c: int(n) for c, n in zip(task.classes, held, strict=True)},
        "subjects_named": bool(task.image_set.subjects),
        "differences": list(task.differences),
        "failed": len(task.failures),
        "images_sha256": fingerprint(task.image_set.images),
        "targets_sha256": hashlib.sha256(targets.tobytes()).hexdigest(),
    }
    if task.own is not None:
        own = {"file": task.own.file, "sha256": task.own.sha256, "images": len(task.own.images)}
        data["own"] = own
    return data


def _described(corpus: str) -> dict[str, str]:
    """Describe what to cite of a corpus, and its terms, or that it is a user's own."""
    if corpus not in list_datasets():
        return {"title": corpus, "paper": "images of one's own", "terms": "those of their owner"}
    known = facts(corpus)
    return {"title": known.title, "paper": known.paper, "terms": known.terms}


def _epochs(spec: PretrainSpec, made: Pretrained) -> dict[str, Any]:
    best = _best(made.epochs)
    config = spec.pretraining
    most = config.rounds * sum(stage.epochs * stage.iterations for stage in config.stages)
    return {"run": len(made.epochs), "at_most": most, "best": best.number, "best_part": best.part}


def _best(epochs: tuple[Epoch, ...]) -> Epoch:
    return [epoch for epoch in epochs if epoch.best][-1]


def _scores(task: PretrainingTask, made: Pretrained) -> dict[str, Any]:
    """Score the best epoch's weights on the validation images, 0..1."""
    truth, predicted = task.image_set.targets[made.validation], made.scores.argmax(axis=1)
    counts = confusion_matrix(truth, predicted, num_classes=len(task.classes))
    require_every_class(counts)
    found = per_class_of(counts)
    return {
        "accuracy": float(accuracy(counts)),
        "uf1": float(uf1(counts)),
        "uar": float(uar(counts)),
        "loss": _best(made.epochs).validation_loss,
        "precision": dict(zip(task.classes, found.precision.tolist(), strict=True)),
        "recall": dict(zip(task.classes, found.recall.tolist(), strict=True)),
        "f1": dict(zip(task.classes, found.f1.tolist(), strict=True)),
        "confusion": counts.tolist(),
    }


def _history(epochs: tuple[Epoch, ...]) -> str:
    """Write the learning curve as CSV."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow([field.name for field in fields(Epoch)])
    table.writerows(astuple(epoch) for epoch in epochs)
    return text.getvalue()
