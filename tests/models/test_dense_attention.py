"""Dense connections with mixed attention: the paper's count and equations, and its variants."""

import pytest
import torch
import torch.nn.functional as F

from openmer.errors import ConfigError
from openmer.models import create_model
from openmer.training import forward_flops

FACTS = {"dense_attention": {"parameters": 3_096_045, "size": 32, "pixels": True}}

PRINTED = 3.115e6
ATTENTIONS = ("none", "channel", "spatial", "mixed")


def build(**changes):
    torch.manual_seed(0)
    return create_model("dense_attention", **changes)


def weights(model):
    return sum(p.numel() for p in model.parameters())


def pixels(batch=2, size=112, channels=3):
    return 255 * torch.rand(batch, channels, size, size, generator=torch.manual_seed(1))


def test_as_many_weights_as_the_paper_prints():
    assert weights(build()) == pytest.approx(PRINTED, rel=0.01)


def test_the_printed_operations_are_two_per_weight_and_no_count_over_maps():
    """Table 13: 6.26e6. A convolution uses each weight at every place of its maps."""
    model = build()
    assert 2 * weights(model) == pytest.approx(6.26e6, rel=0.015)
    assert forward_flops(model, (3, 112, 112)) > 200 * 6.26e6


def test_the_last_maps_are_7x7_and_flattened():
    model = build().eval()
    with torch.no_grad():
        maps, features = model.feature_maps(pixels()), model.features(pixels())
    assert maps.shape == (2, 507, 7, 7)
    assert torch.equal(features, maps.flatten(1))
    assert model.head.in_features == 507 * 49


@pytest.mark.parametrize("size", [16, 56, 64, 224])
def test_another_size_changes_no_weight(size):
    model, paper = build(size=size).eval(), build().eval()
    assert all(torch.equal(v, paper.state_dict()[n]) for n, v in model.state_dict().items())
    assert model(pixels(size=size)).shape == (2, 3)


def test_gray_is_three_equal_planes():
    gray = pixels(channels=1)
    model = build(in_channels=1).eval()
    torch.testing.assert_close(model(gray), build().eval()(gray.expand(-1, 3, -1, -1)))


def test_a_dense_block_hands_on_its_input_and_everything_it_made():
    block = build().stages[1][0].eval()
    maps = torch.rand(1, 27, 8, 8)
    found = block(maps)
    assert found.shape == (1, 75, 8, 8) and torch.equal(found[:, :27], maps)
    seen = maps
    for number, layer in enumerate(block.layers):
        convolution, relu, norm = layer
        made = norm(relu(convolution(seen)))  # the order of equation 4
        torch.testing.assert_close(found[:, 27 + 16 * number : 43 + 16 * number], made)
        seen = torch.cat([seen, made], dim=1)


def test_channel_then_spatial_attention_by_the_equations():
    _, channel, spatial = build().stages[2]
    maps = torch.randn(2, 171, 6, 5)
    first, last = channel.perceptron[0].weight, channel.perceptron[2].weight
    assert first.shape == (171 // 8, 171) and last.shape == (171, 171 // 8)

    def perceptron(vector):
        return F.leaky_relu(vector @ first.T) @ last.T

    weight = torch.sigmoid(perceptron(maps.mean((2, 3))) + perceptron(maps.amax((2, 3))))
    weighted = maps * weight[:, :, None, None]
    torch.testing.assert_close(channel(maps), weighted)
    seen = torch.stack([weighted.mean(1), weighted.amax(1)], dim=1)
    convolution = spatial.convolution
    place = torch.sigmoid(F.conv2d(seen, convolution.weight, convolution.bias, padding=2))
    assert convolution.kernel_size == (5, 5)
    torch.testing.assert_close(spatial(weighted), weighted * place)


def test_variants_share_the_names_of_what_they_share():
    mixed = {name: value.shape for name, value in build().state_dict().items()}
    counts = {kind: weights(build(attention=kind)) for kind in ATTENTIONS}
    for kind in ATTENTIONS:
        own = {n: v.shape for n, v in build(attention=kind).state_dict().items()}
        assert own.items() <= mixed.items()
    gained = [counts[kind] - counts["none"] for kind in ("channel", "spatial")]
    assert min(gained) > 0 and sum(gained) == counts["mixed"] - counts["none"]


def test_a_residual_block_adds_and_is_no_heavier_than_the_dense_one():
    residual, dense = build(connections="residual"), build()
    for own, other in zip(residual.stages, dense.stages, strict=True):
        assert weights(own[0]) <= 1.01 * weights(other[0])
    assert weights(residual) > 0.93 * weights(dense), "far lighter: no fair comparison"
    block = residual.stages[1][0].eval()
    maps = torch.rand(1, residual.stages[0][0].channels, 8, 8)
    with torch.no_grad():
        for layer in block.layers:
            layer[2].weight.zero_()  # what the convolutions make is nothing
        torch.testing.assert_close(block(maps), block.widen(maps))


@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("connections", ["dense", "residual"])
def test_the_network_for_inference_is_the_same_function(attention, connections):
    model = build(attention=attention, connections=connections).double()
    model.train()
    with torch.no_grad():
        model(pixels(4, 32).double())  # statistics that are not those of the beginning
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    twin = model.for_inference()
    for clips in (pixels(3).double(), -pixels(2, 64).double(), pixels(2, channels=1).double()):
        torch.testing.assert_close(twin(clips), model(clips), rtol=0, atol=1e-10)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    maps = [block[0].channels + 5 for block in twin.stages] if connections == "dense" else [8]
    assert all(count % 8 == 0 for count in maps)
    assert weights(twin) > weights(model) or connections == "residual"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 2}, "gray or colour"),
        ({"size": 8}, "at least 16x16"),
        ({"depth": 0}, "depth"),
        ({"attention": "mixd"}, "'mixd'"),
        ({"connections": "none"}, "'none'"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(**arguments)
