import subprocess
import sys

import pytest
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from openmer.models import create_model
from openmer.training import flops_of_modules, forward_flops


@pytest.mark.parametrize("name", ["ststnet", "htnet", "capsule_net", "sssnet"])
def test_counts_are_those_of_pytorch(name):
    assert_as_pytorch(create_model(name), (3, 28, 28))


@pytest.mark.parametrize("name", ["mobilevit_xxs", "tf_efficientnet_b0", "vit_tiny_patch16_224"])
def test_counts_of_backbones_are_those_of_pytorch(name):
    size = 224 if name.startswith("vit") else 64
    assert_as_pytorch(timm.create_model(name), (3, size, size))


def assert_as_pytorch(network, shape):
    found = flops_of_modules(network, shape)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *shape))
    root = type(network).__name__
    expected = {name: sum(by.values()) for name, by in counter.get_flop_counts().items()}
    assert found[""] == counter.get_total_flops() > 0
    for name, _ in network.named_modules():
        if f"{root}.{name}" in expected:  # what is never called itself is not in it
            assert found[name] == expected[f"{root}.{name}"], name


def test_a_list_has_the_sum_of_its_parts_and_hooks_are_gone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    found = flops_of_modules(network, (3, 8, 8))
    assert found == {"": 2 * (4 * 36 * 27 + 288), "0": 2 * 4 * 36 * 27, "1": 0, "2": 0, "3": 576}
    assert not any(one._forward_hooks or one._forward_pre_hooks for one in network.modules())
    assert forward_flops(network, (3, 8, 8)) == found[""]


def test_a_network_that_fails_keeps_no_hooks():
    network = nn.Linear(4, 2)
    with pytest.raises(RuntimeError):
        flops_of_modules(network, (3, 8, 8))
    assert not network._forward_hooks


def test_the_compiler_is_not_loaded_only_to_count():
    code = (
        "import sys; from openmer.models import create_model; from openmer.training import "
        "forward_flops; forward_flops(create_model('ststnet'), (3, 28, 28)); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
