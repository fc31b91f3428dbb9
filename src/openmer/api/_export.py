"""Write a model as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from openmer.api._clips import Source
from openmer.api._model import Model, fitted_of, samples_of
from openmer.deployment import Exported, Quantized, export_model, quantize_model
from openmer.errors import ConfigError


def export(
    model: Model | str | Path | None = None,
    path: str | Path = "model.onnx",
    *,
    int8: bool = False,
    clips: Source | None = None,
) -> Exported | Quantized:
    """Write a model as ONNX, with classes and recipe inside; refused where its scores differ.

    Args:
        model: What `load_model` takes or returns.
        path: The file to write.
        int8: 8-bit integers in place of float32: smaller, and not the same scores.
        clips: With `int8`, clips to calibrate and compare on.

    Returns:
        The path and the size of the file, and how far its scores differ.

    Raises:
        ConfigError: The extra `export` is not installed, or clips are given without `int8`.
        DataError: The scores differ, or the file cannot be written.

    Example:
        print(openmer.export(path="model.onnx").largest_difference)
    """
    fitted = fitted_of(model)
    if not int8:
        if clips is not None:
            raise ConfigError("Found clips without int8=True, which alone needs them.")
        return export_model(fitted, Path(path))
    inputs = None if clips is None else np.stack([s.prepare(fitted) for s in samples_of(clips)])
    return quantize_model(fitted, Path(path), inputs)
