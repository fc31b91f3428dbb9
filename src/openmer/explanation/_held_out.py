"""Where in a clip a decision comes from: saliency maps of networks that have not seen its subject.

A saliency map says which places of the input raised one class in one network. It says nothing of
feelings, and where the network is wrong it shows what misled it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from openmer.clip import Clip
from openmer.datasets import ClipSource
from openmer.errors import DataError, OpenMERError, ProtocolError, unknown_name
from openmer.evaluation import (
    Progress,
    Protocol,
    Task,
    chose_settings,
    fold_jobs,
    prepare_task,
    require_classes,
    settled,
    start_of,
    subjects_of_weights,
)
from openmer.explanation._grad_cam import (
    ClassSaliency,
    SaliencyKind,
    class_saliency,
    last_maps,
    require_captum,
)
from openmer.methods import Method
from openmer.preprocessing import ArrayCache, Recipe
from openmer.training import (
    EpochRule,
    FitResult,
    FloatArray,
    Resources,
    build_network,
    fit_jobs,
    plan_run,
    trained_network,
)

_ANY_SIZE_PX = 64  # where the frames say how large an input is; whether there are maps, it does not


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExplainedNetwork:
    """A network, and what to know of it before its saliency is believed.

    Attributes:
        network: Prepared clips ``(batch, channels, height, width)`` to logits ``(batch, classes)``,
            in evaluation mode, on the CPU.
        title: Title of the method.
        recipe: What prepares its input.
        classes: Class names in the order of the logits.
        origin: What it was trained on and how good it is, in sentences.
        training: The training of the fold; None for a model that comes from elsewhere.
        decides: Whether an SVM on its features scores: it gives decision values, not logits.
    """

    network: nn.Module
    title: str
    recipe: Recipe
    classes: tuple[str, ...]
    origin: str
    training: FitResult | None = None
    decides: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SaliencyMap:
    """The saliency map of one clip.

    Attributes:
        name: Key of the clip, or path of the image.
        array: What the network saw, shape ``(channels, height, width)``, as its recipe makes it.
        by: The network.
        found: The saliency.
        scores: Probability of each class, not calibrated; its decision value where an SVM
            scores.
        explained: Index of the class whose saliency it is.
        truth: Index of the annotated class; None where it is not known.
    """

    name: str
    array: FloatArray
    by: ExplainedNetwork
    found: ClassSaliency
    scores: tuple[float, ...]
    explained: int
    truth: int | None

    @property
    def layer(self) -> str:
        """Which part of the model made the maps that were weighed."""
        return ", ".join(name.removeprefix("1.") for name in self.found.layers)

    @property
    def predicted(self) -> int:
        """Index of the largest score; the first one on a tie."""
        return max(range(len(self.scores)), key=self.scores.__getitem__)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before reading it, a sentence each."""
        names = self.by.classes
        notes = []
        if self.truth is not None and self.truth != self.predicted:
            notes.append(
                f"The network is wrong: it says {names[self.predicted]}, the annotators "
                f"{names[self.truth]}. Its saliency explains an error."
            )
        if self.explained != self.predicted:
            notes.append(f"The class explained is not the one predicted, {names[self.predicted]}.")
        if not self.found.cells.any():
            notes.append(f"No place raises the class {names[self.explained]}: the map is empty.")
        return tuple(notes)


def require_maps(method: Method) -> None:
    """Make sure that a method has a network with maps, before anything is prepared for it.

    Raises:
        ConfigError: It has none.
    """
    recipe = method.steps
    size = recipe.size or _ANY_SIZE_PX
    spec = method.network_spec(max(2, len(method.scheme.classes)), (recipe.channels, size, size))
    last_maps(build_network(spec, seed=0).eval(), torch.zeros(1, *spec.input_shape))


def honest_rule(method: Method) -> EpochRule:
    """Return the method's own epoch rule; ``fixed`` where that chooses on the held-out subject."""
    return "fixed" if method.epoch_rule == "held_out" else method.epoch_rule


