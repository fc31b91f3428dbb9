"""``openmer predict``: what clips and images show, how sure that is, and how far to trust it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import deployment
from openmer.cli._console import print_table, tell, warn
from openmer.cli._option_groups import Movement
from openmer.cli._options import FacesOption, Json
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.deployment import Decision, FittedModel, ModelRecord, Moments, Sample


@dataclass(frozen=True, slots=True)
class _Scored:
    sample: Sample
    scores: tuple[float, ...]
    units: tuple[int, ...]
    decision: Decision


def predict(
    movement: Movement,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="CLIP|IMAGE...", help="Folders of frames, or images."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            help="Folder that `openmer train` wrote; the model that comes with OpenMER by default.",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", help="A method with weights of its own, in place of --model."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="CSV that lists the clips, in their place.")
    ] = None,
    faces: FacesOption = None,
    as_json: Json = False,
) -> None:
    """Say what clips or images show, and how sure that is; exit code 3 if one cannot be scored."""
    samples = _samples(inputs or [], manifest, movement.moments)
    if faces is not None:
        cropped = faces == "cropped"
        samples = tuple(sample.with_faces(cropped=cropped) for sample in samples)
    loaded = _model(model, method)
    scored, failed = _scored(loaded, samples)
    if as_json:
        _print_json(loaded, scored, failed)
    else:
        _print(loaded, scored)
    tell("\n".join(failed))
    raise typer.Exit(DataError.exit_code if failed else 0)


def _samples(paths: list[Path], manifest: Path | None, moments: Moments) -> tuple[Sample, ...]:
    if bool(paths) == (manifest is not None):
        raise ConfigError(
            f"Found {'both' if paths else 'neither'} of clips and --manifest, expected one: "
            "folders of frames or images, or --manifest FILE."
        )
    if manifest is None:
        return deployment.samples_of_paths(paths, moments)
    if moments.given:
        raise ConfigError(
            "Found --onset, --apex, --offset or --fps beside --manifest, whose columns say them. "
            "Leave them out."
        )
    return deployment.samples_of_manifest(manifest)


def _model(folder: Path | None, method: str | None) -> FittedModel:
    if folder is not None and method is not None:
        raise ConfigError(
            "Found both of --model and --method, expected one at most: --model FOLDER that "
            "`openmer train` wrote, or --method NAME that comes with weights."
        )
    if folder is not None:
        return deployment.read_model(folder)
    if method is not None:
        return deployment.packaged_model(method)
    tell(
        "No --model is given: this is the model that comes with OpenMER. It takes tight crops of a "
        "face, eyebrows near the upper edge, chin near the lower one."
    )
    return deployment.default_model()


def _scored(model: FittedModel, samples: tuple[Sample, ...]) -> tuple[list[_Scored], list[str]]:
    """Scores of all that can be scored, and why the others cannot; one alone is an error."""
    scored: list[_Scored] = []
    failed: list[str] = []
    for sample in samples:
        try:
            found, units = sample.answer(model)
            scores = tuple(found.tolist())
        except DataError as error:
            if len(samples) == 1:
                raise
            failed.append(str(error))
        else:
            scored.append(_Scored(sample, scores, units, model.record.decide(scores)))
    return scored, failed


def _print_json(model: FittedModel, scored: list[_Scored], failed: list[str]) -> None:
    """One JSON object."""
    record = model.record
    told = {
        "method": record.method,
        "weights_sha256": record.weights_sha256,
        "classes": list(record.classes),
        "scores": record.meaning,
        "caution": record.caution,
        "estimate": record.estimate and record.estimate.model_dump(mode="json"),
        "calibration": record.calibration and record.calibration.model_dump(mode="json"),
        "predictions": [_as_json(record, one) for one in scored],
        "failures": failed,
    }
    typer.echo(json.dumps(told))


def _as_json(record: ModelRecord, one: _Scored) -> dict[str, object]:
    """One prediction; its class is null where the model is not sure enough."""
    found = one.decision
    told: dict[str, object] = {
        "input": one.sample.name,
        "class": found.class_name,
        "likeliest": found.likeliest,
        "confidence": found.confidence,
        "reason": found.reason,
        "scores": dict(zip(record.classes, one.scores, strict=True)),
    }
    if record.units:
        told["action_units"] = list(one.units)
    if found.probabilities:
        told["probabilities"] = dict(zip(record.classes, found.probabilities, strict=True))
    if one.sample.label:
        told["label"] = one.sample.label
    return told


def _print(model: FittedModel, scored: list[_Scored]) -> None:
    """Print a table, and below it why the model is not sure, and the caution."""
    record = model.record
    labels = any(one.sample.label for one in scored)
    numbers = f"score: {record.meaning}" if record.calibration is None else "calibrated confidence"
    heads = (*record.classes, *["action units"] * bool(record.units))
    rows = []
    for one in scored:
        words = [one.sample.name, one.decision.class_name or "not sure"]
        words += [one.sample.label] if labels else []
        cells = [f"{number:.3f}" for number in one.decision.probabilities or one.scores]
        cells += ["+".join(map(str, one.units)) or "none"] if record.units else []
        rows.append((*words, *cells))
    if scored:
        columns = ("input", "class", *["label"] * labels, *heads)
        print_table(columns, rows, notes=(f"{record.title}; {numbers}.",), right=len(heads))
    tell(_why_not_sure(record, scored))
    warn(record.caution)


def _why_not_sure(record: ModelRecord, scored: list[_Scored]) -> str:
    """One line on the clips without a class; "" where there is none."""
    unsure = sum(one.decision.class_name is None for one in scored)
    if record.calibration is None or not unsure:
        return ""
    return (
        f"Not sure of {unsure} of {len(scored)}: the confidence is below "
        f"{record.calibration.abstain_below:g}; {record.calibration}."
    )
