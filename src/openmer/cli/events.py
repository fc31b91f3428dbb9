"""``openmer events``: found events for programs in which people code, and what coders say back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from openmer import app as coders
from openmer import reports
from openmer import video as room
from openmer.cli._console import output, progress, tell
from openmer.cli._option_groups import fps_of
from openmer.cli._options import Fps, Json
from openmer.errors import unknown_name

app = typer.Typer(
    help="Exchange events with ELAN, BORIS, Praat and players; compare and export reviews.",
    no_args_is_help=True,
)


@app.command()
def export(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...", help="Results of `openmer analyze`: of one or several."
        ),
    ],
    to: Annotated[
        str,
        typer.Option("--to", metavar="NAMES", help="eaf, boris, textgrid, vtt, with commas."),
    ] = "eaf",
    out: Annotated[Path, typer.Option("--out", help="Folder that gets a file for each video.")] = (
        Path("coding")
    ),
) -> None:
    """Write found events as files of ELAN, BORIS or Praat, or as subtitles.

    Needs `pip install 'openmer[coding]'` for ELAN and Praat.
    """
    names = [name.strip().lower() for name in to.split(",") if name.strip()]
    for path in room.export_events(folders, names, out):
        output.print(str(path), highlight=False, soft_wrap=True)


@app.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".eaf, .boris, .TextGrid or .vtt files.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The CSV file.")] = Path("truth.csv"),
    video: Annotated[
        Path | None,
        typer.Option(
            "--video", help="What was coded; by default what the file names, or its namesake."
        ),
    ] = None,
    fps: Fps = None,
    coder: Annotated[
        str, typer.Option("--coder", help="An annotator, or a word of the names of their tiers.")
    ] = "",
) -> None:
    """Write what coders say as true events for `openmer evaluate-spotting --truth`.

    Give --fps where the videos were analysed with it.
    """
    rate = fps_of(fps)
    notes: list[str] = []
    with progress("import") as report:
        counts = room.import_events(
            files, out, video=video, fps=rate, coder=coder, on_progress=report, notes=notes
        )
    tell("\n".join(notes))
    for path, count in zip(files, counts, strict=True):
        output.print(f"{path}: {count} events", highlight=False, soft_wrap=True)
    output.print(f"Truth: {out}", highlight=False, soft_wrap=True)


@app.command()
def agreement(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="That was reviewed.")],
    as_json: Json = False,
) -> None:
    """Compare coders: Cohen's kappa, Krippendorff's alpha, and how far apart their onsets are."""
    found = coders.agreement_of(coders.read_reviews(coders.reviews_folder(folder)))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    output.print(reports.terminal_table(coders.agreement_table(found)))


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="That was reviewed.")],
    coder: Annotated[str, typer.Option("--coder", help="Whose decisions.")] = "coder",
    out: Annotated[Path, typer.Option("--out", help="A new folder.")] = Path("reviewed"),
) -> None:
    """Write accepted events that have a class as clips and a manifest for `openmer evaluate`."""
    reviews = coders.read_reviews(coders.reviews_folder(folder))
    if coder not in reviews:
        raise unknown_name("coder", coder, reviews)
    with progress("manifest") as report:
        count = coders.write_reviewed(
            out, coders.review_items([folder]), reviews[coder], on_progress=report
        )
    output.print(f"{count} clips: {out / 'manifest.csv'}", soft_wrap=True)
