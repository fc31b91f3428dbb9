"""Make the model that comes with OpenMER, and measure how far its confidence can be trusted.

    python benchmarks/default_model.py [--data ../shared/data/megc2019_flow.zip] [--out RUNS]

Evaluates `flow-kernel-compact` by leave-one-subject-out, in five groups of subjects and by
leave-one-corpus-out on the real flow of the 442 clips of the MEGC 2019 composite (three seeds),
audits it on three subjects and on every corpus, calibrates it, fits it on everybody (seed 0) and
writes src/openmer/weights/default-model, docs/images/reliability.png,
benchmarks/results/default_model.csv (what saying nothing gives) and default_model_parts.csv (by
the class that is answered, and by corpus). Each corpus is calibrated inside the two others alone:
each of these scored by a model of the other one. An older model there is replaced when the new one
is complete.
The data is licensed and not in this repository; the script says so and stops where it is missing.
"""

from __future__ import annotations

import argparse
import csv
import io
import shutil
import sys
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from reliability import coverage_curve, draw_reliability, predictions_to_calibrate

from openmer.cli._console import output, progress
from openmer.clip import Clip
from openmer.datasets import ClipSource, from_manifest
from openmer.deployment import (
    FittedModel,
    estimate_from_run,
    train_model,
    write_model,
)
from openmer.evaluation import (
    Calibration,
    PredictionTable,
    Protocol,
    Summary,
    Task,
    audit_method,
    calibrate,
    cross_validate,
    load_run,
    prepare_task,
)
from openmer.evaluation._audit_stamp import read_audit, write_audit
from openmer.evaluation._calibration import (
    CalibratedByOthers,
    quality_of,
)
from openmer.methods import load_method
from openmer.training import Resources

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data" / "megc2019_flow.zip"
MODEL = ROOT / "src" / "openmer" / "weights" / "default-model"
PICTURE = ROOT / "docs" / "images" / "reliability.png"
RESULTS = ROOT / "benchmarks" / "results"
METHOD = "flow-kernel-compact"
SEEDS = (0, 1, 2)
TARGET = 0.9  # share of answers that are to be right
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


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Folders of runs.

    Attributes:
        task: All clips.
        subjects: By leave-one-subject-out.
        groups: In five groups of subjects.
        corpora: By leave-one-corpus-out.
        inside: Of each corpus, the same of the two others without it.
    """

    task: Task
    subjects: Path
    groups: Path
    corpora: Path
    inside: dict[str, Path]

    def calibration(self) -> tuple[Calibration, CalibratedByOthers, PredictionTable]:
        """On another corpus: what the model gets, and what it was measured on."""
        table, kind = predictions_to_calibrate(self.corpora)
        found, by_others = calibrate(
            table, kind, target=TARGET, by_class=True, inside=self._inside()
        )
        name = "/".join(self.corpora.resolve().parts[-2:])
        return found.model_copy(update={"run": name}), by_others, table

    def _inside(self) -> dict[str, PredictionTable]:
        return {name: predictions_to_calibrate(run)[0] for name, run in self.inside.items()}


def main() -> None:
    """Evaluate, calibrate, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "default")
    arguments = parser.parse_args()
    if not arguments.data.is_file():
        sys.exit(f"The real flow is not at {arguments.data}: no model was made. Give --data.")
    clips = from_manifest(_unpacked(arguments.data, arguments.out))
    runs = _evaluated(clips, arguments.out)
    model = _replaced(_fitted(runs))
    _measure(runs)
    output.print(f"{model.record.caution}\n{model.record.calibration}", highlight=False)


def _evaluated(source: ClipSource, out: Path) -> _Runs:
    """Train what is not yet done."""
    task, subjects = _run(source, "loso", out, is_audited=True)
    corpora = sorted({clip.corpus for clip in source.clips})
    others = {name: [one for one in source.clips if one.corpus != name] for name in corpora}
    return _Runs(
        task=task,
        subjects=subjects,
        groups=_run(source, "kfold:5", out)[1],
        corpora=_run(source, "loco", out, is_audited=True)[1],
        inside={name: _run(own, "loco", out)[1] for name, own in others.items()},
    )


def _run(
    clips: ClipSource | Sequence[Clip], folds: str, out: Path, *, is_audited: bool = False
) -> tuple[Task, Path]:
    protocol = Protocol(seeds=SEEDS, folds=folds)
    task = prepare_task(load_method(METHOD), clips, protocol=protocol, workers=1)
    with progress(f"Default model, {folds}") as report:
        folder = cross_validate(
            task,
            protocol,
            out=out,
            resources=ALONE,
            command="python benchmarks/default_model.py",
            on_progress=report,
        )
    if is_audited and read_audit(folder) is None:
        write_audit(folder, audit_method(task, protocol, ALONE))
    return task, folder


