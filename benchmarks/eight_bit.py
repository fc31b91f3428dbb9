"""8-bit files of trained networks: how many classes of real faces they keep, and how fast they are.

    python benchmarks/eight_bit.py --root FOLDER --files FILES [--only efficient-me ...]
    python benchmarks/eight_bit.py --files FILES --time

The first makes the files that are not in FILES yet (minutes), the second times them on a quiet
machine (seconds) and writes results/eight_bit.md. FOLDER holds FER2013. Its images are drawn by
seed 0, balanced by class: the first train, of the others 64 calibrate and the rest is compared.

Each method of the package stands there twice: with the weights that come with the package at the
size that they were trained at, and at the size of its paper. For that its weights are trained on
for a few epochs on faces of that size, so that the network is a trained one. A file that keeps the
class of fewer than 98 % is not written: `openmer export --int8` refuses it, too.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from machine import processor
from torch import Tensor, nn

from openmer.datasets import load_pretraining
from openmer.deployment import export_module, packaged_model, quantize_file
from openmer.deployment._latency import PYTORCH, TimedCall, onnx_call
from openmer.errors import OpenMERError
from openmer.methods import load_method
from openmer.models import create_model, load_weights
from openmer.preprocessing import Recipe
from openmer.pretraining import ImageReader
from openmer.training import FloatArray, IntArray

HERE = Path(__file__).parent
THREADS = 2
ROUNDS = 20
TRAINING, COMPARED, BATCH, EPOCHS = 480, 264, 16, 3
HALVED = 64  # faces on which bfloat16 is compared


@dataclass(frozen=True)
class Row:
    """A network to make 8-bit.

    Attributes:
        method: Its method, whose weights come with the package.
        size: Height and width of the input; 0 for the size that the weights were trained at.
        bar_ms: At most so many milliseconds for a clip with two threads; 0 for no bar.
    """

    method: str
    size: int = 0
    bar_ms: float = 0.0

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.method}-{self.size}" if self.size else self.method


ROWS = (
    Row("dense-attention", bar_ms=8.0),  # trained at the paper's 112
    Row("efficient-me"),
    Row("efficient-me", 224, 3.5),
    Row("mobilevit-svm"),
    Row("mobilevit-svm", 256, 12.0),
)


def main() -> None:
    """Make files, or time them and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="folder of FER2013")
    parser.add_argument("--files", type=Path, required=True, help="folder of the ONNX files")
    parser.add_argument("--only", nargs="*", default=[row.name for row in ROWS])
    parser.add_argument("--time", action="store_true", help="time the files that are there")
    arguments = parser.parse_args()
    if arguments.time:
        _time(arguments.files)
        return
    arguments.files.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        if row.name in arguments.only and not _facts_of(row, arguments.files).is_file():
            _make(row, arguments.root, arguments.files)


def _facts_of(row: Row, files: Path) -> Path:
    return files / f"{row.name}.json"


def _make(row: Row, root: Path, files: Path) -> None:
    """Write the float32 file of a row, its 8-bit file, and what is to say of both."""
    model = packaged_model(row.method)
    shape, recipe, network = model.record.input_shape, model.recipe, model.module
    told = "weights of the package"
    if row.size:
        shape, recipe = (3, row.size, row.size), load_method(row.method).steps
    faces, targets = _faces(root, recipe, shape[0])
    if row.size:
        network, right = _trained_on(row, faces[:TRAINING], targets[:TRAINING])
        told = f"{EPOCHS} epochs on {TRAINING} faces; right on {right:.0%} of them"
    exact, small = files / f"{row.name}.onnx", files / f"{row.name}-int8.onnx"
    export_module(network, shape, exact)
    facts = {"shape": shape, "trained": told, "refused": ""}
    try:
        made = quantize_file(exact, small, faces[TRAINING:])
        facts |= {key: value for key, value in asdict(made).items() if key != "path"}
    except OpenMERError as error:
        facts["refused"] = str(error).partition(". ")[0]
    facts["half_kept"] = _kept_in_half(network, torch.from_numpy(faces[TRAINING:][:HALVED]))
    _facts_of(row, files).write_text(json.dumps(facts), encoding="utf-8")
    print(row.name, facts, flush=True)


def _kept_in_half(network: nn.Module, faces: Tensor) -> float:
    """Share of faces whose class stays under PyTorch's automatic bfloat16."""
    same = []
    with torch.inference_mode():
        for face in faces.split(1):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = network(face)
            same.append(int(found.argmax()) == int(network(face).argmax()))
    return float(np.mean(same))


def _faces(root: Path, recipe: Recipe, channels: int) -> tuple[FloatArray, IntArray]:
    """Prepared faces, ``(faces, channels, size, size)``, and their classes."""
    found = load_pretraining("mobilevit-svm-fer2013", {"fer2013": root})
    count = TRAINING + COMPARED
    chosen = np.random.default_rng(0).choice(len(found.images), count, replace=False)
    images, targets = [found.images[n] for n in chosen], [found.targets[n] for n in chosen]
    faces = ImageReader(recipe=recipe).read(images, targets, 3).images
    return np.ascontiguousarray(faces[:, :channels], np.float32), np.array(targets)


