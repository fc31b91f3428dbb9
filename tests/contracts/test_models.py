"""What every registered model must satisfy; a new model is tested the moment it is registered."""

import ast
from pathlib import Path

import pytest
import torch

from openmer.errors import ConfigError
from openmer.models import create_model, list_models

DEFAULTS = {"size": 28, "pixels": False, "small": {}, "published": {}}


def all_facts():
    """What the tests of each model state of it, in `FACTS`: its parameters as published; ...

    the size at which it is tested, unless that is 28; whether it takes pixels in 0..255 and not
    flow about zero; `small` arguments that make a heavy model light, for all but the count; and
    `published` arguments for the count.
    """
    found = {}
    for path in sorted((Path(__file__).parents[1] / "models").glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FACTS":
                found |= ast.literal_eval(node.value)
    return {name: DEFAULTS | facts for name, facts in found.items()}


FACTS = all_facts()


def build(name, **changes):
    torch.manual_seed(0)
    given = {"in_channels": 3, "size": FACTS[name]["size"]} | FACTS[name]["small"]
    return create_model(name, **(given | changes))


def batch(name, clips=4, channels=3, size=None):
    """Maps of flow about zero, or pixels in 0..255."""
    size = size or FACTS[name]["size"]
    shape = (clips, channels, size, size)
    return 255 * torch.rand(shape) if FACTS[name]["pixels"] else torch.randn(shape)


def test_every_model_has_tests_of_its_own():
    assert set(list_models()) <= set(FACTS), "state FACTS in tests/models/test_<name>.py"


@pytest.mark.parametrize("name", list_models())
def test_parameter_count(name):
    facts = FACTS[name]
    given = {"in_channels": 3, "size": facts["size"]} | facts["published"]
    with torch.device("meta" if facts["small"] else "cpu"):  # meta: counted, not made
        model = create_model(name, **given)
    assert sum(p.numel() for p in model.parameters()) == facts["parameters"]


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("name", list_models())
def test_logits_have_one_column_per_class(name, classes):
    assert build(name, num_classes=classes)(batch(name)).shape == (4, classes)


@pytest.mark.parametrize("name", list_models())
def test_clips_of_a_batch_do_not_affect_each_other_in_evaluation(name):
    model, clips = build(name).eval(), batch(name)
    torch.testing.assert_close(model(clips)[:1], model(clips[:1]))


@pytest.mark.parametrize("name", list_models())
def test_every_weight_learns(name):
    model = build(name)
    for part in model.modules():  # some of timm's residual parts begin at nothing, for one step
        if isinstance(part, torch.nn.BatchNorm2d) and not part.weight.any():
            torch.nn.init.ones_(part.weight)
    model(batch(name, clips=16)).square().sum().backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not dead


@pytest.mark.parametrize("name", list_models())
def test_same_seed_same_weights(name):
    first, second = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", list_models())
def test_it_runs_on_fewer_channels_and_on_another_size(name):
    """Flow without strain, or gray images."""
    fewer = 1 if FACTS[name]["pixels"] else 2
    assert build(name, in_channels=fewer)(batch(name, channels=fewer)).shape == (4, 3)
    assert build(name, size=56)(batch(name, clips=2, size=56)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ststet", {}, "Did you mean 'ststnet'"),
        ("ststnet", {"widht": 3}, "cannot be made like this"),
        ("ststnet", {"size": 1}, "at least 2x2"),
        ("off_apexnet", {"size": 30}, "multiple of 4"),
        ("off_apexnet", {"in_channels": 1}, "u and v"),
    ],
)
def test_a_wrong_request_is_one_clear_error(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        create_model(name, **arguments)
