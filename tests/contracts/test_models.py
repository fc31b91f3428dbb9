"""What every registered model must satisfy; a new model is tested the moment it is registered."""

import pytest
import torch

from openmer.errors import ConfigError
from openmer.models import create_model, list_models

# Trainable numbers at the published setting, in_channels 3, size 28 (14 for the averaged flow); of
# models of images, which take pixels in 0..255 and 1 or 3 channels, at a small size.
PARAMETERS = {
    "ststnet": 1683,
    "off_apexnet": 2_664_475,
    "flow_mlp": 28_419,
    "efficient_me": 852_147,
    "dense_attention": 3_096_045,
    "rrmfnet": 43_672_636,
    "htnet": 139_582_982,
    "mobilevit_s": 4_939_555,
    "mobilenet_v2": 2_227_715,
    "mobilenet_v3": 4_205_875,
    "resnet18": 11_178_051,
    "densenet121": 6_956_931,
    "deit_base": 85_653_507,
    "deepvit_l": 58_383_187,
}
STILLS = {"mobilevit_s", "mobilenet_v2", "mobilenet_v3", "resnet18", "densenet121", "deit_base",
          "deepvit_l"}  # fmt: skip
SIZES = {"flow_mlp": 14, "efficient_me": 48, "dense_attention": 32, "htnet": 56}
SIZES |= dict.fromkeys(STILLS, 32)
# Heavy models are small for all but the count. HTNet has four tokens in a block: where it has one,
# as at 28x28, some weights are dead.
SMALL = {
    "rrmfnet": {"width": 0.25, "resized": 32},
    "htnet": {"dim": 12, "repeats": "1,1,2", "size": 56},
    "deit_base": {"depth": 1},
    "deepvit_l": {"depth": 2, "mixed": 1},
}
OF_IMAGES = {"efficient_me", "dense_attention"} | STILLS


def build(name, **changes):
    torch.manual_seed(0)
    given = {"in_channels": 3, "size": SIZES.get(name, 28)} | SMALL.get(name, {})
    return create_model(name, **(given | changes))


def batch(name, clips=4, channels=3, size=None):
    """Maps of flow about zero, or pixels in 0..255."""
    size = size or SIZES.get(name, 28)
    shape = (clips, channels, size, size)
    return 255 * torch.rand(shape) if name in OF_IMAGES else torch.randn(shape)


def test_every_model_has_its_count_here():
    assert set(PARAMETERS) == set(list_models())


@pytest.mark.parametrize("name", list_models())
def test_parameter_count(name):
    with torch.device("meta" if name in SMALL else "cpu"):  # meta: numbers are counted, not made
        size = SIZES[name] if name in STILLS else 28 if name in SMALL else SIZES.get(name, 28)
        model = create_model(name, in_channels=3, size=size)
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]


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
    fewer = 1 if name in OF_IMAGES else 2
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
