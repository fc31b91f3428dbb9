"""``openmer show``: one contact sheet of a clip, to look at before trusting its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import evaluation, methods, preprocessing, pretraining
from openmer.cli._console import errors, progress
from openmer.cli._option_groups import Clips, clip_named, prepare
from openmer.errors import ConfigError
from openmer.files import replace_file

if TYPE_CHECKING:
    from openmer.datasets import ClipSource


def show(
    clips: Clips,
    clip: Annotated[
        str, typer.Argument(help="The clip's key: corpus/subject/name; none with --method.")
    ] = "",
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
    preprocessing.sheet_form(out)
    if method:
        _draw_method(method, clips.read(), out)
        return
    chosen = clip_named(clips.read(), clip)
    cache = preprocessing.ArrayCache()
    view = preprocessing.inspect_clip(chosen, detector=detector, style=style, store=cache)
    preprocessing.write_sheet(out, view)
    if not view.style:
        errors.print(f"{chosen.key}: motion is shown on whole frames, not aligned.", style="yellow")
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)


def _draw_method(name: str, source: ClipSource, out: Path) -> None:
    """Draw a sheet of prepared clips, class by class."""
    chosen = methods.load_method(name)
    with progress(chosen.title) as report:
        task = prepare(chosen, source, evaluation.Protocol(), 0, report)
    title = f"{chosen.title}: what it sees"
    data, classes = task.data, task.scheme.classes
    picture = pretraining.draw_prepared(
        title, data.inputs, data.targets.tolist(), classes, recipe=chosen.steps
    )
    replace_file(out, picture)
    errors.print(f"Sheet: {out.resolve()}", soft_wrap=True)
