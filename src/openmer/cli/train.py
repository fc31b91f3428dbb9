"""``openmer train``: fit a method on everybody and store one model, with its honest estimate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import deployment, evaluation
from openmer.cli._console import output, progress, typed_command
from openmer.cli._option_groups import Clips, FoldCompute, Work, tell_failures
from openmer.cli._options import MOST_SEED, Json
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.deployment import FittedModel, ModelEstimate
    from openmer.evaluation import Progress, Protocol, Task
    from openmer.training import Resources


def train(
    work: Work,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model; must not exist yet.")],
    clips: Clips,
    compute: FoldCompute,
    estimate: Annotated[
        Path | None,
        typer.Option(
            "--estimate",
            metavar="RUN",
            help="Folder of a finished run of this method on these clips; otherwise one is made.",
        ),
    ] = None,
    no_estimate: Annotated[
        bool, typer.Option("--no-estimate", help="Make no estimate; the model says so.")
    ] = False,
    runs: Annotated[
        Path, typer.Option("--runs", help="Where the runs are that estimates come from.")
    ] = Path("runs"),
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=MOST_SEED, help="Seed of the training.")
    ] = 0,
    as_json: Json = False,
) -> None:
    """Fit a method on all subjects; evaluated by leave-one-subject-out on the same clips before."""
    if estimate is not None and no_estimate:
        raise ConfigError("Found --estimate and --no-estimate, expected one of them at most.")
    chosen = work.load()
    evaluation.require_classes(chosen)
    deployment.refuse_taken(out)
    source = work.read(clips)
    rule = deployment.epoch_rule_of(chosen)
    protocol = evaluation.Protocol(epoch_rule=rule, seeds=(seed,))
    with progress(chosen.title) as report:
        task = work.prepare(chosen, source, protocol, compute.workers, report)
        known, calibration = None, None
        if not no_estimate:
            known = _estimate(task, protocol, estimate, runs, compute.resources, report)
            run = estimate or runs / known.run
            calibration = deployment.calibration_from_run(run, task, rule)
        report("fitting on everybody", 0, 1)
        model = deployment.train_model(
            task,
            seed=seed,
            estimate=known,
            calibration=calibration,
            resources=compute.resources,
            runs=runs,
            on_progress=report,
        )
        model = deployment.write_model(out, model)
        report("fitting on everybody", 1, 1)
    _show(out, model, as_json=as_json)
    tell_failures(task)


def _estimate(
    task: Task,
    protocol: Protocol,
    run: Path | None,
    runs: Path,
    resources: Resources,
    report: Progress,
) -> ModelEstimate:
    """From the finished run that is given, or from one that is made among the runs."""
    if run is not None:
        return deployment.estimate_from_run(run, task, protocol.epoch_rule)
    return deployment.estimate_of(
        task,
        protocol,
        runs=runs,
        resources=resources,
        command=typed_command(),
        on_progress=report,
    )


def _show(folder: Path, model: FittedModel, *, as_json: bool) -> None:
    """Where the model lies and how far to trust it."""
    record = model.record
    if as_json:
        typer.echo(json.dumps({"model": str(folder), **record.model_dump(mode="json")}))
        return
    trained = record.trained_on
    clips = sum(count.clips for count in trained.corpora.values())
    subjects = sum(count.subjects for count in trained.corpora.values())
    lines = [
        f"{record.title}, trained on {clips} clips of {subjects} subjects.",
        record.caution,
        *([f"Confidence: {record.calibration}."] if record.calibration else []),
        f"Model: {folder.resolve()}",
    ]
    for line in lines:
        output.print(line, highlight=False, soft_wrap=True)
