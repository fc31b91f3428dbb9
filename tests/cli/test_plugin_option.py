"""A plug-in that is named on the command line serves every command, in worker processes, too."""

import json
import os
import subprocess
import sys

import pytest

from openmer.cli._app import _common_first

PLUGIN = """
from torch import nn
from openmer import register_metric, register_model


@register_metric("right_share", "Share of right clips")
def right_share(counts):
    return counts.trace(axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))


@register_model("mean_of_planes")
class MeanOfPlanes(nn.Module):
    def __init__(self, *, in_channels=3, num_classes=3, size=28):
        super().__init__()
        self.head = nn.Linear(in_channels, num_classes)

    def forward(self, flow):
        return self.head(flow.mean(dim=(-2, -1)))
"""


@pytest.mark.parametrize(
    ("words", "ordered"),
    [
        (["evaluate", "x", "--plugin", "a.py"], ["--plugin", "a.py", "evaluate", "x"]),
        (["--plugin=a", "evaluate", "--plugin", "b"], ["--plugin=a", "--plugin", "b", "evaluate"]),
        (["evaluate", "--", "--plugin"], ["evaluate", "--", "--plugin"]),
        (["evaluate", "--plugin"], ["--plugin", "evaluate"]),
        ([], []),
    ],
)
def test_the_option_may_stand_anywhere(words, ordered):
    assert _common_first(words) == ordered


@pytest.mark.slow
def test_a_model_and_a_metric_of_a_file_serve_workers_too(tmp_path):
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    run = [sys.executable, "-c", "from openmer.cli import main; main()"]
    options = {"cwd": tmp_path, "text": True, "capture_output": True, "env": dict(os.environ)}
    made = ["datasets", "synthesize", "corpus", "--size", "tiny"]
    subprocess.run([*run, *made], **options, check=True)
    evaluate = [
        *("evaluate", "ststnet", "--manifest", "corpus/manifest.csv", "--json"),
        *("--set", "model.name=mean_of_planes", "--set", "training.epochs=2"),
        *("--strategy", "side_by_side", "--workers", "2", "--plugin", "mine.py"),
    ]
    done = subprocess.run([*run, *evaluate], **options, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["right_share"] == pytest.approx(found["accuracy"])
    assert found["parameters"] == 12
    audit = [word for word in evaluate if word not in ("--json",)]
    audit[0] = "audit"
    audit = [*audit[: audit.index("--strategy")], "--plugin", "mine.py", "--subjects", "1"]
    done = subprocess.run([*run, *audit], **options, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([*run, "methods", "--plugin", "no.py"], **options, check=False)
    assert done.returncode == 2
    assert "no.py" in done.stderr
    assert "Traceback" not in done.stderr
