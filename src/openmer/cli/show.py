"""``openmer show``: one contact sheet of a clip, to look at before trusting its numbers."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated

import typer

from openmer.cli.console import errors
from openmer.clip import Clip
from openmer.errors import ConfigError


def show(
    manifest: Annotated[Path, typer.Argument(help="CSV that lists the clips.")],
    clip: Annotated[str, typer.Argument(help="The clip's key: corpus/subject/name.")],
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
    from openmer.datasets.manifest import read_manifest
    from openmer.preprocessing.cache import ArrayCache
    from openmer.preprocessing.sheet import look_at, write_sheet

    chosen = _clip(read_manifest(manifest), clip, manifest)
    look = look_at(chosen, detector=detector, style=style, store=ArrayCache())
    write_sheet(out, look)
    if not look.style:
        errors.print(f"[yellow]{chosen.key}: motion is shown on whole frames, not aligned.[/]")
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)


def _clip(clips: tuple[Clip, ...], key: str, manifest: Path) -> Clip:
    """The clip of that key."""
    by_key = {clip.key: clip for clip in clips}
    if key not in by_key:
        near = difflib.get_close_matches(key, by_key, n=3, cutoff=0.3) or list(by_key)[:3]
        raise ConfigError(
            f"There is no clip {key!r} among the {len(by_key)} of {manifest}. "
            f"Near or first ones: {', '.join(near)}."
        )
    return by_key[key]
