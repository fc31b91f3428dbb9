"""``openmer show``: one contact sheet of a clip, to look at before trusting its numbers."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer.cli.clips import clips_of
from openmer.cli.console import errors
from openmer.cli.options import Corpus, Frames, Manifest, Roots, Variant
from openmer.clip import Clip
from openmer.errors import ConfigError, DataError

if TYPE_CHECKING:
    from openmer.datasets.source import ClipSource


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

    chosen = _clip(clips_of(manifest, corpus, root, variant=variant, frames=frames), clip)
    look = look_at(chosen, detector=detector, style=style, store=ArrayCache())
    write_sheet(out, look)
    if not look.style:
        errors.print(f"[yellow]{chosen.key}: motion is shown on whole frames, not aligned.[/]")
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)


def _clip(source: ClipSource, key: str) -> Clip:
    """The clip of that key."""
    by_key = {clip.key: clip for clip in source.clips}
    for difference in source.differences:
        if key not in by_key and difference.startswith(f"{key}: "):
            raise DataError(f"{difference}. Repair the copy of {source.title}.")
    if key not in by_key:
        near = difflib.get_close_matches(key, by_key, n=3, cutoff=0.3) or list(by_key)[:3]
        raise ConfigError(
            f"There is no clip {key!r} among the {len(by_key)} of {source.title}. "
            f"Near or first ones: {', '.join(near)}."
        )
    return by_key[key]
