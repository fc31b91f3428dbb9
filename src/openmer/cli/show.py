"""``openmer show``: one contact sheet of a clip, to look at before trusting its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openmer.cli.clips import clip_named, clips_of
from openmer.cli.console import errors
from openmer.cli.options import Corpus, Frames, Manifest, Roots, Variant


def show(
    clip: Annotated[str, typer.Argument(help="The clip's key: corpus/subject/name.")],
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
) -> None:
    """Draw frames, face, alignments, magnified apex, flow, strain and movement of a clip."""
    from openmer.preprocessing.cache import ArrayCache
    from openmer.preprocessing.sheet import look_at, write_sheet

    chosen = clip_named(clips_of(manifest, corpus, root, variant=variant, frames=frames), clip)
    look = look_at(chosen, detector=detector, style=style, store=ArrayCache())
    write_sheet(out, look)
    if not look.style:
        errors.print(f"[yellow]{chosen.key}: motion is shown on whole frames, not aligned.[/]")
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)
