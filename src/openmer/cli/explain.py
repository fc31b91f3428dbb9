"""``openmer explain``: where in a clip a network's decision comes from, as one figure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openmer import deployment, evaluation, explanation, methods
from openmer.cli._console import errors, output, progress, tell, warn
from openmer.cli._option_groups import Clips, Compute, Movement, clip_named, prepare
from openmer.cli._options import MOST_SEED, Json, Overrides, Saliency
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.datasets import ClipSource
    from openmer.deployment import Moments
    from openmer.explanation import SaliencyMap


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked of whichever network."""

    clip: str
    class_name: str
    saliency: Saliency
    moments: Moments
    overrides: tuple[str, ...]


def explain(
    clip: Annotated[
        str,
        typer.Argument(
            metavar="CLIP|PATH",
            help="The clip's key: corpus/subject/name; with --model alone a folder of frames, or "
            "an image.",
        ),
    ],
    clips: Clips,
    movement: Movement,
    compute: Compute,
    method: Annotated[
        str | None,
        typer.Option("--method", help="A method; the fold without the clip's subject is trained."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Folder that `openmer train` wrote, in place of --method."),
    ] = None,
    class_name: Annotated[
        str, typer.Option("--class", help="Class to explain; the predicted one by default.")
    ] = "",
    saliency: Annotated[
        Saliency,
        typer.Option(
            help="How maps are weighed: each as a whole, or each of its places. They differ where "
            "a network flattens its maps."
        ),
    ] = "grad-cam",
    overrides: Overrides = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Seed of the training.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Figure to write, .png.")] = Path(
        "saliency.png"
    ),
    as_json: Json = False,
) -> None:
    """Draw which places of a clip raise a class, by a network that has not seen its subject."""
    explanation.require_png(out)
    explanation.require_captum()
    asked = _Asked(
        clip=clip,
        class_name=class_name,
        saliency=saliency,
        moments=movement.moments,
        overrides=tuple(overrides or ()),
    )
    match method, model:
        case str(name), None:
            shown = _held_out(name, asked, clips.read(), seed, compute)
        case None, Path() as folder:
            shown = _by_model(folder, asked, clips.read() if clips.given else None)
        case _:
            raise ConfigError(
                f"Found {'neither' if model is None else 'both'} of --method and --model, expected "
                "one: --method NAME to train without the clip's subject, or --model FOLDER "
                "that `openmer train` wrote."
            )
    explanation.write_figure(out, explanation.draw_saliency_map(shown))
    _tell(shown, out, as_json=as_json)


def _held_out(
    name: str, asked: _Asked, source: ClipSource, seed: int, compute: Compute
) -> SaliencyMap:
    """By the network of the fold in which the clip's subject is held out."""
    _require_no_moments(asked)
    method = methods.load_method(name, asked.overrides)
    explanation.require_explainable(
        method, clip_named(source, asked.clip).subject_id, asked.class_name
    )
    protocol = evaluation.Protocol(epoch_rule=explanation.honest_rule(method))
    with progress(method.title) as report:
        task = prepare(method, source, protocol, compute.workers, report)
        report("train", 0, 1)
        shown = explanation.explain_held_out(
            task,
            asked.clip,
            class_name=asked.class_name,
            kind=asked.saliency,
            seed=seed,
            resources=compute.resources,
        )
        report("train", 1, 1)
    return shown


def _by_model(folder: Path, asked: _Asked, source: ClipSource | None) -> SaliencyMap:
    """By a model for use."""
    if asked.overrides:
        raise ConfigError(
            "Found --set beside --model, whose network is trained already. Leave it out."
        )
    model = deployment.read_model(folder)
    if source is None:
        (sample,) = deployment.samples_of_paths([Path(asked.clip)], asked.moments)
    else:
        _require_no_moments(asked)
        clip = clip_named(source, asked.clip)
        sample = deployment.Sample(name=clip.key, clip=clip, label=clip.emotion)
    return explanation.explain_sample(
        model, sample, class_name=asked.class_name, kind=asked.saliency
    )


def _require_no_moments(asked: _Asked) -> None:
    if asked.moments.given:
        raise ConfigError(
            "Found --onset, --apex, --offset or --fps for a clip of --manifest or --corpus, which "
            "say them. Leave them out."
        )


def _tell(shown: SaliencyMap, out: Path, *, as_json: bool) -> None:
    """Print what the figure shows, as text or as one JSON object."""
    if as_json:
        typer.echo(json.dumps(_record(shown, out)))
    else:
        names = shown.by.classes
        scores = ", ".join(f"{n} {s:.3f}" for n, s in zip(names, shown.scores, strict=True))
        output.print(
            f"{shown.by.title} says {names[shown.predicted]} ({scores}). Explained: "
            f"{names[shown.explained]}.",
            highlight=False,
            soft_wrap=True,
        )
        tell(shown.by.origin)
        for caution in shown.cautions:
            warn(caution)
    errors.print(f"Saliency map: {out.resolve()}", soft_wrap=True)


def _record(shown: SaliencyMap, out: Path) -> dict[str, Any]:
    names, training = shown.by.classes, shown.by.training
    return {
        "input": shown.name,
        "network": shown.by.title,
        "origin": shown.by.origin,
        "held_out": training and training.job.subject_id,
        "seed": training and training.job.seed,
        "epoch": training and training.epoch,
        "class": names[shown.predicted],
        "label": None if shown.truth is None else names[shown.truth],
        "scores": dict(zip(names, shown.scores, strict=True)),
        "explained": names[shown.explained],
        "saliency": shown.found.kind,
        "layer": shown.layer,
        "cells": shown.found.cells.tolist(),
        "cautions": list(shown.cautions),
        "figure": str(out),
    }
