"""Latency: milliseconds a clip at batch 1, PyTorch and ONNX Runtime, on one and two cores.

    python benchmarks/latency.py [--rounds 40] [--only efficient-me] [--faces 128]

Every model is timed from a prepared clip to its class scores: finding and aligning the face is not
in it. All ways of running all models take turns in many rounds, in another order each time, so that
a busy moment of the machine hurts all of them alike; the table has the median and the interquartile
range of single calls, after untimed ones. ONNX Runtime runs the exported file in float32, and in
8-bit integers. Parameters are those that are trained; multiply-adds (MACs) are half of what
PyTorch's counter of floating-point operations says.

Whether 8-bit integers keep the class is evaluated on synthetic faces: apex frames of the synthetic
corpus, gray, each brightened or darkened, at the size of the input. Half of them, 64 at most,
calibrate the 8-bit file, the others are compared. Weights are those of the package where it has
some for the model at that size. Others are random, batch norms measured on noise and on faces, but
for the head: a ridge regression of the features of every second face tells three groups of subjects
apart, so that there is a class to keep.
"""

from __future__ import annotations

import argparse
import os
import platform
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import onnxruntime
import torch
from machine import processor
from torch import Tensor, nn

from openmer.datasets.synthetic._clips import generate
from openmer.datasets.synthetic._plan import CorpusPlan, Part
from openmer.deployment import Quantized, export_module, quantize_file
from openmer.deployment._latency import CALLS_A_TURN, TimedCall, onnx_call, torch_call
from openmer.models import create_model, load_weights
from openmer.models._weights import list_weights
from openmer.training import forward_flops

HERE = Path(__file__).parent
BARS_MS = {  # on two cores with ONNX Runtime
    ("Efficient-ME, blocks 1-5", 224): 10.0,
    ("Dense connections, mixed attention", 112): 15.0,
    ("MobileViT-S", 256): 25.0,
}
RUNTIMES = ("PyTorch", "ONNX Runtime", "ONNX Runtime, 8-bit")
PUBLISHED = "the paper of MobileViT reports 35.4 ms a sample on its own machine"


@dataclass(frozen=True)
class Entry:
    """A model to time.

    Attributes:
        title: Its name in the table.
        model: One of `openmer.models.list_models()`.
        size: Height and width of the input, in pixels.
        arguments: Further arguments of the model.
        weights: Name of weights that the package may have for it; "" for none.
    """

    title: str
    model: str
    size: int
    arguments: dict[str, int | float | str] = field(default_factory=dict)
    weights: str = ""


ENTRIES = [
    Entry(title, "efficient_me", size, {"depth": depth}, weights if size == 48 else "")
    for size in (224, 48)
    for title, depth, weights in (
        ("Efficient-ME, blocks 1-5", 5, "efficient-me"),
        ("Efficient-ME tr3, blocks 1-3", 3, ""),
        ("EfficientNet-B0, whole", 7, ""),
    )
]
ENTRIES += [
    Entry(title, "dense_attention", 112, arguments, weights)
    for title, arguments, weights in (
        ("Dense connections, mixed attention", {}, "dense-attention"),
        ("Dense connections, no attention", {"attention": "none"}, ""),
        ("Residual connections, mixed attention", {"connections": "residual"}, ""),
    )
]
ENTRIES += [
    Entry(title, model, 256, weights="mobilevit-svm" if model == "mobilevit_s" else "")
    for title, model in (
        ("MobileViT-S", "mobilevit_s"),
        ("MobileNetV2", "mobilenet_v2"),
        ("MobileNetV3", "mobilenet_v3"),
        ("ResNet18", "resnet18"),
        ("DenseNet121", "densenet121"),
        ("DeiT-B", "deit_base"),
        ("DeepViT-L", "deepvit_l"),
    )
]


@dataclass(frozen=True)
class Facts:
    """What a model is, and how far its ONNX files agree with it."""

    parameters: int
    macs: int
    difference: float
    quantized: Quantized
    trained: bool


@dataclass(kw_only=True)
class Way(TimedCall):
    """One way of running one model, and the times of its calls in milliseconds."""

    entry: Entry


