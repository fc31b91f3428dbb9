"""Steps of one model: PyTorch's own to the bit, without what PyTorch loads for its classes."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from openmer.training import FusedOptimizer

CLASSES = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
TRAINING = """
import sys
from openmer.training import Resources, fit_jobs, plan_run
from tests.builders import make_data, make_jobs, make_spec, make_subjects

data, jobs = make_data(), make_jobs(make_subjects())
spec = make_spec(data=data, epochs=1)
plan = plan_run(spec, jobs, Resources(strategy="one_by_one", compiled="never"))
assert list(fit_jobs(jobs, spec, data, plan))
print(sorted({"torch._dynamo", "sympy", "sklearn", "scipy.signal", "pandas"} & set(sys.modules)))
"""


@pytest.mark.parametrize("decayed", ["all", "kernels"])
@pytest.mark.parametrize(
    ("rule", "options"), [("adam", {}), ("adamw", {}), ("sgd", {}), ("sgd", {"momentum": 0.9})]
)
def test_steps_are_those_of_pytorch_also_after_a_break(rule, options, decayed):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    network.idle = nn.Linear(2, 2)  # gets no gradient
    network[0].bias.requires_grad = False
    other = deepcopy(network)
    shrink = {name for name, own in network.named_parameters() if decayed == "all" or own.dim() > 1}
    moving = [(name, own) for name, own in other.named_parameters() if own.requires_grad]
    groups = [
        {"params": [own for name, own in moving if (name in shrink) == shrinks], "weight_decay": by}
        for shrinks, by in ((True, 0.1), (False, 0.0))
    ]
    theirs = CLASSES[rule]([one for one in groups if one["params"]], lr=0.01, fused=True, **options)
    asked = {"optimizer": rule, "momentum": 0.0, "weight_decay": 0.1, "decayed": decayed, **options}
    own = FusedOptimizer(network, SimpleNamespace(**asked), 0.01)
    for step in range(8):
        if step == 4:
            kept = deepcopy(own.state)
            own = FusedOptimizer(network, SimpleNamespace(**asked), 0.005)
            own.state = kept
            for group in theirs.param_groups:
                group["lr"] = 0.005
        inputs = torch.randn(5, 3, 8, 8)
        for model, optimizer in ((network, own), (other, theirs)):
            optimizer.zero_grad()
            torch.autograd.backward(model[3](model[2](model[1](model[0](inputs)))).square().sum())
            optimizer.step()
        states = zip(network.state_dict().values(), other.state_dict().values(), strict=True)
        assert all(torch.equal(first, second) for first, second in states)


def test_training_loads_no_compiler_and_no_other_kind_of_training():
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