def _fitted(runs: _Runs) -> FittedModel:
    """On everybody, with what the runs say of it."""
    calibration, found, _ = runs.calibration()
    model = train_model(
        runs.task,
        estimate=estimate_from_run(runs.subjects, runs.task, "fixed"),
        calibration=calibration,
        resources=ALONE,
    )
    other = estimate_from_run(runs.corpora, runs.task, "fixed", "loco")
    update = {"note": f"{NOTE}\n\n{_tables(runs, found)}", "other_corpus": other}
    return replace(model, record=model.record.model_copy(update=update))


def _tables(runs: _Runs, found: CalibratedByOthers) -> str:
    """Write the scores by class, in five groups, and what saying nothing gives."""
    protocols = {"subjects": runs.subjects, "five groups": runs.groups, "corpora": runs.corpora}
    summaries: dict[str, Summary] = {name: load_run(run)[1] for name, run in protocols.items()}
    rows = [
        f"| {name} | {one.uf1:.3f} | {one.scores['uar'].value:.3f} | "
        + " | ".join(f"{each.f1:.3f}" for each in one.per_class)
        + " |"
        for name, one in summaries.items()
    ]
    head = [
        "| Held out | UF1 | UAR | F1 " + " | F1 ".join(found.classes) + " |",
        "| --- " * 6 + "|",
    ]
    said = ["| Answers from | Clips answered | Of these right |", "| --- | --- | --- |"]
    for point in coverage_curve(found.after, found.truth, [step / 10 for step in range(3, 10)]):
        right = "" if point.accuracy is None else f"{point.accuracy:.0%}"
        said.append(f"| {point.confidence:.1f} | {point.coverage:.0%} | {right} |")
    least = _least_ece(found)
    return "\n\n".join(
        [
            "By what was held out (three seeds):",
            "\n".join([*head, *rows]),
            "On a corpus it has not seen, by the confidence from which it answers:",
            "\n".join([*said]),
            f"On so few clips even exactly right probabilities have an ECE: {least[0]:.3f} on "
            f"average, up to {least[1]:.3f} in 95 of 100 draws.",
        ]
    )


def _least_ece(found: CalibratedByOthers, draws: int = 200) -> tuple[float, float]:
    """ECE of one seed's probabilities where classes are drawn from them: mean, 95 % quantile."""
    rng = np.random.default_rng(0)
    shares = found.after[: len(found.after) // len(SEEDS)]
    ends = shares.cumsum(axis=1)
    drawn = [
        quality_of(shares, (rng.random((len(shares), 1)) > ends[:, :-1]).sum(axis=1)).ece
        for _ in range(draws)
    ]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.95))


def _replaced(model: FittedModel) -> FittedModel:
    """Written in the place of an older one, which stays until then."""
    fresh = MODEL.with_name(f".{MODEL.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    written = write_model(fresh, model)
    shutil.rmtree(MODEL, ignore_errors=True)
    fresh.rename(MODEL)
    return written


def _measure(runs: _Runs) -> None:
    """The picture, and the tables."""
    report, found, table = runs.calibration()
    title = (
        f"{runs.task.method.title}: {report.clips} clips, each corpus held out, "
        f"{len(report.seeds)} seeds"
    )
    PICTURE.write_bytes(draw_reliability(title, report, found))
    curve = _written(("confidence", "coverage", "accuracy", "uf1"), _curve(found))
    (RESULTS / "default_model.csv").write_text(curve, encoding="utf-8")
    rows = [*_parts(found, "class", found.before.argmax(axis=1), found.classes)]
    names = sorted(set(table.corpora))
    own = np.array([names.index(name) for name in table.corpora])
    rows += _parts(found, "corpus", own, names)
    head = ("part", "name", "coverage", "confidence", "right", "all_confidence", "all_right", "ece")
    (RESULTS / "default_model_parts.csv").write_text(_written(head, rows), encoding="utf-8")


def _curve(found: CalibratedByOthers) -> Iterable[tuple[str, ...]]:
    for point in coverage_curve(found.after, found.truth, [step / 20 for step in range(6, 20)]):
        scores = ("" if one is None else f"{one:.4f}" for one in (point.accuracy, point.uf1))
        yield f"{point.confidence:.2f}", f"{point.coverage:.4f}", *scores


def _parts(
    found: CalibratedByOthers, part: str, number: NDArray[np.integer], names: Sequence[str]
) -> Iterable[tuple[str, ...]]:
    """Of parts of the rows: share that is answered, confidence and right ones of these; of all."""
    confidence = found.after.max(axis=1)
    for place, name in enumerate(names):
        own = number == place
        says = own & found.answered
        numbers = (
            says.sum() / own.sum(),
            confidence[says].mean(),
            found.right[says].mean(),
            confidence[own].mean(),
            found.right[own].mean(),
            quality_of(found.after[own], found.truth[own]).ece,
        )
        yield part, name, *(f"{one:.4f}" for one in numbers)


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