def main() -> None:
    """Measure and write benchmarks/results/latency.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", default="", help="Only models whose title holds this text.")
    parser.add_argument("--faces", type=int, default=128, help="Synthetic faces.")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "latency.md")
    arguments = parser.parse_args()
    wanted = arguments.only.lower()
    entries = [entry for entry in ENTRIES if wanted in entry.title.lower()]
    if not entries:
        parser.error(f"no model's title holds {arguments.only!r}")
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        faces, groups = _faces(arguments.faces)
        ways, facts = _prepare(entries, faces, groups, Path(folder))
        rng = np.random.default_rng(0)
        for _ in range(arguments.rounds):
            for number in rng.permutation(len(ways)):
                ways[number].turn()
    text = _report(entries, ways, facts, arguments.rounds, load_before)
    print(text)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")


def _prepare(
    entries: list[Entry], faces: np.ndarray, groups: np.ndarray, folder: Path
) -> tuple[list[Way], list[Facts]]:
    """All ways of running, and what there is to say of each entry."""
    ways, facts = [], []
    for number, entry in enumerate(entries):
        print(f"preparing {entry.title}, {entry.size}x{entry.size}", flush=True)
        torch.manual_seed(0)
        shape = (3, entry.size, entry.size)
        clips = _at_size(faces, entry.size)
        model, trained = _model(entry, clips, groups)
        module = nn.Sequential(model, nn.Softmax(1)).eval()
        exact, small = folder / f"{number}.onnx", folder / f"{number}-int8.onnx"
        written = export_module(module, shape, exact)
        made = quantize_file(exact, small, clips.numpy(), least_same=0.0)
        macs = forward_flops(module, shape) // 2
        facts.append(Facts(_parameters(module), macs, written.largest_difference, made, trained))
        for threads in (1, 2):
            calls = (
                torch_call(module, clips[:1]),
                onnx_call(exact, clips[:1], threads),
                onnx_call(small, clips[:1], threads),
            )
            ways += [
                Way(entry=entry, runtime=runtime, threads=threads, call=call)
                for runtime, call in zip(RUNTIMES, calls, strict=True)
            ]
    return ways, facts


def _faces(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Gray apex frames of synthetic clips under another light each, and groups of their subjects.

    Shapes ``(count, 160, 160)`` and ``(count,)``; four of a subject, three groups.
    """
    subjects = tuple(f"s{number:02}" for number in range(-(-count // 4)))
    part = Part(corpus="synthetic", subjects=subjects, fps=Fraction(100), movement_frames=(7, 7))
    rng = np.random.default_rng(0)
    made, groups = [], []
    for clip in generate(CorpusPlan(parts=(part,), clips_per_subject=4, frame_size=160)):
        gray = cv2.cvtColor(clip.frames_rgb[clip.true_apex], cv2.COLOR_RGB2GRAY)
        made.append(np.clip(gray * rng.uniform(0.6, 1.4) + rng.uniform(-20, 20), 0, 255))
        groups.append(int(clip.clip.subject[1:]) % 3)
    return np.stack(made[:count]).astype(np.float32), np.array(groups[:count])


def _at_size(faces: np.ndarray, size: int) -> Tensor:
    """Three equal channels, ``(faces, 3, size, size)``."""
    resized = [cv2.resize(face, (size, size), interpolation=cv2.INTER_AREA) for face in faces]
    return torch.from_numpy(np.stack(resized))[:, None].repeat(1, 3, 1, 1)


def _model(entry: Entry, clips: Tensor, groups: np.ndarray) -> tuple[nn.Module, bool]:
    """The model of an entry in evaluation mode, and whether its weights are trained ones."""
    model = create_model(entry.model, size=entry.size, **entry.arguments)
    if entry.weights in list_weights():
        model.load_state_dict(load_weights(entry.weights).state)
        return model.eval(), True
    _measure(model, clips)
    with torch.inference_mode():
        features = torch.cat([model.features(part) for part in clips[::2].split(16)]).double()
    _fit(model.head, features, torch.from_numpy(groups[::2]))
    return model, False


def _fit(head: nn.Module, features: Tensor, groups: Tensor) -> None:
    """A linear head that tells groups apart by ridge regression, its scores made logits."""
    centre = features.mean(0)
    deviations = features - centre
    wanted = nn.functional.one_hot(groups, 3).double()
    products = deviations @ deviations.T
    ridge = 0.1 * products.trace() / len(products) * torch.eye(len(products))
    weights = deviations.T @ torch.linalg.solve(products + ridge, wanted - wanted.mean(0))
    weights *= 4  # a score of 1 against 0 becomes odds of about fifty
    layer = [part for part in head.modules() if isinstance(part, nn.Linear)][-1]
    layer.weight = nn.Parameter(weights.T.float())
    layer.bias = nn.Parameter((4 * wanted.mean(0) - centre @ weights).float())


def _measure(module: nn.Module, clips: Tensor) -> None:
    """Measure the batch norms of a random network on noise and on faces, then leave training.

    With statistics that were never measured the values of a deep random network die away: the
    comparison with ONNX Runtime would see nothing, and denormal numbers would cost time.
    """
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None  # the plain mean of what it has seen
            if not part.weight.any():  # a residual part that begins at nothing
                nn.init.ones_(part.weight)
    module.train()
    with torch.no_grad():
        for number in range(2):
            contrast = torch.rand(16, 1, 1, 1)  # from flat gray to noise, as the export's check
            gray = 255 * torch.rand(16, 1, 1, 1)
            module(contrast * torch.rand(16, *clips.shape[1:]) * 255 + (1 - contrast) * gray)
            module(clips[number::8][:16])
    module.eval()


def _parameters(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _report(
    entries: list[Entry],
    ways: list[Way],
    facts: list[Facts],
    rounds: int,
    load_before: float,
) -> str:
    columns = [(runtime, threads) for runtime in RUNTIMES for threads in (1, 2)]
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
        f"Median and interquartile range of {rounds * CALLS_A_TURN} calls each, in {rounds} rounds "
        "in which all columns of all rows took turns. From the prepared clip to the scores.",
        "",
        _agreement_text(facts[0].quantized),
        "",
        f"| model | input | parameters | MACs | {heads} | ONNX Runtime against PyTorch | 8-bit "
        "keeps the class | largest difference of a score |",
        "| --- | ---: | ---: | ---: |" + " ---: |" * (len(columns) + 3),
    ]
    for entry, told in zip(entries, facts, strict=True):
        own = {(way.runtime, way.threads): way for way in ways if way.entry is entry}
        cells = " | ".join(_cell(own[column].times_ms) for column in columns)
        made = told.quantized
        lines.append(
            f"| {entry.title} | {entry.size}x{entry.size} | {told.parameters:,} | "
            f"{told.macs / 1e6:,.1f} M | {cells} | {told.difference:.1g} | {made.same_class:.1%}"
            f"{', trained' * told.trained} | {made.largest_difference:.2f} |"
        )
    return "\n".join([*lines, "", _verdict(ways, facts, entries)])


def _agreement_text(made: Quantized) -> str:
    return (
        f"8-bit files were calibrated on {made.calibrated} synthetic faces and compared with "
        f"float32 on {made.compared} others: gray apex frames of the synthetic corpus, four of a "
        "subject, under another light each. Where it does not say trained, weights are random but "
        "for the head, a ridge regression that tells three groups of the subjects apart; such a "
        "network keeps its classes worse than a trained one. Differences are of probabilities."
    )


def _cell(times_ms: list[float]) -> str:
    low, middle, high = np.percentile(times_ms, [25, 50, 75])
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def _verdict(ways: list[Way], facts: list[Facts], entries: list[Entry]) -> str:
    """Which bars are met."""
    told = []
    for way in ways:
        bar_ms = BARS_MS.get((way.entry.title, way.entry.size))
        if bar_ms is None or way.threads != 2 or way.runtime == "PyTorch":
            continue
        found = float(np.median(way.times_ms))
        word = "met" if found <= bar_ms else "missed"
        kind = "float32"
        if way.runtime != "ONNX Runtime":
            kept = facts[entries.index(way.entry)].quantized.same_class
            kind = f"8-bit, which keeps {kept:.1%} of the classes"
        told.append(
            f"{way.entry.title} at {way.entry.size}x{way.entry.size}, at most {bar_ms:.0f} ms: "
            f"{found:.1f} ms, {word} ({kind})."
        )
    scale = f"For scale, {PUBLISHED}."
    return " ".join(["Bars, with ONNX Runtime on two cores:", *(told or ["none measured."]), scale])


if __name__ == "__main__":
    main()
