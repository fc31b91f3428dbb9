"""A plug-in that is named on the command line serves every command, in worker processes, too."""

import json
import subprocess
import sys

import pytest

from openmer.cli._app import _common_first
from openmer.datasets import write_corpus

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


COMMANDS = """
import json, sys
from openmer.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["openmer", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: {end.code}")
"""


@pytest.mark.slow
def test_a_model_and_a_metric_of_a_file_serve_workers_too(tmp_path):
    """Commands of one process, which this one does not share: a name is registered for good."""
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    manifest = str(write_corpus(tmp_path / "corpus", "tiny"))
    given = [
        *("ststnet", "--manifest", manifest, "--plugin", "mine.py"),
        *("--set", "model.name=mean_of_planes", "--set", "training.epochs=2"),
    ]
    commands = [
        ["evaluate", *given, "--json", "--strategy", "side_by_side", "--workers", "2"],
        ["audit", *given, "--subjects", "1"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(commands)], cwd=tmp_path, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found, _ = json.JSONDecoder().raw_decode(done.stdout)
    assert found["right_share"] == pytest.approx(found["accuracy"])
    assert found["parameters"] == 12


def test_a_plugin_that_is_not_there_is_named(openmer, monkeypatch):
    monkeypatch.setenv("OPENMER_PLUGINS", "")  # which the option adds to
    code, _, err = openmer("methods", "--plugin", "no.py")
    assert code == 2
    assert "no.py" in err
    assert "Traceback" not in err
