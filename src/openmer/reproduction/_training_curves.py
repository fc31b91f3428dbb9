"""How a training goes, epoch by epoch: on the clips that it learns from, and on other subjects.

The other subjects are held out inside the training subjects of one fold. The fold's own held-out
subject is in neither group, so that nobody is tempted to choose anything by that curve.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from openmer.errors import ConfigError, DataError
from openmer.evaluation import Fold, Task, fold_job, hold_out_inside, settled
from openmer.theme import ACCENT, INK, OTHER, PAPER, SOFT, draw_frame, figure_bytes, new_figure
from openmer.training import InnerConfig, NetworkSpec, Resources, fit_jobs, generator, plan_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PANEL_IN, _HEIGHT_IN, _DPI = 3.9, 3.6, 150


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCurve:
    """One training.

    Attributes:
        label: What the figure calls it.
        training: Accuracy on the clips that it learns from, after each epoch, 0..1.
        others: The same on clips of the other subjects.
        losses: Mean training loss of each epoch.
        chance: Share of the largest class among the clips of the other subjects.
        clips: How many clips it learns from.
        other_clips: How many clips the other subjects have.
    """

    label: str
    training: tuple[float, ...]
    others: tuple[float, ...]
    losses: tuple[float, ...]
    chance: float
    clips: int
    other_clips: int


def training_curve(
    label: str, task: Task, subject_id: str, *, seed: int = 0, resources: Resources | None = None
) -> TrainingCurve:
    """Train one fold without some of its training subjects, and follow these.

    A method that searches its settings searches among those who are left, before it is trained.

    Args:
        label: What the figure calls it.
        task: Clips and arrays of a method with a network.
        subject_id: `Clip.subject_id` of the held-out subject.
        seed: Seed of the training and of the choice of subjects.
        resources: Device, memory.

    Raises:
        ConfigError: The method has no network, or trains no weight.
        DataError: Nobody of that name has a clip in the task.
        ProtocolError: The fold trains on one subject only.
    """
    if not isinstance(task.spec, NetworkSpec) or not task.spec.training.all_stages:
        raise ConfigError(
            f"{task.method.name} trains no network, so there is no curve. Choose a method that "
            "fine-tunes one."
        )
    fold, others = _without_others(task, task.spec.training.inner, subject_id, seed)
    how = (resources or Resources()).model_copy(update={"workers": 1})
    task = settled(task, fold, epoch_rule="fixed", seed=seed, resources=how)
    job = fold_job(task, fold, "fixed", seed)
    job = replace(job, predict=(), follow=(fold.train, others))
    (result,) = fit_jobs([job], task.spec, task.data, plan_run(task.spec, [job], how))
    counts = np.bincount(task.data.targets[list(others)])
    return TrainingCurve(
        label=label,
        training=result.followed[0],
        others=result.followed[1],
        losses=result.losses,
        chance=float(counts.max() / counts.sum()),
        clips=len(fold.train),
        other_clips=len(others),
    )


def _without_others(
    task: Task, inner: InnerConfig, subject_id: str, seed: int
) -> tuple[Fold, tuple[int, ...]]:
    """Leave some training subjects out of a fold; return it with their clips."""
    folds = {fold.held_out: fold for fold in task.folds}
    if subject_id not in folds:
        raise DataError(
            f"There is no clip of {subject_id} among those of {len(folds)} subjects: "
            f"{next(iter(folds))} for one. Give a subject as corpus/subject."
        )
    train, others = hold_out_inside(
        folds[subject_id],
        task.subjects,
        task.data.targets.tolist(),
        subjects_share=inner.subjects_share,
        rng=generator(seed, subject_id, "inner persons"),
    )
    return replace(folds[subject_id], train=train), others


def curves_csv(curves: Sequence[TrainingCurve]) -> str:
    """One line per training and epoch: ``label, epoch, loss, training, others``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("label", "epoch", "loss", "training", "others"))
    for curve in curves:
        lines = zip(curve.losses, curve.training, curve.others, strict=True)
        for epoch, values in enumerate(lines, start=1):
            writer.writerow((curve.label, epoch, *(f"{value:.6f}" for value in values)))
    return text.getvalue()


def draw_curves(title: str, curves: Sequence[TrainingCurve]) -> bytes:
    """All trainings side by side on one scale, as a PNG file; same numbers, same bytes.

    Args:
        title: Of the figure.
        curves: At least one.
    """
    width = max(2, len(curves)) * _PANEL_IN
    figure = new_figure(width, _HEIGHT_IN, dpi=_DPI)
    figure.text(0.35 / width, 0.93, title, fontsize=13, weight="bold", color=INK, va="center")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    figure.subplots_adjust(left=0.6 / width, right=0.985, top=0.72, bottom=0.15, wspace=0.12)
    for place, (panel, curve) in enumerate(zip(panels, curves, strict=True)):
        _draw(panel, curve, named=place == 0)
    panels[0].set_ylabel("accuracy", color=SOFT, fontsize=10)
    return figure_bytes(figure)


def _draw(panel: Axes, curve: TrainingCurve, *, named: bool) -> None:
    epochs = range(1, len(curve.losses) + 1)
    draw_frame(panel)
    panel.set_ylim(0, 1.04)
    panel.set_xlim(0.5, len(curve.losses) + 0.5)
    lines = (
        ("learned from", curve.training, OTHER, curve.clips),
        ("other subjects", curve.others, ACCENT, curve.other_clips),
    )
    for name, values, colour, clips in lines:
        marker = "o" if len(values) <= 40 else ""
        label = f"{name}, {clips} clips: {values[-1]:.2f}"
        panel.plot(
            epochs, values, color=colour, linewidth=1.8, marker=marker, markersize=3, label=label
        )
    panel.axhline(curve.chance, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)
    if named:
        panel.text(
            len(curve.losses) + 0.4, curve.chance + 0.015, "always the largest class", fontsize=8,
            color=SOFT, ha="right", va="bottom", zorder=5,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        )  # fmt: skip
    panel.set_title(curve.label, loc="left", fontsize=11, color=INK, pad=34)
    panel.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 1.0), frameon=False, fontsize=8.5,
        labelcolor="linecolor", handlelength=1.2, borderaxespad=0.1, labelspacing=0.25,
    )  # fmt: skip
    panel.set_xlabel("epoch", color=SOFT, fontsize=10)
    panel.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
