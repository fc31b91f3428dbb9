"""``openmer evaluate-spotting``: how well movements are found in long videos, and recognised."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import datasets, evaluation, reports, video
from openmer.cli._console import output, progress, tell
from openmer.cli._option_groups import VideoModel
from openmer.cli._options import (
    MOST_SEED,
    AbstainBelow,
    Columns,
    Corpus,
    Frames,
    Json,
    Out,
    Roots,
    SpotterName,
    Variant,
    Workers,
)
from openmer.errors import ConfigError
from openmer.files import replace_files, require_own

if TYPE_CHECKING:
    from openmer.datasets import AnnotatedVideo
    from openmer.evaluation import SpottingScores

_MARKS = {".md": "# Spotting", ".csv": "scope,truth,", "-found.csv": "vid,pred_onset,"}


def evaluate_spotting(
    model: VideoModel,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    column: Columns = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            metavar="CSV",
            help="True events of your own videos (see the page on spotting), in place of a corpus.",
        ),
    ] = None,
    synthetic: Annotated[
        str, typer.Option("--synthetic", metavar="SIZE", help="Synthetic videos: tiny, demo, ...")
    ] = "",
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Seed of the synthetic videos.")
    ] = 100,
    footage: Annotated[
        Path | None,
        typer.Option(
            "--footage",
            metavar="FOLDER",
            help="Your own footage with its truth.csv, as `openmer datasets inject` writes it.",
        ),
    ] = None,
    found: Annotated[
        Path | None,
        typer.Option(
            "--found", metavar="CSV", help="Score an entry to a challenge; nothing is searched."
        ),
    ] = None,
    abstain_below: AbstainBelow = None,
    spotter: SpotterName = "learned",
    out: Out = Path("runs/spotting"),
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Spot movements in annotated long videos and evaluate them as the MEGC challenges do.

    Videos that hold no event are among them: they are where false alarms are counted. What is
    finished is kept; the same command goes on after it was stopped.
    """
    if footage is not None:
        if corpus or truth or synthetic or found or column:
            raise ConfigError(
                "Found --footage beside --corpus, --truth, --synthetic, --found or --column, "
                "expected it alone."
            )
        _evaluate_footage(footage, spotter, out, workers, as_json)
        return
    loaded = model.load() if found is None else None
    with datasets.headers_named(column or ()):
        videos, name = _videos(corpus, root, variant, frames, truth, synthetic, seed, out)
    if found is not None:
        _print(evaluation.score_spotting(evaluation.read_spotted(found), videos), as_json)
        return
    require_own({out / f"{name}{end}": mark for end, mark in _MARKS.items()})
    settings = video.AnalyzeSettings(spotter=spotter, abstain_below=abstain_below)
    with progress(name) as report:
        results = video.analyze_videos(
            videos,
            model=loaded,
            settings=settings,
            out=out / "videos",
            workers=workers,
            on_progress=report,
        )
    classes = None if loaded is None else loaded.record.classes
    scores = video.evaluate_detections(results, videos, classes)
    texts = {
        ".md": reports.render_spotting_markdown(scores),
        ".csv": reports.render_spotting_csv(scores),
    }
    replace_files({out / f"{name}{end}": text for end, text in texts.items()})
    evaluation.write_spotted(out / f"{name}-found.csv", {one.key: one.spans for one in results})
    _print(scores, as_json)
    if not as_json:
        tell(f"Table: {out / f'{name}.md'}; as an entry to a challenge: {name}-found.csv")


def _print(scores: SpottingScores, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(_told(scores)))
    else:
        output.print(reports.render_spotting_terminal(scores))


def _evaluate_footage(folder: Path, spotter: str, out: Path, workers: int, as_json: bool) -> None:
    """Evaluate on footage of one's own; classes are not looked at."""
    require_own({out / "footage.md": "| Footage | Videos |"})
    settings = video.AnalyzeSettings(spotter=spotter)
    notes: list[str] = []
    with progress(folder.name) as report:
        tallies = video.evaluate_footage(
            folder, settings, workers=workers, on_progress=report, notes=notes
        )
    tell("\n".join(notes))
    rows = video.footage_rows(tallies)
    table = video.footage_table(rows)
    replace_files({out / "footage.md": reports.markdown_table(table) + "\n"})
    if as_json:
        typer.echo(json.dumps({"rows": [asdict(row) for row in rows]}))
        return
    output.print(reports.terminal_table(table))
    tell(f"Table: {out / 'footage.md'}")


def _videos(
    corpus: str | None,
    roots: list[str] | None,
    variant: str | None,
    frames: str | None,
    truth: Path | None,
    synthetic: str,
    seed: int,
    out: Path,
) -> tuple[tuple[AnnotatedVideo, ...], str]:
    """Read the annotated videos; also return the title of their table."""
    sources = {"--corpus": corpus, "--truth": truth, "--synthetic": synthetic}
    given = [name for name, value in sources.items() if value]
    if len(given) != 1:
        raise ConfigError(
            f"Found {' and '.join(given) or 'none'} of --corpus, --truth and --synthetic, expected "
            "one: a corpus of long videos, a table of your own, or a size of synthetic videos."
        )
    if corpus is not None:
        root = Path(roots[0]) if roots else None
        reading = datasets.read_long_videos(corpus, root, variant=variant, frames=frames)
        tell("\n".join(map(str, reading.problems)))
        return reading.videos, corpus
    options = {"--root": roots, "--variant": variant, "--frames": frames}
    alone = [name for name, value in options.items() if value]
    if alone:
        raise ConfigError(f"{', '.join(alone)} goes with --corpus only. Leave it out.")
    if truth is not None:
        notes: list[str] = []
        listed = datasets.read_truth_csv(truth, notes)
        tell("\n".join(notes))
        return listed, truth.stem
    return datasets.read_truth_csv(
        _synthetic(synthetic, seed, out)
    ), f"synthetic-{synthetic}-{seed}"


def _synthetic(size: str, seed: int, out: Path) -> Path:
    """Synthetic videos, written unless they are there; the table of what is true of them."""
    with progress(f"synthetic {size}") as report:
        return datasets.write_long(
            out / "synthetic" / f"{size}-{seed}",
            size,
            seed,
            lambda done, total: report("write", done, total),
        )


def _told(scores: SpottingScores) -> dict[str, object]:
    """Scores of every scope, as JSON has them."""
    return {
        "videos": scores.videos,
        "subjects": scores.subjects,
        "scopes": {
            each.scope: {
                "truth": each.truth,
                "found": each.found,
                "hits": each.hits,
                "precision": each.precision,
                "recall": each.recall,
                "f1": each.f1,
                "strs": each.strs,
                "false_alarms_per_minute": each.false_alarms_per_minute,
            }
            for each in scores.scopes
        },
        "quiet": {
            "videos": scores.quiet.videos,
            "found": scores.quiet.found,
            "minutes": scores.quiet.minutes,
        },
    }
