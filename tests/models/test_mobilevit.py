"""MobileViT-S: the structure that its card states, and a twin for export with the same outputs."""

import pytest
import torch
from timm.models.mobilevit import MobileVitBlock
from torch import nn

from openmer.errors import ConfigError
from openmer.models import create_model

FACTS = {"mobilevit_s": {"parameters": 4_939_555, "size": 32, "pixels": True}}


def build(**changes):
    torch.manual_seed(0)
    return create_model("mobilevit_s", **changes)


def alive(model, size=64):
    """In evaluation mode, its batch norms measured, so that values do not die away."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        model.train()(255 * torch.rand(8, 3, size, size))
    return model.eval()


@pytest.fixture(scope="module")
def model():
    return alive(build())


def blocks_of(model):
    return [part for part in model.modules() if isinstance(part, MobileVitBlock)]


def test_numbers_with_three_classes_and_before_the_head(model):
    assert sum(p.numel() for p in model.parameters()) == 4_939_555
    own = [p for name, p in model.named_parameters() if not name.startswith("head.")]
    assert sum(p.numel() for p in own) == 4_937_632


@pytest.mark.parametrize(
    ("size", "side"), [(256, 8), (224, 7), (128, 4), (100, 4), (65, 3), (48, 2), (32, 1)]
)
def test_640_maps_of_a_32nd_of_the_size(model, size, side):
    with torch.no_grad():
        maps = model.feature_maps(torch.full((1, 3, size, size), 128.0))
        features = model.features(torch.full((1, 3, size, size), 128.0))
    assert maps.shape == (1, 640, side, side)
    torch.testing.assert_close(features, maps.mean((2, 3)))


def test_the_size_changes_no_weight(model):
    small = build(size=64).state_dict()
    assert {n: v.shape for n, v in small.items()} == {
        n: v.shape for n, v in model.state_dict().items()
    }


def test_gray_is_colour_with_equal_channels(model):
    gray = 255 * torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(model(gray), model(gray.expand(2, 3, 64, 64)))
    assert build(size=64, in_channels=1)(gray).shape == (2, 3)


def test_weights_expect_pixels_in_0_to_1(model):
    white = model.normalize(torch.full((1, 1, 1, 1), 255.0))
    torch.testing.assert_close(white, torch.ones(1, 3, 1, 1))


def test_seven_mobilenet_blocks_and_three_mobilevit_blocks(model):
    kinds = [type(part).__name__ for stage in model.backbone.stages for part in stage]
    assert kinds == ["BottleneckBlock"] * 5 + [
        "MobileVitBlock", "BottleneckBlock", "MobileVitBlock", "BottleneckBlock", "MobileVitBlock"
    ]  # fmt: skip
    bottlenecks = [p for stage in model.backbone.stages for p in stage if hasattr(p, "conv2_kxk")]
    assert [part.conv2_kxk.conv.stride for part in bottlenecks] == [
        (1, 1), (2, 2), (1, 1), (1, 1), (2, 2), (2, 2), (2, 2)
    ]  # fmt: skip


def test_mobilevit_blocks_are_those_of_the_card(model):
    blocks = blocks_of(model)
    assert [block.patch_size for block in blocks] == [(2, 2)] * 3
    assert [block.conv_kxk.conv.kernel_size for block in blocks] == [(3, 3)] * 3
    assert [len(block.transformer) for block in blocks] == [2, 4, 3]
    assert [block.norm.normalized_shape for block in blocks] == [(144,), (192,), (240,)]
    for layer in (layer for block in blocks for layer in block.transformer):
        width = layer.norm1.normalized_shape[0]
        assert layer.mlp.fc1.out_features == 2 * width
        assert isinstance(layer.mlp.act, nn.SiLU)
    activations = {type(p).__name__ for p in model.modules() if "LU" in type(p).__name__}
    assert activations == {"SiLU"}


def test_the_head_reads_the_pooled_maps(model):
    pixels = 255 * torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(model(pixels), model.head(model.features(pixels)))
    assert model.head[0].p == 0.5
    assert build(dropout=0.2).head[0].p == 0.2


@pytest.mark.parametrize("size", [128, 96, 65, 32])
def test_the_twin_for_export_gives_the_same(model, size):
    """Where the maps have an odd number of rows both stretch them to whole patches."""
    twin, pixels = model.for_inference(), 255 * torch.rand(2, 3, size, size)
    with torch.no_grad():
        expected = model(pixels)
        torch.testing.assert_close(twin(pixels), expected, atol=1e-5, rtol=1e-5)
    assert expected.std() > 1e-3
    assert not blocks_of(twin)
    assert len(blocks_of(model)) == 3  # the model itself stays as it was


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 2}, "MobileViT-S reads gray or colour images, 1 or 3 channels, found 2"),
        ({"size": 28}, "at least 32x32, found 28x28"),
        ({"depth": 5}, "cannot be made like this"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(**arguments)
