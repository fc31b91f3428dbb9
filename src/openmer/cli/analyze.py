"""``openmer analyze``: videos in, micro-expression events out, each with its evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openmer.cli._clips import fps_of
from openmer.cli._console import output, progress, tell, warn
from openmer.cli._options import Fps, Json, Workers
from openmer.cli.models import AbstainBelow, ModelFolder, NoModel, SpotterName, require_one
from openmer.errors import DataError, OpenMERError

if TYPE_CHECKING:
    from openmer.video import Done, Request

NO_FACE = 5


def analyze(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO...", help="Video files, or folders of images.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder that gets a folder for each video.")
    ] = Path("analysis"),
    model: ModelFolder = None,
    no_model: NoModel = False,
    abstain_below: AbstainBelow = None,
    spotter: SpotterName = "motion",
    fps: Fps = None,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Write a copy of each video with what was found.")
    ] = False,
    no_replays: Annotated[
        bool, typer.Option("--no-replays", help="Write no magnified replay of the events.")
    ] = False,
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Find micro-expressions in ordinary videos: when, which class, how sure, and why.

    Each video gets a folder with events.csv, events.json, report.html and replays. Videos that were
    analysed before in the same way are not analysed again. Exit code 5 where a video shows no
    face, 3 where one cannot be read to its end; an honest "nothing found" is 0.
    """
    from openmer.video import AnalyzeSettings, Request

    require_one(model, no_model)
    request = Request(
        model=None if no_model else str(model or ""),
        settings=AnalyzeSettings(spotter=spotter, abstain_below=abstain_below, fps=fps_of(fps)),
        annotate=annotate,
        replays=not no_replays,
    )
    done, failed = _all(videos, out, request, workers)
    if as_json:
        typer.echo(json.dumps({"videos": [_told(one) for one in done], "failures": failed}))
    else:
        _print(done)
    for one in done:
        if one.is_renamed:
            tell(
                f"Another video has the same name; the results of {one.video} are in {one.folder}."
            )
    tell("\n".join(failed))
    raise typer.Exit(_exit_code(done, failed))


def _all(
    videos: Sequence[Path], out: Path, request: Request, workers: int
) -> tuple[list[Done], list[str]]:
    """Return the result of each video, in their order; a single video that fails is an error."""
    from joblib import cpu_count

    from openmer.video import folders_for

    pairs = list(zip(videos, folders_for(videos, out), strict=True))
    processes = min(workers or cpu_count(), len(pairs))
    results = (
        _one_by_one(pairs, request) if processes <= 1 else _in_parallel(pairs, request, processes)
    )
    done: list[Done] = []
    failed: list[str] = []
    for (video, _), result in zip(pairs, results, strict=True):
        if isinstance(result, str):
            failed.append(result if str(video) in result else f"{video}: {result}")
        else:
            done.append(result)
    if len(pairs) == 1 and failed:
        raise DataError(failed[0])
    return done, failed


def _one_by_one(pairs: Sequence[tuple[Path, Path]], request: Request) -> Iterator[Done | str]:
    from openmer.video import run_job

    for video, folder in pairs:
        with progress(video.name) as report:
            try:
                result: Done | str = run_job(video, folder, request, report)
            except DataError as error:
                result = str(error)
        yield result


def _in_parallel(
    pairs: Sequence[tuple[Path, Path]], request: Request, workers: int
) -> Iterator[Done | str]:
    from joblib import Parallel, delayed

    run = Parallel(n_jobs=workers, return_as="generator")
    with progress("all videos") as report:
        results = run(delayed(_job)(video, folder, request) for video, folder in pairs)
        for number, result in enumerate(results, start=1):
            report("analyze", number, len(pairs))
            yield result


def _job(video: Path, folder: Path, request: Request) -> Done | str:
    """In a process of its own."""
    from openmer.video import run_job

    try:
        return run_job(video, folder, request)
    except OpenMERError as error:
        return str(error)


def _exit_code(done: Sequence[Done], failed: Sequence[str]) -> int:
    if failed or any(one.damage for one in done):
        return DataError.exit_code
    return NO_FACE if any(not one.faces for one in done) else 0


def _told(done: Done) -> dict[str, Any]:
    return {
        "video": str(done.video),
        "folder": str(done.folder),
        "verdict": done.verdict,
        "faces": done.faces,
        "duration_s": done.duration_s,
        "damage": done.damage,
        "events": [asdict(event) for event in done.events],
    }


def _print(done: Sequence[Done]) -> None:
    """For each video what was found, as a table."""
    for one in done:
        again = " (analysed before)" if one.was_done else ""
        output.print(f"{one.video}: {one.verdict}{again}", markup=False, soft_wrap=True)
        if one.events:
            output.print(_table(one))
        output.print(f"Report: {one.folder / 'report.html'}", markup=False, soft_wrap=True)
        if one.damage:
            warn(f"{one.video}: {one.damage}")


def _table(done: Done) -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for title in ("onset", "apex", "offset"):
        table.add_column(f"{title} s", justify="right")
    for title in ("subject_id", "kind", "class", "confidence", "where"):
        table.add_column(title, overflow="fold")
    for event in done.events:
        times = (f"{at:.3f}" for at in (event.onset_s, event.apex_s, event.offset_s))
        sure = "" if event.confidence is None else f"{event.confidence:.2f}"
        words = (str(event.subject_id), event.kind, event.class_name or "not sure", sure)
        table.add_row(*times, *map(Text, (*words, ", ".join(event.regions[:2]))))
    return table
