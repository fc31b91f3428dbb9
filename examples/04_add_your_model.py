"""Add your own model, evaluate it, and audit it; then see how a training that peeks is caught.

Run it from anywhere: ``python examples/04_add_your_model.py``. It takes seconds.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from openmer.datasets import read_manifest, write_corpus
from openmer.evaluation import (
    Protocol,
    evaluate,
    load_run,
    package_trainer,
    prepare_task,
    run_audit,
)
from openmer.methods import load_method
from openmer.models import register_model
from openmer.training import FitJob, FitResult, Resources, TrainingData

FOLDER = Path("openmer-demo/examples")


@register_model("pocket_net")
class PocketNet(nn.Module):
    """Flow ``(batch, in_channels, size, size)`` to logits ``(batch, num_classes)``."""

    def __init__(self, *, in_channels: int = 3, num_classes: int = 3, size: int = 28) -> None:
        super().__init__()
        side = size // 4
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(4),
            nn.Flatten(),
            nn.Linear(8 * side * side, num_classes),
        )

    def forward(self, flow: Tensor) -> Tensor:
        logits: Tensor = self.layers(flow)
        return logits


clips = read_manifest(write_corpus(FOLDER / "corpus", "tiny"))

# STSTNet's recipe with another network and budget; a TOML file of your own does the same.
changes = ["name=pocket-net", "title=PocketNet", "model.name=pocket_net", "training.epochs=30"]
method = load_method("ststnet", [*changes, "training.standardize=true"])

# This class exists in this script only, so the folds are trained in this process.
here = Resources(strategy="one_by_one", compiled="never")
info, scores = load_run(evaluate(method, clips, Protocol(), out=FOLDER / "runs", resources=here))
print(
    f"{info.title}: {info.parameters} weights, UF1 {scores.uf1:.3f} on {scores.subjects} subjects"
)

# The audit trains folds with the held-out subject's clips as they are, and as NaN.
task = prepare_task(method, clips, protocol=Protocol())
honest = package_trainer(task, here)
print("the package's training:", "clean" if not run_audit(task, honest, subjects=2) else "leaks")


def peeking(data: TrainingData, jobs: Sequence[FitJob]) -> Sequence[FitResult]:
    """A common mistake: centre all clips together, the held-out ones included, then train."""
    centred = replace(data, inputs=data.inputs - data.inputs.mean(axis=0))
    return honest(centred, jobs)


for finding in run_audit(task, peeking, subjects=1):
    print(f"a training that peeks: {finding.severity}: {finding.message}")