def _trained_on(row: Row, faces: FloatArray, targets: IntArray) -> tuple[nn.Module, float]:
    """The network with the package's weights, trained on at another size; how often it is right."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = load_method(row.method).model
    network = create_model(config.name, size=row.size)
    network.load_state_dict(load_weights(config.weights).state)
    network.to(memory_format=torch.channels_last).train()
    optimizer, right = torch.optim.Adam(network.parameters(), lr=5e-4), 0.0
    for epoch in range(EPOCHS):
        order = np.random.default_rng(epoch).permutation(len(faces))
        hits = 0
        for rows in np.split(order, len(order) // BATCH):
            scores = network(torch.from_numpy(faces[rows]))
            wanted = torch.from_numpy(targets[rows])
            optimizer.zero_grad()
            nn.functional.cross_entropy(scores, wanted).backward()
            optimizer.step()
            hits += int((scores.argmax(1) == wanted).sum())
        right = hits / len(faces)
    network.to(memory_format=torch.contiguous_format)
    return nn.Sequential(network, nn.Softmax(1)).eval(), right


def _time(files: Path) -> None:
    """Time the files that are there in turns, and write the table."""
    load_before = os.getloadavg()[0]
    made = [
        (row, json.loads(_facts_of(row, files).read_text(encoding="utf-8")))
        for row in ROWS
        if _facts_of(row, files).is_file()
    ]
    calls, alone = {}, {}
    for row, facts in made:
        clip = 255 * torch.rand(1, *facts["shape"], generator=torch.Generator().manual_seed(0))
        for kind in ("", "-int8"):
            path = files / f"{row.name}{kind}.onnx"
            if path.is_file():
                call = onnx_call(path, clip, THREADS)
                calls[row.name + kind] = TimedCall(runtime="ONNX", threads=THREADS, call=call)
                call = onnx_call(path, clip, 1)
                alone[row.name + kind] = TimedCall(runtime="ONNX", threads=1, call=call)
        if row.bar_ms:
            network = create_model(load_method(row.method).model.name, size=clip.shape[-1]).eval()
            call = _in_half(network, clip.expand(1, 3, -1, -1))
            calls[row.name + "-half"] = TimedCall(runtime=PYTORCH, threads=THREADS, call=call)
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        for name in rng.permutation(list(calls)):
            calls[name].turn()
            if name in alone:
                alone[name].call()
                started = time.process_time_ns()
                alone[name].call()
                alone[name].times_ms.append((time.process_time_ns() - started) / 1e6)
    text = "\n".join(
        [_head(load_before), *(_line(row, facts, calls, alone) for row, facts in made), ""]
    )
    print(text)
    (HERE / "results" / "eight_bit.md").write_text(text, encoding="utf-8")


def _in_half(network: nn.Module, clip: Tensor) -> Callable[[], object]:
    """Return a call that runs a network under PyTorch's automatic bfloat16."""

    def call() -> object:
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            return network(clip)

    return call


def _head(load_before: float) -> str:
    return "\n".join(
        [
            "# Trained networks in 8-bit integers",
            "",
            f"`python benchmarks/eight_bit.py`: {processor()}, {THREADS} threads, batch 1. Python "
            f"{platform.python_version()}, PyTorch {torch.__version__}, ONNX Runtime "
            f"{onnxruntime.__version__}. Load of the machine (one minute) before {load_before:.1f},"
            f" after {os.getloadavg()[0]:.1f}. Median and quartiles of single calls in {ROUNDS} "
            "rounds in which all took turns. Classes kept: of faces of FER2013 that neither "
            "trained nor calibrated. Layers in float32 are those that move the scores most where "
            "they alone are 8-bit; no more of them than the calibrating faces need. ONNX Runtime "
            "has no convolution in bfloat16 for this kind of processor, so that is PyTorch's, with "
            f"automatic casts, and its classes are those of {HALVED} faces. Processor milliseconds "
            "hardly depend on the load.",
            "",
            "| Network | Input | Trained | float32, ms | 8-bit, ms | Bar | Classes kept | "
            "Layers in float32 | MB (float32) | bfloat16, PyTorch, ms | Classes kept | "
            "Processor ms, 1 thread: float32, 8-bit |",
            "| --- | --- | --- | ---: | ---: | --- | --- | ---: | --- | ---: | ---: | --- |",
        ]
    )


def _line(row: Row, facts: dict, calls: dict[str, TimedCall], alone: dict[str, TimedCall]) -> str:
    exact, small, half = (calls.get(row.name + kind) for kind in ("", "-int8", "-half"))
    halved = [_cell(half) if half else "", f"{facts['half_kept']:.1%}"]
    cells = [row.method, "x".join(map(str, facts["shape"])), facts["trained"], _cell(exact)]
    processor_ms = [
        f"{np.median(alone[row.name + kind].times_ms):.1f}"
        for kind in ("", "-int8")
        if row.name + kind in alone
    ]
    halved.append(", ".join(processor_ms))
    if facts["refused"]:
        found = float(np.median(exact.times_ms))
        return (
            "| " + " | ".join([*cells, "", _verdict(row, found), facts["refused"], "", ""]) + " |"
        )
    kept = f"{facts['same_class']:.1%} of {facts['compared']}"
    size = f"{facts['bytes'] / 1e6:.1f} ({facts['exact_bytes'] / 1e6:.1f})"
    found = float(np.median(small.times_ms))
    cells += [_cell(small), _verdict(row, found), kept, str(facts["left_exact"]), size]
    return "| " + " | ".join(cells + halved) + " |"


def _cell(call: TimedCall) -> str:
    low, middle, high = np.percentile(call.times_ms, [25, 50, 75])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def _verdict(row: Row, found_ms: float) -> str:
    if not row.bar_ms:
        return ""
    over = found_ms / row.bar_ms - 1
    return f"{row.bar_ms:g}: " + ("met" if over <= 0 else f"missed by {over:.0%}")


if __name__ == "__main__":
    main()
