"""``openmer action-units``: train and evaluate a method on each action unit."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from openmer import datasets, evaluation, reports
from openmer.cli._console import output, progress, typed_command
from openmer.cli._option_groups import Clips, FoldCompute, Work
from openmer.cli._options import Json, Out, ProtocolOption, Rule, Seeds
from openmer.errors import ConfigError


def action_units(
    work: Work,
    clips: Clips,
    compute: FoldCompute,
    units: Annotated[
        str,
        typer.Option(help="Numbers such as 1,2,4; or cd6me, its twelve; else those of the clips."),
    ] = "",
    minimum: Annotated[
        int, typer.Option(min=1, help="Clips that must show a unit, and that must not.")
    ] = 10,
    seeds: Seeds = 1,
    epoch_rule: Rule = None,
    folds: ProtocolOption = "loso",
    out: Out = Path("runs"),
    as_json: Json = False,
) -> None:
    """Evaluate a method on each action unit: is it present or absent?

    Each unit is a run of its own; with --set task=action_units one network learns all of them,
    with --set task=both the classes, too.
    """
    chosen = work.load()
    source = work.read(clips)
    protocol = evaluation.Protocol(
        epoch_rule=epoch_rule or chosen.epoch_rule,
        seeds=tuple(range(seeds)),
        folds=folds,
    )
    with progress(chosen.title) as report:
        runs = evaluation.evaluate_units(
            chosen,
            source,
            _numbers(units)
            or chosen.action_units.units
            or datasets.units_of(source.clips, minimum),
            protocol,
            out=out,
            resources=compute.resources,
            command=typed_command(),
            on_progress=report,
        )
    levels = evaluation.levels_of(source, tuple(runs)) if chosen.trains_intensity else None
    tables = evaluation.read_units(runs, protocol.seeds)
    scores, corpora = evaluation.score_units(tables, levels=levels), None
    if len({corpus for table in tables.values() for corpus in table.corpora}) > 1:
        corpora = evaluation.score_units_by_corpus(tables)
    states = {f"AU{unit}": evaluation.audit_state(run) for unit, run in runs.items()}
    if as_json:
        record = {
            "method": chosen.name,
            "protocol": folds,
            "units": list(map(asdict, scores)),
            "corpora": {name: asdict(own) for name, own in (corpora or {}).items()},
            "audit": states,
            "runs": {unit: str(run) for unit, run in runs.items()},
        }
        typer.echo(json.dumps(record))
    else:
        output.print(reports.terminal_table(reports.unit_table(chosen.title, scores, states)))
        if corpora:
            output.print(reports.terminal_table(reports.unit_corpora_table(chosen.title, corpora)))


def _numbers(text: str) -> tuple[int, ...]:
    """Read numbers of units."""
    if text == "cd6me":
        return evaluation.CD6ME_UNITS
    parts = [part.strip().upper().removeprefix("AU") for part in text.split(",") if part.strip()]
    found = [datasets.read_whole(part) or 0 for part in parts]
    if not all(0 < number < 100 for number in found):
        raise ConfigError(f"Found --units {text[:40]!r}, expected numbers such as 1,2,4, or cd6me.")
    return tuple(found)
