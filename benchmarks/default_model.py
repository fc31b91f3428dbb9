"""Make the model that comes with OpenMER, and measure how far its confidence can be trusted.

    python benchmarks/default_model.py [--data ../shared/data/megc2019_flow.zip] [--out RUNS]

Evaluates `flow-mlp` by leave-one-subject-out and by leave-one-corpus-out on the real flow of the
442 clips of the MEGC 2019 composite (three seeds), calibrates it, fits it on everybody (seed 0) and
writes
src/openmer/weights/default-model, docs/images/reliability.png and
benchmarks/results/default_model.csv (what saying nothing gives) and default_model_parts.csv (by the
class that is answered, and each corpus by the temperature and threshold of the others). An older
model there is replaced when the new one is complete.
The data is licensed and not in this repository; the script says so and stops where it is missing.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from openmer.cli._console import output, progress
from openmer.datasets import from_manifest
from openmer.deployment import (
    FittedModel,
    calibration_from_run,
    estimate_from_run,
    train_model,
    write_model,
)
from openmer.evaluation import (
    CalibratedByOthers,
    PredictionTable,
    Protocol,
    ScoreKind,
    Task,
    calibrate,
    coverage_curve,
    cross_validate,
    logits_of,
    prepare_task,
    probabilities_at,
)
from openmer.evaluation._abstention import answered, choose_threshold
from openmer.evaluation._calibration import (
    calibrated_by_others,
    fit_temperature,
    predictions_to_calibrate,
)
from openmer.methods import load_method
from openmer.reports._reliability import draw_reliability
from openmer.training import Resources

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data" / "megc2019_flow.zip"
MODEL = ROOT / "src" / "openmer" / "weights" / "default-model"
PICTURE = ROOT / "docs" / "images" / "reliability.png"
RESULTS = ROOT / "benchmarks" / "results"
SEEDS = (0, 1, 2)
ALONE = Resources(device="cpu", workers=1, compiled="never")
NOTE = (
    "The clips are those of SMIC, CASME II and SAMM in the MEGC 2019 composite, in the form of the "
    "onset-to-apex optical flow (28x28, 8 bit) that the authors of STSTNet released. The corpora "
    "are licensed for research. No clip, flow image or name of a subject is in the model.\n\n"
    "It knows three classes only and has never seen a clip without an expression, so it names one "
    "of the three for any movement, speech and blinks among them. The people are few, mostly "
    "young, recorded in laboratories. It was trained on the authors' own crops and flow; clips of "
    "yours are cropped and their flow is computed by OpenMER. What this difference costs on real "
    "faces, nobody has measured.\n\n"
    "Its recipe finds no face. Give it tight crops: the eyes half the picture's width apart and a "
    "quarter of its height below the upper edge, as `openmer analyze` cuts them. On drawn faces, "
    "whole heads in place of such crops more than halve UF1, and its confidence hardly notices "
    "(`benchmarks/default_crop.py`)."
)


def main() -> None:
    """Evaluate, calibrate, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "default")
    arguments = parser.parse_args()
    if not arguments.data.is_file():
        sys.exit(f"The real flow is not at {arguments.data}: no model was made. Give --data.")
    clips = from_manifest(_unpacked(arguments.data, arguments.out))
    protocol = Protocol(seeds=SEEDS)
    task = prepare_task(load_method("flow-mlp"), clips, protocol=protocol, workers=1)
    run = _run(task, protocol, arguments.out)
    corpora = Protocol(seeds=SEEDS, folds="loco")
    other = prepare_task(load_method("flow-mlp"), clips, protocol=corpora, workers=1)
    model = _replaced(_fitted(task, run, _run(other, corpora, arguments.out)))
    _measure(run)
    output.print(f"{model.record.caution}\n{model.record.calibration}", highlight=False)


def _run(task: Task, protocol: Protocol, out: Path) -> Path:
    """Train what is not yet done of a run."""
    with progress(f"Default model, {protocol.folds}") as report:
        return cross_validate(
            task,
            protocol,
            out=out,
            resources=ALONE,
            command="python benchmarks/default_model.py",
            on_progress=report,
        )


def _fitted(task: Task, run: Path, corpora: Path) -> FittedModel:
    """On everybody, with what the runs say of it."""
    model = train_model(
        task,
        estimate=estimate_from_run(run, task, "fixed"),
        calibration=calibration_from_run(run, task, "fixed"),
        resources=ALONE,
    )
    other = estimate_from_run(corpora, task, "fixed", "loco")
    update = {"note": NOTE, "other_corpus": other}
    return replace(model, record=model.record.model_copy(update=update))


def _replaced(model: FittedModel) -> FittedModel:
    """Written in the place of an older one, which stays until then."""
    fresh = MODEL.with_name(f".{MODEL.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    written = write_model(fresh, model)
    shutil.rmtree(MODEL, ignore_errors=True)
    fresh.rename(MODEL)
    return written


def _measure(run: Path) -> None:
    """The picture, and the tables."""
    table, kind = predictions_to_calibrate(run)
    report, found = calibrate(table, kind), calibrated_by_others(table, kind)
    title = (
        f"Averaged-flow MLP: {report.clips} clips of {report.subjects} held-out subjects, "
        f"{len(report.seeds)} seeds"
    )
    PICTURE.write_bytes(draw_reliability(title, report, found))
    curve = _written(("confidence", "coverage", "accuracy", "uf1"), _curve(found))
    (RESULTS / "default_model.csv").write_text(curve, encoding="utf-8")
    rows = [*_classes(found), *_corpora(table, kind)]
    parts = _written(("part", "name", "temperature", "coverage", "confidence", "right"), rows)
    (RESULTS / "default_model_parts.csv").write_text(parts, encoding="utf-8")


def _curve(found: CalibratedByOthers) -> Iterable[tuple[str, ...]]:
    for point in coverage_curve(found.after, found.truth, [step / 20 for step in range(6, 20)]):
        scores = ("" if one is None else f"{one:.4f}" for one in (point.accuracy, point.uf1))
        yield f"{point.confidence:.2f}", f"{point.coverage:.4f}", *scores


def _classes(found: CalibratedByOthers) -> Iterable[tuple[str, ...]]:
    """Of the answers that say a class: their share of all clips, mean confidence, right ones."""
    confidence, said = found.after.max(axis=1), found.after.argmax(axis=1)
    for number, name in enumerate(found.classes):
        own = found.answered & (said == number)
        numbers = (own.mean(), confidence[own].mean(), found.right[own].mean())
        yield "class", name, "", *(f"{one:.4f}" for one in numbers)


def _corpora(table: PredictionTable, kind: ScoreKind) -> Iterable[tuple[str, ...]]:
    """The same of the answers on each corpus, calibrated by the other corpora."""
    logits, corpora = logits_of(table.scores, kind), np.array(table.corpora)
    for name in np.unique(corpora):
        own = corpora == name
        temperature = fit_temperature(logits[~own], table.truth[~own])
        others = probabilities_at(logits[~own], temperature)
        threshold = choose_threshold(others, table.truth[~own])
        found = probabilities_at(logits[own], temperature)
        says = answered(found, threshold.confidence)
        right = found.argmax(axis=1) == table.truth[own]
        numbers = (temperature, says.mean(), found.max(axis=1)[says].mean(), right[says].mean())
        yield "corpus", str(name), *(f"{one:.4f}" for one in numbers)


def _written(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue()


def _unpacked(archive: Path, out: Path) -> Path:
    folder = out / "data"
    if not (folder / "samples.csv").is_file():
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
    return folder / "samples.csv"


if __name__ == "__main__":
    main()
