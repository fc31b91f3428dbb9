"""HTNet with and without the weights that cannot learn: how much faster does it run and train?

    python benchmarks/htnet.py [--rounds 8] [--batch 32]

At the published 28x28 every attention of HTNet sees one token, so queries and keys change nothing.
The network as published, the one without dead weights and the one folded for inference hold the
same live weights and take turns in every round, in another order each time, on one thread; the
table has the medians, the interquartile ranges, and the median over rounds of the ratio to the
published network. A training step is forward, backward and Adam, as the authors train.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from machine import processor
from torch import Tensor, nn

from openmer.models.htnet import HTNet, without_dead_weights
from openmer.training import forward_flops

HERE = Path(__file__).parent
_SHAPE = (3, 28, 28)
_RATE = 5e-5  # of the authors' Adam


@dataclass
class Entry:
    """A network, and the seconds of each of its timed calls by the kind of call."""

    title: str
    network: nn.Module
    difference: float
    calls: dict[str, Callable[[], object]] = field(default_factory=dict)
    times_s: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Measure and write benchmarks/results/htnet.md."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--batch", type=int, default=32, help="Clips of a training step.")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "htnet.md")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    load_before = os.getloadavg()[0]
    entries = _entries(arguments.batch)
    rng = np.random.default_rng(0)
    for number in range(arguments.rounds + 1):
        for kind in entries[0].calls:
            for chosen in rng.permutation(len(entries)):
                _time(entries[chosen], kind, counts=number > 0)  # the first round warms up
    text = _report(entries, arguments.rounds, arguments.batch, load_before)
    print(text)
    arguments.out.parent.mkdir(exist_ok=True)
    arguments.out.write_text(text + "\n", encoding="utf-8")


def _entries(batch: int) -> list[Entry]:
    """The three networks, with the same live weights."""
    torch.manual_seed(0)
    clips, one = 255 * torch.rand(batch, *_SHAPE), 255 * torch.rand(1, *_SHAPE)
    full, lean = HTNet(), HTNet(dead_weights=False)
    lean.load_state_dict(without_dead_weights(full.state_dict()))
    named = {"as published": full, "without dead weights": lean}
    named["folded for inference"] = full.for_inference()
    with torch.inference_mode():
        expected = full(clips)
        differences = [float((each(clips) - expected).abs().max()) for each in named.values()]
    entries = []
    for (title, network), difference in zip(named.items(), differences, strict=True):
        calls = {"1 clip": _forward(network, one), f"{batch} clips": _forward(network, clips)}
        calls["training step"] = _step(network, clips)
        entries.append(Entry(title, network, difference, calls))
    del entries[-1].calls["training step"]  # it is not for training
    return entries


def _forward(network: nn.Module, clips: Tensor) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return network(clips)

    return call


def _step(network: nn.Module, clips: Tensor) -> Callable[[], object]:
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    targets = torch.arange(len(clips)) % 3

    def call() -> object:
        optimizer.zero_grad()
        loss = F.cross_entropy(network(clips), targets)
        loss.backward()
        optimizer.step()
        return loss

    return call


def _time(entry: Entry, kind: str, *, counts: bool) -> None:
    if kind not in entry.calls:
        return
    started = time.perf_counter()
    entry.calls[kind]()
    if counts:
        entry.times_s.setdefault(kind, []).append(time.perf_counter() - started)


def _report(entries: list[Entry], rounds: int, batch: int, load_before: float) -> str:
    kinds = list(entries[0].calls)
    heads = " | ".join(f"{kind}, ms | ratio" for kind in kinds)
    lines = [
        "# HTNet without the weights that cannot learn",
        "",
        f"{processor()}. Python {platform.python_version()}, PyTorch {torch.__version__}, one "
        f"thread. Load of the machine (one minute) before {load_before:.1f}, after "
        f"{os.getloadavg()[0]:.1f}; with other work on the cores the times say little, the ratios "
        "more.",
        "",
        f"Median and interquartile range of {rounds} calls each, in {rounds} rounds in which all "
        "networks took turns; the ratio is the median over rounds of the published network's time "
        f"and the own. Clips of 3x28x28; a training step has {batch} of them, with Adam. The "
        "difference is the largest of a logit.",
        "",
        f"| HTNet | weights | MACs | {heads} | difference |",
        "| --- | ---: | ---: |" + " ---: | ---: |" * len(kinds) + " ---: |",
    ]
    for entry in entries:
        weights = sum(weight.numel() for weight in entry.network.parameters())
        macs = forward_flops(entry.network, _SHAPE) / 2e6
        cells = " | ".join(_cells(entry, entries[0], kind) for kind in kinds)
        lines.append(
            f"| {entry.title} | {weights:,} | {macs:.1f} M | {cells} | {entry.difference:.1g} |"
        )
    return "\n".join(lines)


def _cells(entry: Entry, published: Entry, kind: str) -> str:
    own = np.array(entry.times_s.get(kind, []))
    if not own.size:
        return "none | none"
    low, middle, high = 1e3 * np.percentile(own, [25, 50, 75])
    ratio = float(np.median(np.array(published.times_s[kind]) / own))
    return f"{middle:.0f} ({low:.0f} to {high:.0f}) | {ratio:.2f}"


if __name__ == "__main__":
    main()
