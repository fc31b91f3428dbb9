"""RRMFNet: the printed totals, its parts by their formulas, its options, and folding."""

import pytest
import torch
import torch.nn.functional as F

from openmer.errors import ConfigError
from openmer.models import create_model
from openmer.models._rrmfnet_attention import CBAM
from openmer.models._rrmfnet_blocks import RepConvolution
from openmer.models._rrmfnet_neck import Enlarge, FusionBlock, Neck, Repeat
from openmer.models._rrmfnet_resizer import Bilinear, make_resizer
from openmer.training import forward_flops

FACTS = {"rrmfnet": {"parameters": 43_672_636, "small": {"width": 0.25, "resized": 32}}}

PRINTED_WEIGHTS, PRINTED_MACS = 43.7e6, 5.9e9


def tiny(**changes):
    torch.manual_seed(0)
    given = {"in_channels": 3, "size": 28, "width": 0.25, "resized": 32}
    return create_model("rrmfnet", **(given | changes))


def flow(clips=3, size=28, channels=3):
    return torch.randn(clips, channels, size, size, generator=torch.manual_seed(1))


def both(clips=2, size=28, colours=3):
    """Flow, and an apex frame in 0..255 behind it."""
    frame = 255 * torch.rand(clips, colours, size, size, generator=torch.manual_seed(2))
    return torch.cat([flow(clips, size), frame], dim=1)


def weights(model):
    return sum(p.numel() for p in model.parameters())


def published(**changes):
    """The network at its defaults, its numbers counted but not drawn."""
    with torch.device("meta"):
        return create_model("rrmfnet", **changes)


def lived(model, clips):
    """In evaluation mode, with statistics and norms that are not those of the beginning."""
    model.train()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_()
                part.momentum = None  # the plain mean of what it has seen
        for _ in range(3):
            model(clips)
    return model.eval()


def test_as_many_weights_and_operations_as_the_paper_prints():
    model = published()
    assert weights(model) == 43_679_071
    assert weights(model) == pytest.approx(PRINTED_WEIGHTS, rel=0.02)
    with torch.device("meta"):  # counted, not computed
        macs = forward_flops(model, (6, 224, 224)) / 2
    assert macs == pytest.approx(PRINTED_MACS, rel=0.02)


def test_most_of_it_is_the_neck_and_resizer_and_attention_cost_little():
    """Tables 18 and 19, in words: EuRepGFPN is the largest part."""
    model = published()
    assert weights(model.neck) > 0.75 * weights(model)
    assert weights(model.resizer) < 0.001 * weights(model)
    assert weights(model.attention) < 0.08 * weights(model)


@pytest.mark.parametrize(
    ("changes", "millions"),
    [
        ({"neck": "repgfpn"}, 43.34),
        ({"neck_repeats": 1}, 25.77),
        ({"neck_repeats": 5}, 61.59),
        ({"cbam": 0}, 43.51),
        ({"width": 0.25}, 2.76),
    ],
)
def test_weights_of_the_variants(changes, millions):
    assert weights(published(**changes)) / 1e6 == pytest.approx(millions, abs=0.01)


def test_tiny_has_a_perceptron_of_128_and_32():
    head = tiny().head
    assert [part.out_features for part in head if isinstance(part, torch.nn.Linear)] == [128, 32, 3]


@pytest.mark.parametrize("resizer", ["none", "bilinear", "learned", "inception"])
@pytest.mark.parametrize("reduction", ["light", "medium", "strong"])
def test_every_resizer_and_reduction_trains_with_a_batch_of_one(resizer, reduction):
    model = tiny(resizer=resizer, reduction=reduction)
    logits = model(flow(1))
    logits.square().sum().backward()
    assert logits.shape == (1, 3)
    assert not [name for name, p in model.named_parameters() if p.grad is None]


@pytest.mark.parametrize("size", [17, 20, 31, 45])
def test_without_a_resizer_odd_sides_fit(size):
    model = tiny(size=size, resizer="none", reduction="strong")
    model(flow(1, size)).sum().backward()
    with pytest.raises(ConfigError, match="at least 17x17"):
        tiny(size=16, resizer="none")


