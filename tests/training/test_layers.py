"""Each twin computes what its PyTorch original computes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.layers import DropPath
from torch import nn

from openmer.training._adapt import (
    fuse_rectified_norm_pools,
    gate_channels,
    key_dropouts,
    weight_batch_norms,
)
from openmer.training._layers import (
    GatedChannels,
    KeyedDropout,
    RectifiedNormPool,
    WeightedBatchNorm,
)


def keyed(p=0.3, layer=0, key=(5, -7)):
    dropout = KeyedDropout(p, layer)
    dropout.key.copy_(torch.tensor(key))
    return dropout


def test_dropout_drops_its_share_and_keeps_the_mean():
    out = keyed(0.3)(torch.ones(200, 500))
    assert (out == 0).float().mean() == pytest.approx(0.3, abs=0.005)
    assert out.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("other", [keyed(layer=1), keyed(key=(6, -7)), keyed(key=(5, -8))])
def test_masks_of_layers_and_steps_are_unrelated(other):
    ones = torch.ones(100, 1000)
    first, second = (layer(ones).flatten() > 0 for layer in (keyed(), other))
    agreement = (first == second).float().mean()
    assert agreement == pytest.approx(0.7 * 0.7 + 0.3 * 0.3, abs=0.01)


def test_neighbouring_values_are_dropped_independently():
    kept = (keyed(0.5)(torch.ones(1, 200_000)).flatten() > 0).float() - 0.5
    for lag in (1, 2, 16, 28, 100, 1600):
        assert abs((kept[:-lag] * kept[lag:]).mean() * 4) < 0.01


def test_a_rows_mask_does_not_depend_on_the_size_of_its_batch():
    ones = torch.ones(9, 4, 5)
    assert torch.equal(keyed()(ones)[:3], keyed()(ones[:3]))


def test_dropout_is_off_in_evaluation():
    inputs = torch.randn(3, 4)
    assert torch.equal(keyed().eval()(inputs), inputs)


def norm_with_state(channels, kind=nn.BatchNorm2d, *, negative=False):
    norm = kind(channels)
    nn.init.uniform_(norm.weight, -1.5 if negative else 0.5, 1.5)
    nn.init.normal_(norm.bias)
    return norm


def twin_of(norm, make):
    """The twin of a copy of `norm`, so that neither moves the other's running averages."""
    copy = type(norm)(norm.num_features)
    copy.load_state_dict(norm.state_dict())
    return make(copy)


@pytest.mark.parametrize(
    ("kind", "shape"), [(nn.BatchNorm1d, (6, 5)), (nn.BatchNorm2d, (6, 5, 4, 3))]
)
def test_weighted_batch_norm_is_batch_norm(kind, shape):
    norm = norm_with_state(5, kind)
    twin = twin_of(norm, WeightedBatchNorm)
    inputs = torch.randn(shape, requires_grad=True)
    again = inputs.detach().clone().requires_grad_()
    twin.row_weights = torch.ones(6)
    expected, found = norm(inputs), twin(again)
    torch.testing.assert_close(found, expected)
    expected.sin().sum().backward()
    found.sin().sum().backward()
    torch.testing.assert_close(again.grad, inputs.grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(dict(twin.state_dict()), dict(norm.state_dict()))
    torch.testing.assert_close(twin.eval()(again), norm.eval()(inputs))


def test_rows_of_weight_zero_change_nothing():
    norm = norm_with_state(5)
    twin = twin_of(norm, WeightedBatchNorm)
    inputs = torch.randn(4, 5, 3, 3)
    padded = torch.cat([inputs, 1e4 * torch.ones(2, 5, 3, 3)])
    twin.row_weights = torch.tensor([1.0, 1, 1, 1, 0, 0])
    torch.testing.assert_close(twin(padded)[:4], norm(inputs))
    torch.testing.assert_close(twin.running_var, norm.running_var)


@given(
    height=st.integers(3, 14),
    width=st.integers(3, 14),
    kernel=st.integers(2, 4),
    padded=st.booleans(),
    negative=st.booleans(),
    ties=st.booleans(),
    seed=st.integers(0, 99),
)
def test_fused_block_is_relu_norm_pool(height, width, kernel, padded, negative, ties, seed):
    torch.manual_seed(seed)
    padding = kernel // 2 if padded else 0
    if min(height, width) + 2 * padding < kernel:
        return
    norm = norm_with_state(4, negative=negative).double()
    pool = nn.MaxPool2d(kernel, stride=kernel, padding=padding)
    twin = RectifiedNormPool(norm_with_state(4).double(), pool)
    twin.load_state_dict(norm.state_dict())
    maps = torch.randn(3, 4, height, width, dtype=torch.float64)
    maps = (maps.round() if ties else maps).requires_grad_()
    again = maps.detach().clone().requires_grad_()
    expected, found = pool(norm(maps.relu())), twin(again)
    torch.testing.assert_close(found, expected)
    upper = torch.randn_like(expected)
    expected.backward(upper)
    found.backward(upper)
    torch.testing.assert_close(again.grad, maps.grad)
    torch.testing.assert_close(twin.weight.grad, norm.weight.grad)
    torch.testing.assert_close(twin.bias.grad, norm.bias.grad)
    torch.testing.assert_close(dict(twin.state_dict()), dict(norm.state_dict()))
    torch.testing.assert_close(twin.eval()(again), pool(norm.eval()(maps.relu())))


def test_fused_block_keeps_its_digits_on_a_large_channels_last_batch():
    """PyTorch's own channels-last batch norm is a hundred times less exact here."""
    torch.manual_seed(0)
    norm, pool = nn.BatchNorm2d(16), nn.MaxPool2d(3, stride=3, padding=1)
    maps = 100 * torch.randn(256, 16, 30, 30)
    exact = maps.double().relu()
    twin = RectifiedNormPool(norm, pool)
    twin(maps.contiguous(memory_format=torch.channels_last))
    variance = exact.var((0, 2, 3)) * 0.1 + 0.9
    assert ((twin.running_var - variance) / variance).abs().max() < 1e-5


def network():
    return nn.Sequential(
        nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Dropout(0.5)
        ),
        nn.Conv2d(4, 4, 2),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Dropout(0.1),
    )


