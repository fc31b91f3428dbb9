"""``openmer export``: a model as an ONNX file that scores as PyTorch does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from openmer.cli.console import output
from openmer.cli.options import Json


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|METHOD",
            help="Folder that `openmer train` wrote, or a method that comes with weights.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path("model.onnx"),
    as_json: Json = False,
) -> None:
    """Write ONNX with classes, recipe and card inside; refused where the scores differ."""
    from openmer.deployment import export_model, packaged_model, read_model
    from openmer.methods import list_methods

    named = model in list_methods() or model.endswith(".toml")
    is_folder = Path(model).is_dir() or Path(model).name != model
    fitted = read_model(Path(model)) if is_folder and not named else packaged_model(model)
    written = export_model(fitted, out)
    if as_json:
        record = {
            "file": str(written.path),
            "bytes": written.bytes,
            "largest_difference": written.largest_difference,
            "input_shape": list(fitted.record.input_shape),
            "classes": list(fitted.record.classes),
            "scores": fitted.record.meaning,
            "caution": fitted.record.caution,
        }
        typer.echo(json.dumps(record))
        return
    lines = [
        f"{written.path.resolve()}: {written.bytes / 1e6:.1f} MB; ONNX Runtime and PyTorch differ "
        f"by {written.largest_difference:.1g} at most.",
        f"Input clip: (batch, {', '.join(map(str, fitted.record.input_shape))}), float32, prepared "
        "by the recipe in the file's metadata.",
        fitted.record.caution,
    ]
    for line in lines:
        output.print(line, markup=False, highlight=False, soft_wrap=True)
