"""8-bit files of the weights in the package: how many classes of real faces they keep.

    python benchmarks/eight_bit.py --root FOLDER [--faces 264] [--method efficient-me]

Faces are drawn by seed 0 from FER2013, balanced by class; 64 calibrate, the others are compared.
The weights were made from other images of the same corpus, and some of these. A file that keeps the
class of fewer than 98 % is not written: `openmer export --int8` refuses it, too.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from openmer.datasets import load_pretraining
from openmer.deployment import FittedModel, packaged_model, quantize_model
from openmer.errors import OpenMERError
from openmer.pretraining import ImageReader

METHODS = ("efficient-me", "dense-attention", "mobilevit-svm")


def main() -> None:
    """Quantize, compare and print one line for each method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of FER2013")
    parser.add_argument("--faces", type=int, default=264)
    parser.add_argument("--method", choices=METHODS, action="append")
    arguments = parser.parse_args()
    print("| Weights | Input | 8-bit, MB (float32) | Layers in float32 | Classes kept |")
    print("| --- | --- | --- | --- | --- |")
    for name in arguments.method or METHODS:
        print(_line(packaged_model(name), arguments.root, arguments.faces), flush=True)
    print(f"\n{arguments.faces} faces; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores.")


def _line(model: FittedModel, root: Path, count: int) -> str:
    found = load_pretraining("mobilevit-svm-fer2013", {"fer2013": root})
    chosen = np.random.default_rng(0).choice(len(found.images), count, replace=False)
    reader = ImageReader(recipe=model.recipe)
    faces = reader.read([found.images[n] for n in chosen], [found.targets[n] for n in chosen], 3)
    clips = faces.images[:, : model.record.input_shape[0]].astype(np.float32)
    shape = "x".join(map(str, model.record.input_shape))
    with TemporaryDirectory() as folder:
        try:
            made = quantize_model(model, Path(folder) / "int8.onnx", clips)
        except OpenMERError as error:
            return f"| {model.record.method} | {shape} | not offered: {error} | | |"
    size = f"{made.bytes / 1e6:.1f} ({made.exact_bytes / 1e6:.1f})"
    kept = f"{made.same_class:.1%} of {made.compared}"
    return f"| {model.record.method} | {shape} | {size} | {made.left_exact} | {kept} |"


if __name__ == "__main__":
    main()
