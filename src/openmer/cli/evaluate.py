"""``openmer evaluate``: train and evaluate a method on a corpus, all folds at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from openmer import evaluation, preprocessing, reports
from openmer.cli._console import errors, output, progress, tell, typed_command, warn
from openmer.cli._option_groups import Clips, FoldCompute, Work
from openmer.cli._options import (
    MOST_SEED,
    Json,
    LeakOption,
    Out,
    ProtocolOption,
    Rule,
    Seeds,
    Storage,
    Track,
)
from openmer.errors import ConfigError
from openmer.files import require_room


def evaluate(
    work: Work,
    clips: Clips,
    compute: FoldCompute,
    seeds: Seeds = 1,
    epoch_rule: Rule = None,
    leak: LeakOption = None,
    folds: ProtocolOption = "loso",
    storage: Storage = "",
    out: Out = Path("runs"),
    track: Track = "",
    as_json: Json = False,
    shuffle_labels: Annotated[
        int | None,
        typer.Option(
            "--shuffle-labels",
            min=0,
            max=MOST_SEED,
            help="Control: permute the labels with this number.",
        ),
    ] = None,
) -> None:
    """Evaluate a method, each subject held out once; stop and resume at will."""
    chosen = work.load()
    evaluation.require_classes(chosen)
    if storage and chosen.search is None:
        raise ConfigError(
            f"--storage keeps the trials of a search, and {chosen.name!r} searches nothing. Leave "
            "it out, or give --search."
        )
    require_room(out)
    source = work.read(clips)
    protocol = evaluation.Protocol(
        epoch_rule=epoch_rule or chosen.epoch_rule,
        seeds=tuple(range(seeds)),
        label_permutation=shuffle_labels,
        leak=leak,
        folds=folds,
    )
    with evaluation.open_tracker(track, warn) as tracker:
        with progress(chosen.title) as report:
            task = work.prepare(chosen, source, protocol, compute.workers, report)
            folder = evaluation.cross_validate(
                task,
                protocol,
                out=out,
                resources=compute.resources,
                command=typed_command(),
                storage=storage,
                on_progress=report,
                on_fold=None if tracker is None else tracker.fold,
            )
        if tracker is not None:
            tracker.finish(folder)
    _show(folder, as_json=as_json)


def _show(folder: Path, *, as_json: bool) -> None:
    """Print the run's scores, and where its report lies."""
    info, summary = evaluation.load_run(folder)
    written = reports.write_report(folder, [(info, summary)])
    if as_json:
        record = {
            "method": info.method,
            "epoch_rule": info.epoch_rule,
            "protocol": info.protocol,
            "leaky": info.leaky,
            "leak": info.leak or None,
            "audit": info.audit,
            "transductive": info.transductive,
            **summary.to_json(),
            "warnings": list(evaluation.warnings_of(info, summary)),
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
        output.print(reports.render_terminal([(info, summary)]))
    failures = (preprocessing.Failure(**failure) for failure in info.failures)
    tell(preprocessing.listed(failures, of=info.asked))
    errors.print(f"Report: {written['html']}", soft_wrap=True)