def test_the_weights_do_not_depend_on_the_size():
    small, large = tiny(), tiny(size=60, resizer="none")
    shared = {n: v for n, v in small.state_dict().items() if not n.startswith("resizer")}
    assert {n: v.shape for n, v in large.state_dict().items()} == {
        n: v.shape for n, v in shared.items()
    }


def test_maps_and_features_are_those_of_the_three_scales():
    model = tiny(resized=112).eval()
    with torch.no_grad():
        maps, features = model.feature_maps(flow()), model.features(flow())
    assert maps.shape == (3, 256, 7, 7)
    assert features.shape == (3, (256 + 512 + 1024) // 4)
    torch.testing.assert_close(features[:, -256:], maps.mean((2, 3)))
    torch.testing.assert_close(model.head(features), model(flow()))


def test_light_reduction_keeps_four_places_and_convolves_nothing():
    model = tiny(reduction="light").eval()
    assert model.features(flow()).shape == (3, 1792)
    assert not any(isinstance(part, torch.nn.Conv2d) and part.stride == (2, 2)
                   for part in model.attention.modules())  # fmt: skip


def test_the_apex_frame_is_scaled_and_flow_is_not():
    model, seen = tiny(in_channels=6).eval(), []
    model.resizer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clips = both()
    model(clips)
    assert torch.equal(seen[0][:, :3], clips[:, :3])
    torch.testing.assert_close(seen[0][:, 3:], clips[:, 3:] / 127.5 - 1)
    assert seen[0][:, 3:].abs().max() <= 1


def test_which_channels_are_the_frame():
    """Flow alone, flow and a gray frame, a frame alone."""
    for channels, inputs, of_flow in ((2, "flow-first", 2), (4, "flow-first", 3), (3, "apex", 0)):
        model = tiny(in_channels=channels, inputs=inputs)
        clips = both(size=28)[:, :channels]
        scaled = model._scaled(clips)
        assert torch.equal(scaled[:, :of_flow], clips[:, :of_flow])
        torch.testing.assert_close(scaled[:, of_flow:], clips[:, of_flow:] / 127.5 - 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"in_channels": 6},
        {"neck": "repgfpn", "resizer": "learned"},
        {"resizer": "none", "cbam": 0},
        {"neck_repeats": 1, "reduction": "strong", "resizer_repeats": 1},
    ],
)
def test_the_network_for_inference_is_the_same_function(options):
    model = tiny(**options).double()
    clips = both(4).double()[:, : options.get("in_channels", 3)]
    lived(model, clips)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    twin = model.for_inference()
    for each in (clips, -3 * clips):
        logits = model(each)
        assert logits.std(0).max() > 1e-3, "nothing would show"
        torch.testing.assert_close(twin(each), logits, rtol=0, atol=1e-5)
        torch.testing.assert_close(twin(each), logits, rtol=1e-9, atol=1e-9)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    norms = [part for part in twin.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    assert len(norms) == (0 if options.get("resizer") == "none" else 1)  # after an activation
    assert weights(twin) < weights(model)


def test_a_folded_pair_is_one_convolution_of_the_sum():
    pair = lived(RepConvolution(4).double(), flow(3, 9, 4).double())
    maps = flow(2, 9, 4).double()
    summed = pair.spatial(maps) + pair.pointwise(maps)
    torch.testing.assert_close(pair(maps), F.silu(summed))
    expected = pair(maps)
    pair.fold()
    pair.fold()  # a second time changes nothing
    kernel = pair.spatial[0]
    torch.testing.assert_close(F.silu(F.conv2d(maps, kernel.weight, kernel.bias, padding=1)),
                               expected)  # fmt: skip


def test_cbam_by_the_equations():
    block = CBAM(32, 7).eval()
    maps = torch.randn(2, 32, 6, 5)
    first, last = block.channels[0].weight, block.channels[2].weight
    assert first.shape == (2, 32)

    def perceptron(vector):
        return F.relu(vector @ first.T) @ last.T

    weight = torch.sigmoid(perceptron(maps.mean((2, 3))) + perceptron(maps.amax((2, 3))))
    weighted = maps * weight[:, :, None, None]
    seen = torch.stack([weighted.mean(1), weighted.amax(1)], dim=1)
    place = torch.sigmoid(F.conv2d(seen, block.places.weight, padding=3))
    torch.testing.assert_close(block(maps), weighted * place)


def test_a_fusion_block_keeps_what_leaves_each_basic_block():
    block = FusionBlock(10, 8, 3).eval()
    maps = torch.randn(1, 10, 6, 6)
    found, passing = [block.kept(maps)], block.entry(maps)
    for number in range(3):
        rep, convolution = block.chain[number].branch
        passing = passing + convolution(rep(passing))
        found.append(passing)
    torch.testing.assert_close(block(maps), block.mix(torch.cat(found, 1)))
    assert block.mix[0].in_channels == 4 * 4


def test_necks_differ_in_how_maps_grow():
    maps = [torch.randn(1, own, side, side) for own, side in ((8, 12), (16, 6), (32, 3))]
    grown = {}
    for efficient, kind in ((True, Enlarge), (False, Repeat)):
        torch.manual_seed(0)
        neck = Neck((8, 16, 32), repeats=1, efficient_up=efficient).eval()
        assert isinstance(neck.up_coarse, kind) and isinstance(neck.up_middle, kind)
        made = neck(*maps)
        assert [tuple(each.shape[1:]) for each in made] == [(16, 12, 12), (32, 6, 6), (64, 3, 3)]
        grown[kind] = sum(p.numel() for p in neck.parameters())
    c, b = 32, 16
    assert grown[Enlarge] - grown[Repeat] == 12 * c + c * c + 12 * b + b * b


def test_enlarging_repeats_then_mixes():
    block = Enlarge(8).eval()
    maps, like = torch.randn(1, 8, 3, 3), torch.empty(1, 1, 5, 6)
    repeated = maps.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :5, :6]
    torch.testing.assert_close(block(maps, like), block.mix(block.by_map(repeated)))


