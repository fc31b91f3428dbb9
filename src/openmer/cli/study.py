"""``openmer study``: run a paper's table anew, beside what the paper prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli.clips import clips_of
from openmer.cli.console import errors, output, progress, warn
from openmer.cli.options import (
    Corpus,
    Device,
    DeviceOption,
    Manifest,
    Out,
    Overrides,
    Roots,
    Workers,
)
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.evaluation.report_study import StudyTable
    from openmer.evaluation.studies import Study


def study(
    name: Annotated[str, typer.Argument(help="A study's name; without one all are listed.")] = "",
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds 0 to N-1.")] = 1,
    leaky: Annotated[
        bool,
        typer.Option("--leaky", help="Also choose the epoch on the tested person, marked LEAKY."),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="KEY=FILE", help="Weights of a row; repeatable."),
    ] = None,
    overrides: Overrides = None,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    out: Out = Path("runs"),
) -> None:
    """Run a paper's table anew; rows that are done are not run again."""
    from openmer.evaluation.studies import StudyRun, list_studies, load_study
    from openmer.evaluation.task import Protocol
    from openmer.training import Resources

    if not name:
        _list([load_study(found) for found in list_studies()])
        return
    chosen = load_study(name)
    how = StudyRun(
        protocol=Protocol(seeds=tuple(range(seeds))),
        leaky=leaky,
        out=out,
        resources=Resources(device=device.value, workers=workers),
        overrides=tuple(overrides or ()),
        weights=_files(weights or []),
    )
    if chosen.kind == "size":
        from openmer.evaluation.model_size import size_table

        _write(chosen, size_table(chosen, how.overrides), out)
        return
    source = clips_of(manifest, corpus, root)
    warn(source.warning)
    if chosen.kind == "maps":
        from openmer.evaluation.feature_maps import draw_study

        for path in draw_study(chosen, source.clips[0], how.overrides, out / "studies"):
            errors.print(f"Picture: {path}", soft_wrap=True)
        return
    from openmer.evaluation.report_study import study_table
    from openmer.evaluation.studies import run_study

    results = run_study(chosen, source, how, lambda row: progress(row.label))
    _write(chosen, study_table(chosen, results), out)


def _list(found: list[Study]) -> None:
    from rich.table import Table

    table = Table(box=None)
    table.add_column("study", no_wrap=True)
    for heading in ("what it compares", "of"):
        table.add_column(heading)
    for one in found:
        tables = f", table {' and '.join(one.tables)}" if one.tables else ""
        table.add_row(one.name, one.title, f"{one.source}{tables}")
    output.print(table)


def _files(given: list[str]) -> dict[str, Path]:
    """``KEY=FILE`` as a mapping."""
    found = {}
    for pair in given:
        key, separator, path = pair.partition("=")
        if not separator or not Path(path).is_file():
            raise ConfigError(
                f"--weights {pair}: expected KEY=FILE with a safetensors file that exists."
            )
        found[key] = Path(path)
    return found


def _write(chosen: Study, table: StudyTable, out: Path) -> None:
    """Print a study's table, and keep it as Markdown."""
    from openmer.evaluation.report_study import study_markdown, study_terminal

    output.print(study_terminal(table))
    path = out / "studies" / f"{chosen.name.replace('/', '-')}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(study_markdown(table), encoding="utf-8")
    errors.print(f"Table: {path}", soft_wrap=True)
