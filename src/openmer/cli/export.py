"""``openmer export``: a model as an ONNX file that scores as PyTorch does."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from openmer import deployment, methods
from openmer.cli._console import output, tell, warn
from openmer.cli._options import Json
from openmer.errors import ConfigError, DataError
from openmer.files import require_own

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from openmer.deployment import Exported, FittedModel, Quantized


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|METHOD",
            help="Folder that `openmer train` wrote, or a method that comes with weights.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File to write.")] = Path("model.onnx"),
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="8-bit integers in place of float32: smaller and mostly faster, and not the same "
            "scores; refused where more than one clip in fifty changes its class.",
        ),
    ] = False,
    manifest: Annotated[
        Path | None,
        typer.Option(
            "--manifest",
            help="With --int8: CSV that lists clips, half of them to calibrate on (64 at most), "
            "the others to compare both files on. Without it only linear layers become 8-bit.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write ONNX with classes, recipe and card inside; refused where the scores differ."""
    if manifest is not None and not int8:
        raise ConfigError("Found --manifest without --int8, which alone needs clips. Add --int8.")
    require_own({out: "OpenMER"})
    fitted = _model(model)
    if int8:
        clips = None if manifest is None else _prepared(fitted, manifest)
        _report_int8(deployment.quantize_model(fitted, out, clips), fitted, as_json)
    else:
        _report(deployment.export_model(fitted, out), fitted, as_json)


def _model(given: str) -> FittedModel:
    """Read a folder that `openmer train` wrote, or the model of a method with weights."""
    is_method = given in methods.list_methods() or given.endswith(".toml")
    is_folder = Path(given).is_dir() or Path(given).name != given
    if is_folder and not is_method:
        return deployment.read_model(Path(given))
    return deployment.packaged_model(given)


def _prepared(fitted: FittedModel, manifest: Path) -> NDArray[np.float32]:
    """Return the clips of a manifest that can be prepared; name the others on standard error."""
    import numpy as np

    made, failed = [], []
    for sample in deployment.samples_of_manifest(manifest):
        try:
            made.append(sample.prepare(fitted))
        except DataError as error:
            failed.append(str(error))
    tell("\n".join(failed))
    empty = np.empty((0, *fitted.record.input_shape), dtype=np.float32)
    return np.stack(made) if made else empty


def _report(written: Exported, fitted: FittedModel, as_json: bool) -> None:
    line = (
        f"{written.path.resolve()}: {written.bytes / 1e6:.1f} MB; ONNX Runtime and PyTorch differ "
        f"by {written.largest_difference:.1g} at most."
    )
    _print(asdict(written), line, fitted, as_json)


def _report_int8(written: Quantized, fitted: FittedModel, as_json: bool) -> None:
    what = "clips" if written.on_clips else "generated inputs"
    changed = written.compared - round(written.same_class * written.compared)
    if changed:
        warn(f"{changed} of {written.compared} {what} have another class in 8-bit integers.")
    if not written.on_clips:
        warn(
            "Without --manifest only linear layers became 8-bit, and the comparison is on "
            "generated inputs, which says little about faces."
        )
    line = (
        f"{written.path.resolve()}: {written.bytes / 1e6:.1f} MB, in float32 "
        f"{written.exact_bytes / 1e6:.1f} MB. 8-bit, {written.kind}, calibrated on "
        f"{written.calibrated} clips; {written.left_exact} layers stay float32. "
        f"Of {written.compared} {'other ' * written.on_clips}{what} "
        f"{written.same_class:.1%} keep their class; scores differ by "
        f"{written.largest_difference:.2g} at most."
    )
    _print({"int8": True} | asdict(written), line, fitted, as_json)


def _print(written: dict[str, object], line: str, fitted: FittedModel, as_json: bool) -> None:
    """Print what was written, as one JSON object or in lines of which the first is given."""
    record = fitted.record
    if as_json:
        told = {"file": str(written.pop("path"))} | written
        told |= {
            "input_shape": list(record.input_shape),
            "classes": list(record.classes),
            "scores": record.meaning,
            "caution": record.caution,
        }
        typer.echo(json.dumps(told))
        return
    lines = [
        line,
        f"Input clip: (batch, {', '.join(map(str, record.input_shape))}), float32, prepared "
        "by the recipe in the file's metadata.",
        record.caution,
    ]
    for text in lines:
        output.print(text, highlight=False, soft_wrap=True)