def test_resizers_give_the_side_and_what_they_learn_is_added_to_the_interpolated_input():
    pixels = flow(2, 20)
    for kind, side in (("none", 20), ("bilinear", 32), ("learned", 32), ("inception", 32)):
        assert make_resizer(kind, 3, 32, 2)(pixels).shape == (2, 3, side, side)
    resizer = make_resizer("inception", 3, 32, 2).eval()
    with torch.no_grad():
        resizer.last.weight.zero_()
        resizer.last.bias.zero_()
    assert torch.equal(resizer(pixels), Bilinear(32)(pixels))
    assert Bilinear(20)(pixels) is pixels


def test_flow_of_any_strength_is_told_apart_and_stays_finite():
    for strength in (1e-2, 1, 255):
        model = lived(tiny(), strength * flow(4))
        logits = model(strength * flow(4))
        assert logits.isfinite().all() and logits.std(0).max() > 1e-3


def test_copies_run_stacked():
    """Under `torch.func`, as folds are trained on a GPU."""
    models = [tiny(in_channels=6).eval() for _ in range(2)]
    with torch.no_grad():
        models[1].head[-1].bias += 1
    state = torch.func.stack_module_state(models)
    clips = both()

    def loss(weights, statistics):
        logits = torch.func.functional_call(models[0], (weights, statistics), (clips,))
        return logits.square().sum()

    gradients, values = torch.func.vmap(torch.func.grad_and_value(loss))(*state)
    torch.testing.assert_close(values, torch.stack([m(clips).square().sum() for m in models]))
    assert all(each.abs().sum() > 0 for each in gradients.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resizer": "incep"}, "'incep'"),
        ({"resizer_repeats": 4}, "resizer_repeats of 1, 2, 3"),
        ({"neck": "fpn"}, "'fpn'"),
        ({"neck_repeats": 0}, "neck_repeats"),
        ({"cbam": 4}, "cbam of 0, 3, 5, 7"),
        ({"reduction": "method 2"}, "light, medium, strong"),
        ({"resized": 8}, "17x17"),
        ({"width": 0}, "width above 0"),
        ({"dropout": 1.0}, "below 1"),
        ({"in_channels": 5}, "5 channels"),
        ({"inputs": "apex", "in_channels": 6}, "1 or 3 channels, found 6"),
        ({"neck_repeat": 2}, "Did you mean 'neck_repeats'"),
    ],
)
def test_a_wrong_request_is_one_clear_error(arguments, message):
    with pytest.raises(ConfigError, match=message):
        tiny(**arguments)
