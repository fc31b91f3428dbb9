"""Networks that papers compare with on flow: what each reads, and its count of parameters."""

import pytest
import torch

from openmer.errors import ConfigError
from openmer.models import create_model, list_models

FACTS = {
    "sssnet": {"parameters": 1_349_251, "published": {"size": 64}},
    "dual_inception": {"parameters": 6_449_867},
    "rcn_a": {"parameters": 51_139},
    "dssn": {"parameters": 647_555, "small": {"width": 0.25}},
    "sssn": {"parameters": 337_603, "small": {"width": 0.25}},
    "capsule_net": {"parameters": 3_057_472},
    "alexnet": {  # 60,965,224 with 1000 classes
        "parameters": 56_880_515,
        "small": {"width": 0.25, "enlarged": 67, "hidden": 16},
    },
    "googlenet": {"parameters": 5_976_627, "small": {"width": 0.25, "enlarged": 64}},
    "emr": {"parameters": 11_179_587, "small": {"backbone": "test_resnet"}},
    "tscnn": {
        "parameters": 976_323,
        "published": {"in_channels": 6, "size": 48},
        "small": {"maps": 8},
    },
}


def changed_outputs(name, flow, channel):
    """Whether a model's logits see a change of one channel."""
    torch.manual_seed(0)
    model = create_model(name, in_channels=flow.shape[1]).eval()
    changed = flow.clone()
    changed[:, channel] += 1
    return not torch.equal(model(flow), model(changed))


@pytest.mark.parametrize(
    ("name", "read"), [("dual_inception", (0, 1)), ("sssn", (0, 1)), ("dssn", (0, 1, 2))]
)
def test_a_network_reads_its_channels_and_no_others(name, read):
    flow = torch.randn(2, 4, 28, 28)
    assert [c for c in range(4) if changed_outputs(name, flow, c)] == list(read)


@pytest.mark.parametrize("name", ["dssn", "sssn"])
def test_magnitude_has_no_direction(name):
    model, flow = create_model(name).eval(), torch.randn(2, 3, 28, 28)
    turned = torch.cat([-flow[:, 1:2], flow[:, :1], flow[:, 2:]], 1)
    torch.testing.assert_close(model(turned), model(flow))


def test_dssn_multiplies_its_streams():
    model, flow = create_model("dssn").eval(), torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        for layer in model.parts[1]:
            for weights in layer.parameters():
                weights.zero_()
    assert not model.features(flow).any()


def test_alexnets_first_convolutions_read_227_pixels():
    model = create_model("dssn", size=227, kernel=11, stride=4)
    assert model.head[1].in_features == 256 * 13 * 13


@pytest.mark.parametrize(
    ("name", "parameters"), [("alexnet", 60_965_224), ("googlenet", 6_998_552)]
)
def test_a_network_for_imagenet_has_the_published_parameters(name, parameters):
    with torch.device("meta"):
        model = create_model(name, num_classes=1000)
    assert sum(weights.numel() for weights in model.parameters()) == parameters


def test_emr_averages_the_upper_and_the_lower_half_of_its_maps():
    model = create_model("emr", size=64, backbone="test_resnet")
    maps = torch.zeros(1, 5, 4, 4)
    maps[:, :, 2:] = 3.0
    assert model.pool(maps).tolist() == [[0.0, 3.0] * 5]


def test_tscnn_gives_each_block_of_the_apex_frame_a_channel_of_its_own():
    model = create_model("tscnn", in_channels=4, size=16, maps=4).eval()
    seen = []
    model.local.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    inputs = torch.rand(1, 4, 16, 16)
    model(inputs)
    torch.testing.assert_close(seen[0][0, 6], inputs[0, 3, 4:8, 8:12])
    assert [c for c in range(4) if changed_streams(model, inputs, c) == [False, False, True]] == [
        0, 1, 2,
    ]  # fmt: skip


def changed_streams(model, inputs, channel):
    """Which streams see a change of a channel: static, local, dynamic."""
    changed = inputs.clone()
    changed[:, channel] += torch.rand_like(changed[:, channel])
    pairs = zip(
        model.features(inputs).chunk(3, 1), model.features(changed).chunk(3, 1), strict=True
    )
    return [not torch.equal(a, b) for a, b in pairs]


def test_rcn_attends_to_nothing_where_nothing_moves_and_in_0_to_1_elsewhere():
    model = create_model("rcn_a").eval()
    assert not model.attention(torch.zeros(1, 64, 5, 5)).any()
    weights = model.attention(torch.randn(3, 64, 5, 5))
    assert weights.shape == (3, 1, 5, 5) and weights.min() >= 0 and weights.max() <= 1


def test_rcn_runs_its_recurrent_part_twice_on_the_input_and_the_state():
    model = create_model("rcn_a").eval()
    seen = []
    model.recurrent_part.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    before = model.shrink(model.first(flow := torch.randn(1, 3, 28, 28)))
    model(flow)
    torch.testing.assert_close(seen[0], before + model.forward_part(before))
    torch.testing.assert_close(seen[1], before + model.recurrent_part(seen[0]))


def test_the_longest_capsule_has_the_highest_logit_and_all_are_shorter_than_one():
    model, flow = create_model("capsule_net", num_classes=5).eval(), torch.randn(4, 3, 28, 28)
    lengths = model.capsules(flow).norm(dim=-1)
    assert lengths.max() < 1
    torch.testing.assert_close(torch.sigmoid(model(flow)), lengths, atol=1e-5, rtol=1e-3)


def test_routing_strengthens_the_votes_that_agree():
    model = create_model("capsule_net").eval()
    with torch.no_grad():
        model.weight.mul_(300)
    flow, lengths = torch.randn(2, 3, 28, 28), []
    for model.rounds in (1, 3):
        lengths.append(model.capsules(flow).norm(dim=-1))
    assert (lengths[1].amax(1) > lengths[0].amax(1)).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_convnext"])
def test_any_model_of_timm_reads_flow_of_any_channels(name, channels):
    model = create_model(f"timm/{name}", in_channels=channels, size=28, num_classes=4).eval()
    values = 255 * torch.rand(2, channels, 28, 28)
    with torch.no_grad():
        torch.testing.assert_close(model(values), model.head(model.features(values)))
        assert model(values).shape == (2, 4)


def test_a_model_of_timm_is_not_listed_and_knows_its_name():
    model = create_model("timm/test_resnet", size=28)
    assert model.timm_backbone == "test_resnet" and model.training
    assert not [name for name in list_models() if "/" in name]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("timm/convnet_atto", {}, "Near: convnext_atto"),
        ("timm/inception_v3", {"size": 28}, "cannot read 32x32 pixels"),
        ("timm/test_resnet", {"widht": 3}, "cannot be made like this"),
        ("sssnet", {"size": 15}, "at least 16x16, not 15x15"),
        ("dual_inception", {"in_channels": 1}, "u and v"),
        ("dual_inception", {"size": 30}, "multiple of 4"),
        ("rcn_a", {"size": 11}, "at least 12x12"),
        ("dssn", {"in_channels": 1}, "DSSN reads u and v"),
        ("sssn", {"size": 6}, "found 3 channel"),
        ("capsule_net", {"size": 15}, "at least 16x16"),
        ("alexnet", {"size": 28, "enlarged": 66}, "67 pixels at least"),
        ("emr", {"size": 28, "parts": 3}, "32 pixels for each of 3"),
        ("tscnn", {"size": 30}, "multiple of 4"),
    ],
)
def test_a_wrong_request_is_one_clear_error(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        create_model(name, **arguments)