def held_out_network(
    task: Task, subject_id: str, *, seed: int = 0, resources: Resources | None = None
) -> ExplainedNetwork:
    """Train the fold in which a subject is held out, as `openmer.evaluation.cross_validate` does.

    Args:
        task: Clips and arrays.
        subject_id: `Clip.subject_id`.
        seed: Seed of the training.
        resources: Device, memory; one process is enough.

    Returns:
        The network whose scores of that subject `cross_validate` stores, under `honest_rule`.

    Raises:
        ConfigError: The method has no network, or a network without maps.
        DataError: Nobody of that name has a clip in the task.
        ProtocolError: The stored weights that the method starts from have seen the subject.
    """
    require_maps(task.method)
    _require_unseen(task.method, subject_id)
    rule = honest_rule(task.method)
    folds = {fold.held_out: fold for fold in task.folds}
    if subject_id not in folds:
        raise DataError(
            f"There is no clip of {subject_id} among those of {len(folds)} subjects: "
            f"{next(iter(folds))} for one. Give a subject as corpus/subject."
        )
    one_process = (resources or Resources()).model_copy(update={"workers": 1})
    task = settled(task, folds[subject_id], epoch_rule=rule, seed=seed, resources=one_process)
    jobs = {job.subject_id: job for job in fold_jobs(task, rule, seed)}
    job = replace(jobs[subject_id], keep_state=True)
    channels, height, width = task.data.inputs.shape[1:]
    spec = task.method.network_spec(task.data.num_classes, (channels, height, width))
    plan = plan_run(spec, list(jobs.values()), one_process)
    (result,) = fit_jobs([job], spec, task.data, plan)
    if result.state is None:
        raise OpenMERError(f"The training of {task.method.name} kept no weights. Please report it.")
    state = {name: torch.tensor(value) for name, value in result.state.items()}
    network = trained_network(spec, state)
    return ExplainedNetwork(
        network=network.eval(),
        title=task.method.title,
        recipe=task.method.steps,
        classes=task.scheme.classes,
        origin=_origin(task, result, rule),
        training=result,
        decides=spec.training.svm is not None,
    )


def explain(
    by: ExplainedNetwork,
    array: FloatArray,
    *,
    name: str,
    truth: int | None = None,
    class_name: str = "",
    kind: SaliencyKind = "grad-cam",
) -> SaliencyMap:
    """Compute the saliency map of a prepared clip.

    Args:
        by: The network.
        array: Shape ``(channels, height, width)``, from its recipe.
        name: How the clip is called.
        truth: Index of the annotated class; None where it is not known.
        class_name: The class to explain; the predicted one where it is empty.
        kind: As in `class_saliency`.

    Raises:
        ConfigError: No such class (the nearest is given), or as `class_saliency`.
    """
    _require_class(class_name, by.classes)
    with torch.no_grad():
        outputs = by.network(torch.from_numpy(array)[None])[0]
        scores = outputs if by.decides else torch.softmax(outputs, dim=0)
    explained = by.classes.index(class_name) if class_name else int(scores.argmax())
    return SaliencyMap(
        name=name,
        array=array,
        by=by,
        found=class_saliency(by.network, array, explained, kind),
        scores=tuple(scores.tolist()),
        explained=explained,
        truth=truth,
    )


def require_explainable(method: Method, subject_id: str, class_name: str = "") -> None:
    """Refuse what cannot be explained, before any clip is prepared.

    Args:
        method: Whose network is to be explained.
        subject_id: Of the clip.
        class_name: Class to explain; "" is the predicted one.

    Raises:
        ConfigError: The method makes no maps, or has no such class.
        ProtocolError: Its weights were made with pictures of the subject.
    """
    require_classes(method)
    require_maps(method)
    if not method.scheme.minimum:  # else its classes are those of the clips
        _require_class(class_name, method.scheme.classes)
    _require_unseen(method, subject_id)


def explain_held_out(
    task: Task,
    clip: str,
    *,
    class_name: str = "",
    kind: SaliencyKind = "grad-cam",
    seed: int = 0,
    resources: Resources | None = None,
) -> SaliencyMap:
    """Explain a clip by the network of the fold in which its subject is held out.

    Args:
        task: From `prepare_task`.
        clip: Key of the clip.
        class_name: As in `explain`.
        kind: As in `class_saliency`.
        seed: As in `held_out_network`.
        resources: As in `held_out_network`.

    Raises:
        ConfigError: As `explain` and `held_out_network`; or Captum is missing.
        DataError: The clip is not in the task; it says why.
        ProtocolError: As `held_out_network`.
    """
    require_captum()
    _require_class(class_name, task.scheme.classes)
    place = _place(task, clip)
    by = held_out_network(task, task.clips[place].subject_id, seed=seed, resources=resources)
    return explain(
        by,
        np.array(task.data.inputs[place]),
        name=clip,
        truth=int(task.data.targets[place]),
        class_name=class_name,
        kind=kind,
    )


