"""``openmer train``: fit a method on everybody and store one model, with its honest estimate."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli._clips import clips_of, prepared, warn_of_leaks
from openmer.cli._console import output, progress, tell, warn
from openmer.cli._options import (
    Compiled,
    Corpus,
    Device,
    DeviceOption,
    FailureOption,
    Frames,
    Json,
    Manifest,
    MemoryGib,
    MethodName,
    OnFailure,
    Overrides,
    Roots,
    SearchFile,
    Variant,
    Workers,
)
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.deployment import Calibration, FittedModel, ModelEstimate
    from openmer.evaluation import Progress, Task
    from openmer.training import Resources


def train(
    method: MethodName,
    out: Annotated[Path, typer.Option("--out", help="Folder of the model; must not exist yet.")],
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
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
    overrides: Overrides = None,
    search: SearchFile = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the training.")] = 0,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    memory_gib: MemoryGib = 0.0,
    compiled: Annotated[Compiled, typer.Option(help="Compile the step.")] = Compiled.auto,
    on_failure: FailureOption = OnFailure.list_,
    as_json: Json = False,
) -> None:
    """Fit a method on all subjects; evaluated by leave-one-subject-out on the same clips before."""
    from openmer.deployment import epoch_rule_of, refuse_taken, train_model, write_model
    from openmer.evaluation import Protocol
    from openmer.methods import load_method
    from openmer.preprocessing import listed
    from openmer.training import Resources

    if estimate is not None and no_estimate:
        raise ConfigError("Found --estimate and --no-estimate, expected one of them at most.")
    chosen = load_method(method, overrides or (), search)
    refuse_taken(out)
    strict = on_failure == OnFailure.error
    source = clips_of(manifest, corpus, root, variant=variant, frames=frames, strict=strict)
    warn(source.warning)
    resources = Resources(
        device=device.value, workers=workers, memory_gib=memory_gib, compiled=compiled.value
    )
    protocol = Protocol(epoch_rule=epoch_rule_of(chosen), seeds=(seed,))
    with progress(chosen.title) as report:
        task = prepared(chosen, source, protocol, workers, on_failure, report)
        warn_of_leaks(task)
        known, calibration = None, None
        if not no_estimate:
            known = _estimate(task, estimate or runs, estimate is None, seed, resources, report)
            calibration = _calibration(task, estimate or runs / known.run)
        report("fitting on everybody", 0, 1)
        model = train_model(
            task,
            seed=seed,
            estimate=known,
            calibration=calibration,
            resources=resources,
            runs=runs,
            on_progress=report,
        )
        model = write_model(out, model)
        report("fitting on everybody", 1, 1)
    _show(out, model, as_json=as_json)
    tell(listed(task.failures, of=task.asked))


def _estimate(
    task: Task, folder: Path, make: bool, seed: int, resources: Resources, report: Progress
) -> ModelEstimate:
    """From the finished run in the folder, or from one that is made inside it."""
    from openmer.deployment import epoch_rule_of, estimate_from_run, estimate_of
    from openmer.evaluation import Protocol

    rule = epoch_rule_of(task.method)
    if not make:
        return estimate_from_run(folder, task, rule)
    return estimate_of(
        task,
        Protocol(epoch_rule=rule, seeds=(seed,)),
        runs=folder,
        resources=resources,
        command=shlex.join(["openmer", *sys.argv[1:]]),
        on_progress=report,
    )


def _calibration(task: Task, run: Path) -> Calibration:
    """From the run of the estimate."""
    from openmer.deployment import calibration_from_run, epoch_rule_of

    return calibration_from_run(run, task, epoch_rule_of(task.method))


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
        output.print(line, markup=False, highlight=False, soft_wrap=True)
