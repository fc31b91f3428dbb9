"""``openmer evaluate``: train and evaluate a method on a corpus, all folds at once."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from openmer.cli._clips import clips_of, prepared, warn_of_leaks
from openmer.cli._console import errors, output, progress, tell, warn
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
    Out,
    Overrides,
    Roots,
    Rule,
    SearchFile,
    Storage,
    Strategy,
    Variant,
    Workers,
)


def evaluate(
    method: MethodName,
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds 0 to N-1.")] = 1,
    epoch_rule: Rule = None,
    overrides: Overrides = None,
    search: SearchFile = None,
    storage: Storage = "",
    device: DeviceOption = Device.auto,
    out: Out = Path("runs"),
    as_json: Json = False,
    workers: Workers = 0,
    memory_gib: MemoryGib = 0.0,
    strategy: Annotated[Strategy, typer.Option(help="How to run all folds.")] = Strategy.auto,
    compiled: Annotated[Compiled, typer.Option(help="Compile the step.")] = Compiled.auto,
    shuffle_labels: Annotated[
        int | None,
        typer.Option("--shuffle-labels", help="Control: permute the labels with this number."),
    ] = None,
    on_failure: FailureOption = OnFailure.list_,
) -> None:
    """Evaluate a method by leave-one-subject-out; stop and resume at will, with the same bytes."""
    from openmer.evaluation import Protocol, cross_validate
    from openmer.methods import load_method
    from openmer.training import Resources

    chosen = load_method(method, overrides or (), search)
    strict = on_failure == OnFailure.error
    source = clips_of(manifest, corpus, root, variant=variant, frames=frames, strict=strict)
    warn(source.warning)
    protocol = Protocol(
        epoch_rule=epoch_rule.value if epoch_rule else chosen.epoch_rule,
        seeds=tuple(range(seeds)),
        label_permutation=shuffle_labels,
    )
    resources = Resources(
        device=device.value,
        strategy=strategy.value,
        workers=workers,
        memory_gib=memory_gib,
        compiled=compiled.value,
    )
    with progress(chosen.title) as report:
        task = prepared(chosen, source, protocol, workers, on_failure, report)
        warn_of_leaks(task)
        command = shlex.join(["openmer", *sys.argv[1:]])
        folder = cross_validate(
            task,
            protocol,
            out=out,
            resources=resources,
            command=command,
            storage=storage,
            on_progress=report,
        )
    _show(folder, as_json=as_json)


def _show(folder: Path, *, as_json: bool) -> None:
    """Print the run's scores, and where its report lies."""
    from openmer.evaluation import load_run
    from openmer.preprocessing import Failure, listed
    from openmer.reports import render_terminal, write_report

    info, summary = load_run(folder)
    written = write_report(folder, [(info, summary)])
    if as_json:
        record = {
            "method": info.method,
            "epoch_rule": info.epoch_rule,
            "leaky": info.leaky,
            **summary.to_json(),
            "parameters": info.parameters,
            "seconds": info.seconds,
            "asked": info.asked,
            "failures": list(info.failures),
            "lost_subjects": list(info.lost_subjects),
            "seen_subjects": list(info.seen_subjects),
            "source": dict(info.source),
            "run": str(folder),
        }
        typer.echo(json.dumps(record))
    else:
        output.print(render_terminal([(info, summary)]))
    tell(listed((Failure(**failure) for failure in info.failures), of=info.asked))
    errors.print(f"Report: {written['html']}", soft_wrap=True)