@pytest.mark.parametrize(
    "adapt", [key_dropouts, weight_batch_norms, fuse_rectified_norm_pools], ids=lambda f: f.__name__
)
def test_exchanges_keep_every_state_name(adapt):
    plain, adapted = network(), network()
    adapt(adapted)
    assert list(adapted.state_dict()) == list(plain.state_dict())
    adapted.load_state_dict(plain.state_dict())
    maps = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(adapted.eval()(maps), plain.eval()(maps))


def test_exchanges_reach_what_they_should():
    adapted = network()
    assert [dropout.layer for dropout in key_dropouts(adapted)] == [0, 1]
    fuse_rectified_norm_pools(adapted)
    assert sum(isinstance(m, RectifiedNormPool) for m in adapted.modules()) == 1
    weight_batch_norms(adapted)
    assert sum(isinstance(m, WeightedBatchNorm) for m in adapted.modules()) == 1


@pytest.mark.parametrize(
    "pool", [nn.MaxPool2d(3, stride=2), nn.MaxPool2d(2, ceil_mode=True), nn.AvgPool2d(2)]
)
def test_other_pools_are_left_alone(pool):
    plain = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(3), pool)
    fuse_rectified_norm_pools(plain)
    assert plain[2] is pool


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_gated_channels_are_the_block_of_timm(layout):
    from timm.models._efficientnet_blocks import SqueezeExcite

    torch.manual_seed(0)
    block = SqueezeExcite(12, rd_ratio=0.25, act_layer=nn.SiLU).double()
    holder = nn.Sequential(nn.Identity(), block)
    gate_channels(holder)
    twin = holder[1]
    assert isinstance(twin, GatedChannels) and set(twin.state_dict()) == set(block.state_dict())
    maps = torch.randn(3, 12, 5, 4, dtype=torch.double).contiguous(memory_format=layout)
    upper = torch.randn_like(maps)
    found = []
    for module in (block, twin):
        own = maps.clone(memory_format=torch.preserve_format).requires_grad_()
        made = module(own)
        weights = list(module.parameters())
        found.append([made, *torch.autograd.grad(made, [own, *weights], upper)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_whole_rows_are_dropped_like_the_paths_of_timm():
    layers = nn.Sequential(DropPath(0.3), nn.Dropout(0.2))
    rows, values = key_dropouts(layers)
    assert rows.whole_rows and not values.whole_rows
    rows.key.copy_(torch.tensor((5, -7)))
    out = rows(torch.ones(4000, 2, 3, 3)).flatten(1)
    assert (out == out[:, :1]).all(), "all of a row, or nothing of it"
    assert (out[:, 0] == 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert out.max() == pytest.approx(1 / 0.7)
