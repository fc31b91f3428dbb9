"""``openmer study``: run a paper's table again, beside what the paper prints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import datasets, evaluation, explanation, reproduction
from openmer.cli._console import errors, output, print_table, progress, tell, warn
from openmer.cli._option_groups import Clips, Compute, clip_named, prepare
from openmer.cli._options import Out, Overrides, Seeds
from openmer.errors import ConfigError
from openmer.files import replace_file, replace_files, require_room

if TYPE_CHECKING:
    from openmer.clip import Clip
    from openmer.datasets import ClipSource, LabelScheme
    from openmer.reports import Table
    from openmer.reproduction import Study, StudyRun
    from openmer.reproduction._run_study import StudyResult


def study(
    clips: Clips,
    compute: Compute,
    name: Annotated[str, typer.Argument(help="A study's name; without one all are listed.")] = "",
    seeds: Seeds = 1,
    leaky: Annotated[
        bool,
        typer.Option("--leaky", help="Also choose the epoch on the tested subject, marked LEAKY."),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="KEY=FILE", help="Weights of a row; repeatable."),
    ] = None,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published",
            help="Take the variants of the methods that are pretrained as the paper says; they "
            "need weights that you make.",
        ),
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Two epochs a stage in every row, to try it; marked QUICK."),
    ] = False,
    clip: Annotated[
        list[str] | None,
        typer.Option(
            "--clip",
            metavar="CORPUS/SUBJECT/NAME",
            help="The clip that a study of pictures draws; the first one by default. Of saliency "
            "maps repeatable.",
        ),
    ] = None,
    overrides: Overrides = None,
    out: Out = Path("runs"),
) -> None:
    """Run a paper's table again; rows that are done are not run again."""
    if not name:
        _list([reproduction.load_study(each) for each in reproduction.list_studies()])
        return
    chosen = reproduction.load_study(name)
    changes = reproduction.Changes(
        overrides=tuple(overrides or ()),
        weights=_files(weights or []),
        as_published=as_published,
        quick=quick,
    )
    reproduction.check_weights(chosen, changes)
    require_room(out)
    how = reproduction.StudyRun(
        protocol=evaluation.Protocol(seeds=tuple(range(seeds))),
        leaky=leaky,
        out=out,
        resources=compute.resources,
        changes=changes,
    )
    _write(
        _place(chosen, how, ".md"),
        KINDS[chosen.kind](chosen, how, _Given(clips, tuple(clip or ()))),
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """The options that name clips, and those that figures show."""

    clips: Clips
    named: tuple[str, ...]

    def all_shown(self, source: ClipSource, scheme: LabelScheme) -> list[Clip]:
        """Choose the clips of figures: those named, or the first that the scheme keeps."""
        if self.named:
            return [clip_named(source, name) for name in self.named]
        return [datasets.labelled(source.clips, scheme.resolved(source.clips))[0][0]]

    def shown(self, source: ClipSource, scheme: LabelScheme) -> Clip:
        """Choose the one clip of a figure.

        Raises:
            ConfigError: Several are named.
        """
        if len(self.named) > 1:
            raise ConfigError(
                f"Found --clip {len(self.named)} times, but this study draws one clip. Run it once "
                "for each."
            )
        return self.all_shown(source, scheme)[0]


def _results(chosen: Study, how: StudyRun, given: _Given) -> list[StudyResult]:
    """Run every row that is not done yet, a progress bar for each."""
    source = given.clips.read()
    return reproduction.run_study(chosen, source, how, lambda row: progress(row.label))


def _scores(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    if how.leaky and not chosen.prints:
        warn(f"{chosen.name} has no printed numbers to explain: --leaky is left out.")
    results = reproduction.run_study(
        chosen, given.clips.read(), how, lambda row: progress(row.label)
    )
    if chosen.drawn:
        path = _place(chosen, how, ".png")
        replace_file(path, reproduction.draw_scores(chosen, results))
        errors.print(f"Picture: {path}", soft_wrap=True)
    tables = reproduction.study_tables(chosen, results, how.changes)
    return tables + reproduction.difference_tables(chosen, results)


def _size(chosen: Study, how: StudyRun, _: _Given) -> list[Table]:
    return [reproduction.size_table(chosen, how.changes)]


def _maps(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    scheme = reproduction.row_method(chosen, chosen.rows[0], how.changes).scheme
    source = given.clips.read()
    clip = given.shown(source, scheme)
    tell(chosen.note)
    for path in reproduction.draw_study(chosen, source, clip, how, lambda row: progress(row.label)):
        errors.print(f"Picture: {path}", soft_wrap=True)
    return []


def _saliency(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """Draw the saliency maps of every row on one clip, by networks that never saw its subject."""
    methods = [
        (row.label, reproduction.row_method(chosen, row, how.changes)) for row in chosen.rows
    ]
    source = given.clips.read()
    clips = given.all_shown(source, methods[0][1].scheme)
    tell(chosen.note)
    for number, clip in enumerate(clips, start=1):
        with progress(f"{chosen.title}, {clip.key}") as report:
            found = explanation.variant_saliency_maps(
                methods, source, clip.key, resources=how.resources, on_progress=report
            )
        path = _place(chosen, how, f"-{number}.png" if len(clips) > 1 else ".png")
        figure = explanation.draw_variants(f"{chosen.title} ({chosen.source})", found)
        explanation.write_figure(path, figure)
        errors.print(f"Picture: {path}", soft_wrap=True)
    return []


def _macro(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """Draw an image of the pretraining beside an apex frame, for each class."""
    methods = [
        (row.label, reproduction.row_method(chosen, row, how.changes)) for row in chosen.rows
    ]
    lines = reproduction.macro_and_micro(methods, given.clips.read().clips)
    path = _place(chosen, how, ".png")
    picture = reproduction.draw_macro_and_micro(f"{chosen.title} ({chosen.source})", lines)
    replace_file(path, picture)
    tell(chosen.note)
    errors.print(f"Picture: {path}", soft_wrap=True)
    return []


def _curves(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """How the training of every row goes in the fold of one subject."""
    source, curves = given.clips.read(), []
    scheme = reproduction.row_method(chosen, chosen.rows[0], how.changes).scheme
    subject_id = given.shown(source, scheme).subject_id
    for row in chosen.rows:
        method = reproduction.row_method(chosen, row, how.changes)
        with progress(row.label) as report:
            task = prepare(method, source, how.protocol, 0, report)
            curves.append(
                reproduction.training_curve(row.label, task, subject_id, resources=how.resources)
            )
    path = _place(chosen, how, ".png")
    numbers = path.with_suffix(".csv")
    picture = reproduction.draw_curves(f"{chosen.title}; held out: {subject_id}", curves)
    replace_files({path: picture, numbers: reproduction.curves_csv(curves)})
    tell(chosen.note)
    errors.print(f"Picture: {path}", soft_wrap=True)
    errors.print(f"Numbers: {numbers}", soft_wrap=True)
    return []


def _t_tests(chosen: Study, how: StudyRun, given: _Given) -> list[Table]:
    """Print the paper's tests; with clips, our own runs as well."""
    printed = reproduction.t_test_table(chosen)
    if not given.clips.given:
        tell("Give clips (--corpus or --manifest) to compare runs of ours as well.")
        return [printed]
    if how.leaky:
        warn("Only honest runs are compared: --leaky is left out.")
    honest = replace(how, leaky=False)
    results = reproduction.run_study(
        chosen, given.clips.read(), honest, lambda row: progress(row.label)
    )
    return [printed, reproduction.run_table(results)]


KINDS: Mapping[str, Callable[[Study, StudyRun, _Given], list[Table]]] = {
    "scores": _scores,
    "size": _size,
    "maps": _maps,
    "saliency": _saliency,
    "curves": _curves,
    "macro": _macro,
    "t-tests": _t_tests,
}
"""What makes the tables of each kind of study."""


def _list(found: list[Study]) -> None:
    tables = [f", table {' and '.join(one.tables)}" if one.tables else "" for one in found]
    rows = [(x.name, x.title, f"{x.source}{t}") for x, t in zip(found, tables, strict=True)]
    print_table(("study", "what it compares", "of"), rows, whole=True)


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


def _write(path: Path, tables: list[Table]) -> None:
    """Print a study's tables, and keep them as Markdown."""
    if not tables:
        return
    for table in tables:
        output.print(reproduction.study_terminal(table))
    replace_file(path, reproduction.study_markdown(tables))
    errors.print(f"Table: {path}", soft_wrap=True)


def _place(chosen: Study, how: StudyRun, suffix: str) -> Path:
    """Return the file of what a study makes; a quick one and one as published have their own."""
    marks = "-as-published" * how.changes.as_published + "-quick" * how.changes.quick
    return how.out / "studies" / f"{chosen.name.replace('/', '-')}{marks}{suffix}"
