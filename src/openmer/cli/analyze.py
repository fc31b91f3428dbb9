"""``openmer analyze``: videos in, micro-expression events out, each with its evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from openmer import reports
from openmer import video as room
from openmer.cli._console import output, print_table, progress, tell, warn
from openmer.cli._option_groups import VideoModel, fps_of
from openmer.cli._options import AbstainBelow, Fps, Json, SpotterName, Workers
from openmer.errors import DataError

if TYPE_CHECKING:
    from openmer.video import Done, Request

NO_FACE, NOT_MEASURABLE = 5, 6


def analyze(
    model: VideoModel,
    videos: Annotated[
        list[Path],
        typer.Argument(metavar="VIDEO...", help="Video files, folders of them, or of images."),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder that gets a folder for each video.")
    ] = Path("analysis"),
    abstain_below: AbstainBelow = None,
    spotter: SpotterName = "learned",
    fps: Fps = None,
    include: Annotated[
        Literal["clear", "gated"],
        typer.Option("--include", help="gated: movements that were not seen well, too."),
    ] = "clear",
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Write a copy of each video with what was found.")
    ] = False,
    no_replays: Annotated[
        bool, typer.Option("--no-replays", help="Write no magnified replay of the events.")
    ] = False,
    signals: Annotated[
        bool, typer.Option("--signals", help="Write signals.csv and .parquet, a line a frame.")
    ] = False,
    signals_form: Annotated[
        list[str] | None,
        typer.Option(
            "--signals-form",
            metavar="NAME",
            help="Write signals as wide (the default), long or openface; repeatable.",
        ),
    ] = None,
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Find micro-expressions in ordinary videos: when, which class, how sure, and why.

    Each video gets a folder with events.csv, events.json, report.html and replays; several end in
    summary.html and summary.csv, a line for each face. Videos that were analysed before in the
    same way are not analysed again. Exit code 5 where a video shows no
    face, 6 where nothing was found because no face could be measured well enough, 3 where one
    cannot be read to its end; an honest "nothing found" is 0.
    """
    model.check()
    request = room.Request(
        model=None if model.no_model else str(model.model or ""),
        settings=room.AnalyzeSettings(
            spotter=spotter,
            abstain_below=abstain_below,
            include_gated=include == "gated",
            fps=fps_of(fps),
        ),
        annotate=annotate,
        replays=not no_replays,
        signals=tuple(dict.fromkeys([*["wide"] * signals, *(signals_form or ())])),
    )
    notes: list[str] = []
    chosen = room.videos_in(videos, notes)
    tell("\n".join(notes))
    if len(chosen) > 1:
        room.check_summary(out)
    done, failed = _all(chosen, out, request, workers)
    if as_json:
        typer.echo(json.dumps({"videos": [_record(one) for one in done], "failures": failed}))
    else:
        _print(done)
    if len(chosen) > 1 and done:
        lines = room.write_summary(out, [one.folder for one in done], failed)
        if not as_json:
            output.print(reports.terminal_table(room.summary_table(lines), fold=True))
            output.print(f"Summary: {out / 'summary.html'}", soft_wrap=True)
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
    done: list[Done] = []
    failed: list[DataError] = []
    for result in room.run_jobs(videos, out, request, workers=workers, progress=progress):
        if isinstance(result, DataError):
            failed.append(result)
        else:
            done.append(result)
    if len(videos) == 1 and failed:
        raise failed[0]
    return done, [str(error) for error in failed]


def _exit_code(done: Sequence[Done], failed: Sequence[str]) -> int:
    if failed or any(one.damage for one in done):
        return DataError.exit_code
    if any(not one.faces for one in done):
        return NO_FACE
    return 0 if all(one.is_measurable for one in done) else NOT_MEASURABLE


def _record(done: Done) -> dict[str, Any]:
    return {
        "video": str(done.video),
        "folder": str(done.folder),
        "verdict": done.verdict,
        "faces": done.faces,
        "duration_s": done.duration_s,
        "damage": done.damage,
        "is_measurable": done.is_measurable,
        "without_mesh": done.without_mesh,
        "events": [asdict(event) for event in done.events],
    }


def _print(done: Sequence[Done]) -> None:
    """For each video what was found, as a table."""
    for one in done:
        again = " (analysed before)" if one.was_done else ""
        output.print(f"{one.video}: {one.verdict}{again}", soft_wrap=True)
        if one.events:
            _print_events(one)
        output.print(f"Report: {one.folder / 'report.html'}", soft_wrap=True)
        if one.without_mesh:
            warn(f"{one.video}: {one.without_mesh}")
        if one.damage:
            warn(f"{one.video}: {one.damage}")


def _print_events(done: Done) -> None:
    rows = []
    for event in done.events:
        times = (f"{at:.3f}" for at in (event.onset_s, event.apex_s, event.offset_s))
        sure = "" if event.confidence is None else f"{event.confidence:.2f}"
        words = (str(event.subject_id), event.kind, event.class_name or "not sure", sure)
        rows.append((*times, *words, ", ".join(event.regions[:2])))
    titles = ("onset s", "apex s", "offset s", "subject_id", "kind", "class", "confidence", "where")
    print_table(titles, rows)
