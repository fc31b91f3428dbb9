"""``openmer predict``: class scores of clips and stills, with a word on how far to trust them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli.clips import moments_of
from openmer.cli.console import output, tell, warn
from openmer.cli.options import Apex, Fps, Json, Offset, Onset
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.deployment import FittedModel, Moments, Sample


@dataclass(frozen=True, slots=True)
class _Scored:
    sample: Sample
    scores: tuple[float, ...]


def predict(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CLIP|IMAGE...", help="Folders of frames, or images."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder that `openmer train` wrote.")
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", help="A method with weights of its own, in place of --model."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV that lists the clips, in their place.")
    ] = None,
    onset: Onset = None,
    apex: Apex = None,
    offset: Offset = None,
    fps: Fps = None,
    as_json: Json = False,
) -> None:
    """Score clips or stills; exit code 3 if one of them could not be scored."""
    samples = _samples(inputs or [], manifest, moments_of(onset, apex, offset, fps))
    loaded = _model(model, method)
    scored, failed = _scored(loaded, samples)
    if as_json:
        _print_json(loaded, scored, failed)
    else:
        _print(loaded, scored)
    tell("\n".join(failed))
    raise typer.Exit(DataError.exit_code if failed else 0)


def _samples(paths: list[Path], manifest: Path | None, moments: Moments) -> tuple[Sample, ...]:
    from openmer.deployment import samples_of_manifest, samples_of_paths

    if bool(paths) == (manifest is not None):
        raise ConfigError(
            f"Found {'both' if paths else 'neither'} of clips and --manifest, expected one: "
            "folders of frames or images, or --manifest FILE."
        )
    if manifest is None:
        return samples_of_paths(paths, moments)
    if moments.given:
        raise ConfigError(
            "Found --onset, --apex, --offset or --fps beside --manifest, whose columns say them. "
            "Leave them out."
        )
    return samples_of_manifest(manifest)


def _model(folder: Path | None, method: str | None) -> FittedModel:
    from openmer.deployment import packaged_model, read_model

    if folder is not None and method is None:
        return read_model(folder)
    if method is not None and folder is None:
        return packaged_model(method)
    raise ConfigError(
        f"Found {'neither' if folder is None else 'both'} of --model and --method, expected one: "
        "--model FOLDER that `openmer train` wrote, or --method NAME that comes with weights."
    )


def _scored(model: FittedModel, samples: tuple[Sample, ...]) -> tuple[list[_Scored], list[str]]:
    """Scores of all that can be scored, and why the others cannot; one alone is an error."""
    scored: list[_Scored] = []
    failed: list[str] = []
    for sample in samples:
        try:
            scored.append(_Scored(sample, tuple(sample.score(model).tolist())))
        except DataError as error:
            if len(samples) == 1:
                raise
            failed.append(str(error))
    return scored, failed


def _print_json(model: FittedModel, scored: list[_Scored], failed: list[str]) -> None:
    """One JSON object."""
    record = model.record
    classes = record.classes
    found = [
        {
            "input": one.sample.name,
            "class": _winner(classes, one.scores),
            "scores": dict(zip(classes, one.scores, strict=True)),
            **({"label": one.sample.label} if one.sample.label else {}),
        }
        for one in scored
    ]
    told = {
        "method": record.method,
        "weights_sha256": record.weights_sha256,
        "classes": list(classes),
        "scores": record.meaning,
        "caution": record.caution,
        "estimate": record.estimate and record.estimate.model_dump(mode="json"),
        "predictions": found,
        "failures": failed,
    }
    typer.echo(json.dumps(told))


def _print(model: FittedModel, scored: list[_Scored]) -> None:
    """A table, and the caution below it."""
    from rich.table import Table
    from rich.text import Text

    record = model.record
    labels = any(one.sample.label for one in scored)
    table = Table(box=None, caption=f"{record.title}; score: {record.meaning}.")
    for title in ("input", "class", *(["label"] if labels else [])):
        table.add_column(title, overflow="fold")
    for name in record.classes:
        table.add_column(name, justify="right")
    for one in scored:
        words = [one.sample.name, _winner(record.classes, one.scores)]
        words += [one.sample.label] if labels else []
        numbers = [f"{score:.3f}" for score in one.scores]
        table.add_row(*(Text(word) for word in (*words, *numbers)))
    if scored:
        output.print(table)
    warn(record.caution)


def _winner(classes: tuple[str, ...], scores: tuple[float, ...]) -> str:
    """The class of the largest score; the first one on a tie."""
    return classes[max(range(len(scores)), key=scores.__getitem__)]
