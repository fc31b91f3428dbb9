"""``openmer study``: run a paper's table again, beside what the paper prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli._clips import clip_named, clips_of
from openmer.cli._console import errors, output, progress, tell, warn
from openmer.cli._options import (
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
    from openmer.clip import Clip
    from openmer.datasets import ClipSource, LabelScheme
    from openmer.reports import Table
    from openmer.reproduction import Study, StudyRun


def study(
    name: Annotated[str, typer.Argument(help="A study's name; without one all are listed.")] = "",
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Seeds 0 to N-1.")] = 1,
    leaky: Annotated[
        bool,
        typer.Option("--leaky", help="Also choose the epoch on the tested subject, marked LEAKY."),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="KEY=FILE", help="Weights of a row; repeatable."),
    ] = None,
    clip: Annotated[
        str,
        typer.Option(
            "--clip",
            metavar="CORPUS/SUBJECT/NAME",
            help="The clip that a study of pictures draws; the first one by default.",
        ),
    ] = "",
    overrides: Overrides = None,
    device: DeviceOption = Device.auto,
    workers: Workers = 0,
    out: Out = Path("runs"),
) -> None:
    """Run a paper's table again; rows that are done are not run again."""
    from openmer.evaluation import Protocol
    from openmer.reproduction import StudyRun, list_studies, load_study
    from openmer.training import Resources

    if not name:
        _list([load_study(found) for found in list_studies()])
        return
    chosen = load_study(name)
    if weights and chosen.kind not in _WITH_WEIGHTS:
        raise ConfigError(
            f"Found --weights for {chosen.name}, a study of kind {chosen.kind}, which takes none. "
            "Use --set model.weights=FILE."
        )
    how = StudyRun(
        protocol=Protocol(seeds=tuple(range(seeds))),
        leaky=leaky,
        out=out,
        resources=Resources(device=device.value, workers=workers),
        overrides=tuple(overrides or ()),
        weights=_files(weights or []),
    )
    _write(chosen, KINDS[chosen.kind](chosen, how, _Given(manifest, corpus, root, clip)), out)


@dataclass(frozen=True, slots=True)
class _Given:
    """The options that name clips, read when a study asks for them."""

    manifest: Path | None
    corpus: str | None
    root: list[str] | None
    clip: str

    def __bool__(self) -> bool:
        return bool(self.manifest or self.corpus or self.root)

    def read(self) -> ClipSource:
        """Read the clips; print how they differ from a whole copy."""
        source = clips_of(self.manifest, self.corpus, self.root)
        warn(source.warning)
        return source

    def shown(self, source: ClipSource, scheme: LabelScheme) -> Clip:
        """Choose the clip of a figure: the one named, or the first that the scheme keeps."""
        from openmer.datasets import labelled

        if self.clip:
            return clip_named(source, self.clip)
        return labelled(source.clips, scheme.resolved(source.clips))[0][0]


def _scores(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    from openmer.reproduction import run_study, study_table

    if how.leaky and not chosen.prints:
        warn(f"{chosen.name} has no printed numbers to explain: --leaky is left out.")
    results = run_study(chosen, given.read(), how, lambda row: progress(row.label))
    return [study_table(chosen, results)]


def _size(chosen: Study, how: StudyRun, _: _Given) -> list[Table]:
    from openmer.reproduction import size_table

    return [size_table(chosen, how.overrides)]


def _maps(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    from openmer.reproduction import draw_study, row_method

    scheme = row_method(chosen, chosen.rows[0], how.overrides).scheme
    clip = given.shown(given.read(), scheme)
    for path in draw_study(chosen, clip, how.overrides, how.out / "studies"):
        errors.print(f"Picture: {path}", soft_wrap=True)
    return []


def _saliency(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """Draw the saliency maps of every row on one clip, by networks that never saw its subject."""
    from openmer.explanation import draw_variants, variant_saliency_maps, write_figure
    from openmer.reproduction import row_method

    methods = [(row.label, row_method(chosen, row, how.overrides)) for row in chosen.rows]
    source = given.read()
    clip = given.shown(source, methods[0][1].scheme).key
    with progress(chosen.title) as report:
        found = variant_saliency_maps(
            methods, source, clip, resources=how.resources, on_progress=report
        )
    path = _place(chosen, how.out, ".png")
    write_figure(path, draw_variants(f"{chosen.title} ({chosen.source})", found))
    tell(chosen.note)
    errors.print(f"Picture: {path}", soft_wrap=True)
    return []


def _curves(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """How the training of every row goes in the fold of one subject."""
    from openmer.evaluation import prepare_task
    from openmer.files import replace_files
    from openmer.preprocessing import ArrayCache
    from openmer.reproduction import curves_csv, draw_curves, row_method, training_curve

    source, curves = given.read(), []
    scheme = row_method(chosen, chosen.rows[0], how.overrides).scheme
    subject_id = given.shown(source, scheme).subject_id
    for row in chosen.rows:
        method = row_method(chosen, row, how.overrides)
        with progress(row.label) as report:
            task = prepare_task(
                method, source, protocol=how.protocol, cache=ArrayCache(), on_progress=report
            )
            curves.append(training_curve(row.label, task, subject_id, resources=how.resources))
    path = _place(chosen, how.out, ".png")
    numbers = path.with_suffix(".csv")
    picture = draw_curves(f"{chosen.title}; held out: {subject_id}", curves)
    replace_files({path: picture, numbers: curves_csv(curves).encode()})
    tell(chosen.note)
    errors.print(f"Picture: {path}", soft_wrap=True)
    errors.print(f"Numbers: {numbers}", soft_wrap=True)
    return []


def _t_tests(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """Print the paper's tests; with clips, our own runs as well."""
    from openmer.reproduction import run_study, run_table, t_test_table

    printed = t_test_table(chosen)
    if not given:
        tell("Give clips (--corpus or --manifest) to compare runs of ours as well.")
        return [printed]
    if how.leaky:
        warn("Only honest runs are compared: --leaky is left out.")
    honest = replace(how, leaky=False)
    results = run_study(chosen, given.read(), honest, lambda row: progress(row.label))
    return [printed, run_table(results)]


KINDS: Mapping[str, Callable[[Study, StudyRun, _Given], list[Table]]] = {
    "scores": _scores,
    "size": _size,
    "maps": _maps,
    "heat": _saliency,
    "curves": _curves,
    "t-tests": _t_tests,
}
"""What makes the tables of each kind of study."""

_WITH_WEIGHTS = frozenset({"scores", "t-tests"})


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


def _write(chosen: Study, tables: list[Table], out: Path) -> None:
    """Print a study's tables, and keep them as Markdown."""
    from openmer.files import replace_file
    from openmer.reproduction import study_markdown, study_terminal

    if not tables:
        return
    for table in tables:
        output.print(study_terminal(table))
    path = _place(chosen, out, ".md")
    replace_file(path, study_markdown(tables).encode())
    errors.print(f"Table: {path}", soft_wrap=True)


def _place(chosen: Study, out: Path, suffix: str) -> Path:
    """Return the file of what a study makes."""
    return out / "studies" / f"{chosen.name.replace('/', '-')}{suffix}"
