"""``openmer show``: one contact sheet of a clip, to look at before trusting its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli._clips import clip_named, clips_of
from openmer.cli._console import errors, progress
from openmer.cli._options import Corpus, Frames, Manifest, Roots, Variant
from openmer.errors import ConfigError

if TYPE_CHECKING:
    from openmer.datasets import ClipSource


def show(
    clip: Annotated[
        str, typer.Argument(help="The clip's key: corpus/subject/name; none with --method.")
    ] = "",
    manifest: Manifest = None,
    corpus: Corpus = None,
    root: Roots = None,
    variant: Variant = None,
    frames: Frames = None,
    out: Annotated[
        Path, typer.Option("--out", help="File to draw into: .png, .pdf or .svg.")
    ] = Path("sheet.png"),
    detector: Annotated[
        str, typer.Option(help="Face detector: mtcnn, haar or landmarks68.")
    ] = "mtcnn",
    style: Annotated[
        str,
        typer.Option(
            help="Alignment that motion is shown on: efficient-me, dense-attention or mobilevit."
        ),
    ] = "efficient-me",
    method: Annotated[
        str,
        typer.Option("--method", help="Draw what this method sees of clips of every class."),
    ] = "",
) -> None:
    """Draw frames, face, alignments, magnified apex, flow, strain and movement of a clip."""
    if bool(clip) == bool(method):
        raise ConfigError(
            "Give the key of a clip, corpus/subject/name, or --method NAME for a sheet of what a "
            "method sees of all classes; not both."
        )
    if method:
        source = clips_of(manifest, corpus, root, variant=variant, frames=frames)
        _draw_method(method, source, out)
        return
    from openmer.preprocessing import ArrayCache, inspect_clip, write_sheet

    chosen = clip_named(clips_of(manifest, corpus, root, variant=variant, frames=frames), clip)
    view = inspect_clip(chosen, detector=detector, style=style, store=ArrayCache())
    write_sheet(out, view)
    if not view.style:
        errors.print(f"[yellow]{chosen.key}: motion is shown on whole frames, not aligned.[/]")
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)


def _draw_method(name: str, source: ClipSource, out: Path) -> None:
    """Draw a sheet of prepared clips, class by class."""
    from openmer.evaluation import Protocol, prepare_task
    from openmer.files import replace_file
    from openmer.methods import load_method
    from openmer.preprocessing import ArrayCache
    from openmer.pretraining import draw_prepared

    chosen = load_method(name)
    with progress(chosen.title) as report:
        task = prepare_task(
            chosen, source, protocol=Protocol(), cache=ArrayCache(), on_progress=report
        )
    title = f"{chosen.title}: what it sees"
    data, classes = task.data, task.scheme.classes
    picture = draw_prepared(title, data.inputs, data.targets.tolist(), classes)
    replace_file(out, picture)
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)
