"""``openmer explain``: where in a clip a network's decision comes from, as one figure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openmer.cli._clips import clip_named, clips_of, moments_of, prepared
from openmer.cli._console import errors, output, progress, tell, warn
from openmer.cli._options import (
    Apex,
    Corpus,
    Device,
    DeviceOption,
    Fps,
    Frames,
    Json,
    Manifest,
    Offset,
    OnFailure,
    Onset,
    Overrides,
    Roots,
    Saliency,
    Variant,
    Workers,
)
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
    ] = Saliency.grad_cam,
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    onset: Onset = None,
    apex: Apex = None,
    offset: Offset = None,
    fps: Fps = None,
    overrides: Overrides = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the training.")] = 0,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    out: Annotated[Path, typer.Option("--out", help="Figure to write, .png.")] = Path("heat.png"),
    as_json: Json = False,
) -> None:
    """Draw which places of a clip raise a class, by a network that has not seen its subject."""
    from openmer.explanation import draw_saliency_map, require_captum, require_png, write_figure

    require_png(out)
    require_captum()
    asked = _Asked(
        clip=clip,
        class_name=class_name,
        saliency=saliency,
        moments=moments_of(onset, apex, offset, fps),
        overrides=tuple(overrides or ()),
    )
    named = manifest is not None or corpus is not None
    read = partial(clips_of, manifest, corpus, root, variant=variant, frames=frames)
    match method, model:
        case str(name), None:
            shown = _held_out(name, asked, read(), seed, device, workers)
        case None, Path() as folder:
            shown = _by_model(folder, asked, read() if named else None)
        case _:
            raise ConfigError(
                f"Found {'neither' if model is None else 'both'} of --method and --model, expected "
                "one: --method NAME to train without the clip's subject, or --model FOLDER "
                "that `openmer train` wrote."
            )
    write_figure(out, draw_saliency_map(shown))
    _tell(shown, out, as_json=as_json)


def _held_out(
    name: str, asked: _Asked, source: ClipSource, seed: int, device: Device, workers: int
) -> SaliencyMap:
    """By the network of the fold in which the clip's subject is held out."""
    from openmer.evaluation import Protocol
    from openmer.explanation import explain_held_out, honest_rule, require_explainable
    from openmer.methods import load_method
    from openmer.training import Resources

    _require_no_moments(asked)
    warn(source.warning)
    method = load_method(name, asked.overrides)
    require_explainable(method, clip_named(source, asked.clip).subject_id, asked.class_name)
    protocol = Protocol(epoch_rule=honest_rule(method))
    with progress(method.title) as report:
        task = prepared(method, source, protocol, workers, OnFailure.list_, report)
        report("train", 0, 1)
        shown = explain_held_out(
            task,
            asked.clip,
            class_name=asked.class_name,
            kind=asked.saliency.value,
            seed=seed,
            resources=Resources(device=device.value),
        )
        report("train", 1, 1)
    return shown


def _by_model(folder: Path, asked: _Asked, source: ClipSource | None) -> SaliencyMap:
    """By a model for use."""
    from openmer.deployment import Sample, read_model, samples_of_paths
    from openmer.explanation import explain_sample

    if asked.overrides:
        raise ConfigError(
            "Found --set beside --model, whose network is trained already. Leave it out."
        )
    model = read_model(folder)
    if source is None:
        (sample,) = samples_of_paths([Path(asked.clip)], asked.moments)
    else:
        _require_no_moments(asked)
        warn(source.warning)
        clip = clip_named(source, asked.clip)
        sample = Sample(name=clip.key, clip=clip, label=clip.emotion)
    return explain_sample(model, sample, class_name=asked.class_name, kind=asked.saliency.value)


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
            markup=False,
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
        "heat": shown.found.kind,
        "layer": shown.layer,
        "cells": shown.found.cells.tolist(),
        "cautions": list(shown.cautions),
        "figure": str(out),
    }
