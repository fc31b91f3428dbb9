"""Latency: milliseconds a clip at batch 1, PyTorch and ONNX Runtime, on one and two cores.

    python benchmarks/latency.py [--rounds 40] [--only efficient-me]

Every model is timed from a prepared clip to its class scores: finding and aligning the face is not
in it. All ways of running all models take turns in many rounds, in another order each time, so that
a busy moment of the machine hurts all of them alike; the table has the median and the interquartile
range of single calls, after untimed ones. Weights are random, and batch norms
measured on noise: neither changes the time. Parameters are those that are trained; multiply-adds
(MACs) are half of what PyTorch's counter of floating-point operations says.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnxruntime
import torch
from machine import processor
from torch import nn

from openmer.deployment import export_module
from openmer.models import create_model
from openmer.training.memory import forward_flops

HERE = Path(__file__).parent
BARS_MS = {  # on two cores with ONNX Runtime
    ("Efficient-ME, blocks 1-5", 224): 10.0,
    ("Dense connections, mixed attention", 112): 15.0,
}
PUBLISHED = "the paper of MobileViT reports 35.4 ms a sample on its own machine"
_WARM, _TIMED = 3, 5  # untimed and timed calls of one turn


@dataclass(frozen=True)
class Entry:
    """A model to time.

    Attributes:
        title: Its name in the table.
        model: One of `openmer.models.list_models()`.
        size: Height and width of the input, in pixels.
        arguments: Further arguments of the model.
    """

    title: str
    model: str
    size: int
    arguments: dict[str, int | float | str] = field(default_factory=dict)


ENTRIES = [
    Entry(title, "efficient_me", size, {"depth": depth})
    for size in (224, 48)
    for title, depth in (
        ("Efficient-ME, blocks 1-5", 5),
        ("Efficient-ME tr3, blocks 1-3", 3),
        ("EfficientNet-B0, whole", 7),
    )
] + [
    Entry(title, "dense_attention", 112, arguments)
    for title, arguments in (
        ("Dense connections, mixed attention", {}),
        ("Dense connections, no attention", {"attention": "none"}),
        ("Residual connections, mixed attention", {"connections": "residual"}),
    )
]


@dataclass
class Way:
    """One way of running one model, and the times of its calls in milliseconds."""

    entry: Entry
    runtime: str
    threads: int
    call: Callable[[], object]
    times_ms: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """A few untimed calls, then timed ones."""
        torch.set_num_threads(self.threads if self.runtime == "PyTorch" else 1)
        for _ in range(_WARM):
            self.call()
        for _ in range(_TIMED):
            started = time.perf_counter_ns()
            self.call()
            self.times_ms.append((time.perf_counter_ns() - started) / 1e6)


def main() -> None:
    """Measure and write benchmarks/results/latency.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="Only models whose title holds this text.")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "latency.md")
    arguments = parser.parse_args()
    wanted = arguments.only.lower()
    entries = [entry for entry in ENTRIES if wanted in entry.title.lower()]
    if not entries:
        parser.error(f"no model's title holds {arguments.only!r}")
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        ways, facts = _prepare(entries, Path(folder))
        rng = np.random.default_rng(0)
        for _ in range(arguments.rounds):
            for number in rng.permutation(len(ways)):
                ways[number].turn()
    text = _report(entries, ways, facts, arguments.rounds, load_before)
    print(text)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")


def _prepare(entries: list[Entry], folder: Path) -> tuple[list[Way], list[tuple[int, int, float]]]:
    """All ways of running; and parameters, MACs and largest difference of each entry."""
    ways, facts = [], []
    for number, entry in enumerate(entries):
        torch.manual_seed(0)
        shape = (3, entry.size, entry.size)
        model = create_model(entry.model, size=entry.size, **entry.arguments)
        module = _alive(nn.Sequential(model, nn.Softmax(1)), shape)
        path = folder / f"{number}.onnx"
        written = export_module(module, shape, path)
        clip = torch.rand(1, *shape) * 255
        macs = forward_flops(module, shape) // 2
        facts.append((_parameters(module), macs, written.largest_difference))
        for threads in (1, 2):
            ways.append(Way(entry, "PyTorch", threads, _torch_call(module, clip)))
            ways.append(Way(entry, "ONNX Runtime", threads, _onnx_call(path, clip, threads)))
    return ways, facts