def variant_saliency_maps(
    methods: Sequence[tuple[str, Method]],
    clips: Sequence[Clip] | ClipSource,
    clip: str,
    *,
    class_name: str = "",
    kind: SaliencyKind = "grad-cam",
    seed: int = 0,
    resources: Resources | None = None,
    on_progress: Progress | None = None,
) -> list[tuple[str, SaliencyMap]]:
    """Saliency maps of one clip by several methods, each trained without the clip's subject.

    Args:
        methods: Label and method of each variant.
        clips: The clips to train on, with the one to explain.
        clip: Its key.
        class_name: As in `explain`.
        kind: As in `class_saliency`.
        seed: As in `held_out_network`.
        resources: As in `held_out_network`.
        on_progress: As in `prepare_task`, and with "train", networks done and networks in all.

    Returns:
        Label and saliency map of each variant, in their order.

    Raises:
        OpenMERError: As `prepare_task` and `explain_held_out`.
    """
    require_captum()
    given = clips.clips if isinstance(clips, ClipSource) else clips
    subject_id = next((one.subject_id for one in given if one.key == clip), "")
    for _, method in methods:
        require_explainable(method, subject_id, class_name)
    found = []
    for number, (label, method) in enumerate(methods):
        task = prepare_task(
            method,
            clips,
            protocol=Protocol(epoch_rule=honest_rule(method)),
            cache=ArrayCache(),
            workers=resources.workers if resources else 0,
            on_progress=on_progress if number == 0 else None,
        )
        if on_progress is not None:
            on_progress("train", number, len(methods))
        made = explain_held_out(
            task, clip, class_name=class_name, kind=kind, seed=seed, resources=resources
        )
        found.append((label, made))
    if on_progress is not None:
        on_progress("train", len(methods), len(methods))
    return found


def _require_unseen(method: Method, subject_id: str) -> None:
    if subject_id in subjects_of_weights(start_of(method)).named:
        raise ProtocolError(
            f"The weights that {method.name} starts from were made with pictures of {subject_id}. "
            "Choose a clip of another subject, or other weights: --set model.weights=FILE."
        )
    if chose_settings(method, [subject_id]):
        raise ProtocolError(
            f"Clips of {subject_id} and others chose the settings of {method.name} ([searched] in "
            "its file). Choose a clip of another subject, or give the method with its [search]."
        )


def _require_class(name: str, classes: tuple[str, ...]) -> None:
    if name and name not in classes:
        raise unknown_name("class", name, classes)


def _place(task: Task, key: str) -> int:
    """Index of a clip in the task."""
    for place, clip in enumerate(task.clips):
        if clip.key == key:
            return place
    for failure in task.failures:
        if failure.clip == key:
            raise DataError(f"{key} could not be prepared: {failure.reason}")
    raise DataError(
        f"{key} is not among the {len(task.clips)} clips that label scheme {task.scheme.name} "
        f"keeps. It groups {', '.join(sorted(task.scheme.words))}. Choose a clip labelled so, or a "
        "method with another label_scheme."
    )


def _origin(task: Task, result: FitResult, rule: str) -> str:
    """Describe what a network was trained on, and how it scores on the held-out subject."""
    job = result.job
    seen = [*job.train, *(job.validation.clips if job.validation else ())]
    subjects = {task.clips[i].subject_id for i in seen}
    start = subjects_of_weights(start_of(task.method))
    unknown = " Whose pictures made the weights that it starts from is not known."
    right = int((result.scores.argmax(1) == task.data.targets[list(job.predict)]).sum())
    return (
        f"Trained on {len(seen)} clips of {len(subjects)} subjects, not on {job.subject_id} (seed "
        f"{job.seed}, epoch {result.epoch}, rule {rule}); right on {right} of {len(job.predict)} "
        f"clips of {job.subject_id}.{unknown if start.unknown else ''}"
    )
