"""Efficient-ME: the counts and maps that its paper prints, and pixels as they come."""

import pytest
import torch

from openmer.errors import ConfigError
from openmer.models import create_model
from openmer.models._timm import PixelNormalize

FACTS = {"efficient_me": {"parameters": 852_147, "size": 48, "pixels": True}}

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) * 255


def build(**changes):
    torch.manual_seed(0)
    return create_model("efficient_me", **changes)


def counted(model):
    """Weights and batch-norm statistics; PyTorch's batch counters are no part of a network."""
    state = model.state_dict().items()
    return sum(v.numel() for name, v in state if not name.endswith("num_batches_tracked"))


@pytest.mark.parametrize(
    ("depth", "everything", "trainable"),
    [(5, 868_307, 852_147), (3, 68_765, 65_853), (7, 4_053_407, 4_011_391)],
    ids=["Efficient-ME, 867k printed", "tr3, 68k printed", "whole EfficientNet-B0"],
)
def test_numbers_of_the_published_depths(depth, everything, trainable):
    model = build(depth=depth)
    assert counted(model) == everything
    assert sum(p.numel() for p in model.parameters()) == trainable


@pytest.mark.parametrize(
    ("depth", "size", "stem_stride", "shape"),
    [
        (5, 224, 2, (112, 14, 14)),
        (3, 224, 2, (40, 28, 28)),
        (7, 224, 2, (1280, 7, 7)),
        (5, 48, 2, (112, 3, 3)),
        (3, 48, 2, (40, 6, 6)),
        (5, 48, 1, (112, 6, 6)),
        (3, 48, 1, (40, 12, 12)),
    ],
)
def test_maps_have_the_published_sizes(depth, size, stem_stride, shape):
    model = build(depth=depth, size=size, stem_stride=stem_stride).eval()
    with torch.no_grad():
        maps = model.feature_maps(torch.full((1, 3, size, size), 128.0))
        pooled = model.features(torch.full((1, 3, size, size), 128.0))
    assert maps.shape == (1, *shape)
    assert pooled.shape == (1, shape[0])


def test_the_size_and_stride_change_no_weight():
    large, small = build(size=224).state_dict(), build(size=48, stem_stride=1).state_dict()
    assert all(torch.equal(large[name], small[name]) for name in large)


def test_rescaling_and_normalising_are_inside():
    normalize = PixelNormalize()
    assert normalize(MEAN.expand(2, 3, 4, 4)).abs().max() < 1e-5
    white = normalize(torch.full((1, 3, 1, 1), 255.0)).flatten()
    expected = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(white, torch.tensor(expected))
    assert "normalize.mean" not in build().state_dict()


def test_gray_is_colour_with_equal_channels():
    gray = 255 * torch.rand(2, 1, 48, 48)
    model = build(size=48).eval()
    torch.testing.assert_close(model(gray), model(gray.expand(2, 3, 48, 48)))
    assert build(size=48, in_channels=1)(gray).shape == (2, 3)


def test_the_head_reads_the_pooled_maps():
    model, pixels = build(size=48).eval(), 255 * torch.rand(3, 3, 48, 48)
    torch.testing.assert_close(model(pixels), model.head(model.features(pixels)))
    assert model.head[0].p == 0.5
    assert build(dropout=0.2).head[0].p == 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 2}, "1 or 3 channels, found 2"),
        ({"size": 28}, "at least 32x32, found 28x28"),
        ({"depth": 0}, r"depth of 1\.\.7 .* found 0"),
        ({"depth": 8}, r"depth of 1\.\.7 .* found 8"),
        ({"stem_stride": 3}, "stem_stride of 1 or 2, found 5 and 3"),
        ({"detph": 5}, "cannot be made like this"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(**arguments)


def test_the_layers_of_tensorflow_take_the_same_weights_and_pad_at_the_end():
    ours, keras = build(size=48).eval(), build(size=48, origin="tensorflow").eval()
    keras.load_state_dict(ours.state_dict())
    pixels = torch.full((1, 3, 48, 48), 128.0)
    pixels[..., 20:30, 20:30] = 250
    with torch.no_grad():
        assert not torch.allclose(ours.stem(pixels), keras.stem(pixels))
        shifted = torch.nn.functional.pad(pixels, (0, 1, 0, 1))
        conv = ours.stem[0]
        expected = torch.nn.functional.conv2d(shifted, conv.weight, stride=2)
        torch.testing.assert_close(keras.stem[0](pixels), expected)
    norms = [part for part in keras.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    paths = [part.drop_prob for part in keras.modules() if type(part).__name__ == "DropPath"]
    assert paths == sorted(paths) and paths[-1] == pytest.approx(0.2 * 10 / 16)
    assert keras.timm_backbone == "tf_efficientnet_b0.aa_in1k"
    with pytest.raises(ConfigError, match="Did you mean 'tensorflow'"):
        build(origin="tensorflw")