def _alive(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """The module in evaluation mode, its batch norms measured on noise.

    With statistics that were never measured the values of a deep random network die away: the
    comparison with ONNX Runtime would see nothing, and denormal numbers would cost time.
    """
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # the plain mean of what it has seen
    module.train()
    with torch.no_grad():
        for _ in range(3):
            contrast = torch.rand(32, 1, 1, 1)  # from flat gray to noise, as the export's check
            gray = 255 * torch.rand(32, 1, 1, 1)
            module(contrast * torch.rand(32, *shape) * 255 + (1 - contrast) * gray)
    return module.eval()


def _torch_call(module: nn.Module, clip: torch.Tensor) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return module(clip)

    return call


def _onnx_call(path: Path, clip: torch.Tensor, threads: int) -> Callable[[], object]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Idle threads of one session would otherwise spin beside the turn of the next one.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = {"clip": clip.numpy()}
    return lambda: session.run(None, inputs)


def _parameters(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _report(
    entries: list[Entry],
    ways: list[Way],
    facts: list[tuple[int, int, float]],
    rounds: int,
    load_before: float,
) -> str:
    columns = [(runtime, threads) for runtime in ("PyTorch", "ONNX Runtime") for threads in (1, 2)]
    heads = " | ".join(f"{runtime}, {threads} thread{'s' * (threads > 1)}"
                       for runtime, threads in columns)  # fmt: skip
    lines = [
        "# Milliseconds a clip, batch 1, warm",
        "",
        f"{processor()}. Python {platform.python_version()}, PyTorch {torch.__version__}, ONNX "
        f"Runtime {onnxruntime.__version__}. Load of the machine (one minute) before "
        f"{load_before:.1f}, after {os.getloadavg()[0]:.1f}; with other work on the cores the "
        "times say little.",
        "",
        f"Median and interquartile range of {rounds * _TIMED} calls each, in {rounds} rounds in "
        "which all columns of all rows took turns. From the prepared clip to the scores; weights "
        "are random.",
        "",
        f"| model | input | parameters | MACs | {heads} | ONNX Runtime against PyTorch |",
        "| --- | ---: | ---: | ---: |" + " ---: |" * (len(columns) + 1),
    ]
    for entry, (parameters, macs, difference) in zip(entries, facts, strict=True):
        own = {(way.runtime, way.threads): way for way in ways if way.entry is entry}
        cells = " | ".join(_cell(own[column].times_ms) for column in columns)
        lines.append(
            f"| {entry.title} | {entry.size}x{entry.size} | {parameters:,} | {macs / 1e6:,.1f} M | "
            f"{cells} | {difference:.1g} |"
        )
    return "\n".join([*lines, "", _verdict(ways)])


def _cell(times_ms: list[float]) -> str:
    low, middle, high = np.percentile(times_ms, [25, 50, 75])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def _verdict(ways: list[Way]) -> str:
    """Which bars are met."""
    told = []
    for way in ways:
        bar_ms = BARS_MS.get((way.entry.title, way.entry.size))
        if bar_ms is not None and (way.runtime, way.threads) == ("ONNX Runtime", 2):
            found = float(np.median(way.times_ms))
            word = "met" if found <= bar_ms else "missed"
            told.append(
                f"{way.entry.title} at {way.entry.size}x{way.entry.size}, at most {bar_ms:.0f} ms: "
                f"{found:.1f} ms, {word}."
            )
    scale = f"For scale, {PUBLISHED}."
    return " ".join(["Bars, with ONNX Runtime on two cores:", *(told or ["none measured."]), scale])


if __name__ == "__main__":
    main()
