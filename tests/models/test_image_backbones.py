"""Whole networks on images: features, pixels as their weights want them, and stored weights."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from openmer.errors import ConfigError
from openmer.models import create_model, stored_backbone, without_head
from openmer.models._weights import backbone_state, imagenet_state

FACTS = {
    "mobilenet_v2": {"parameters": 2_227_715, "size": 32, "pixels": True},
    "mobilenet_v3": {"parameters": 4_205_875, "size": 32, "pixels": True},
    "resnet18": {"parameters": 11_178_051, "size": 32, "pixels": True},
    "densenet121": {"parameters": 6_956_931, "size": 32, "pixels": True},
    "deit_base": {"parameters": 85_653_507, "size": 32, "pixels": True, "small": {"depth": 1}},
    "deepvit_l": {
        "parameters": 58_383_187,
        "size": 32,
        "pixels": True,
        "small": {"depth": 2, "mixed": 1},
    },
}

FEATURES = {
    "mobilevit_s": 640,
    "mobilenet_v2": 1280,
    "mobilenet_v3": 1280,
    "resnet18": 512,
    "densenet121": 1024,
    "deit_base": 768,
    "deepvit_l": 420,
}
SMALL = {"deit_base": {"depth": 1}, "deepvit_l": {"depth": 2, "mixed": 1}}
OF_TIMM = sorted(set(FEATURES) - {"deepvit_l"})
WITH_MAPS = sorted(set(OF_TIMM) - {"deit_base"})


def build(name, **changes):
    torch.manual_seed(0)
    return create_model(name, **({"size": 64} | SMALL.get(name, {}) | changes))


def timm_network(name, model):
    """A network of timm with its classifier and other random weights than the model's."""
    torch.manual_seed(1)
    small = {"depth": 1} if name == "deit_base" else {}
    return timm.create_model(model.timm_backbone, **small).eval()


@pytest.mark.parametrize("name", FEATURES)
def test_features_are_what_the_head_reads(name):
    model, pixels = build(name).eval(), 255 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features = model.features(pixels)
        torch.testing.assert_close(model(pixels), model.head(features))
    assert features.shape == (2, FEATURES[name])
    assert model.head[0].p == 0.5


@pytest.mark.parametrize("name", WITH_MAPS)
def test_maps_keep_their_places(name):
    maps = build(name).eval().feature_maps(255 * torch.rand(1, 3, 96, 64))
    assert maps.shape[2:] == (3, 2)


@pytest.mark.parametrize("name", FEATURES)
def test_gray_is_colour_with_equal_channels(name):
    model, gray = build(name, in_channels=1).eval(), 255 * torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(gray), model(gray.expand(2, 3, 64, 64)))


@pytest.mark.parametrize("name", OF_TIMM)
def test_a_file_of_timm_is_the_same_function(name, tmp_path):
    model = build(name, size=224).eval()
    whole = timm_network(name, model)
    path = tmp_path / "model.safetensors"
    save_file({key: value.contiguous() for key, value in whole.state_dict().items()}, path)
    found = stored_backbone(model, str(path))
    assert set(found) == set(without_head(model.state_dict()))
    model.load_state_dict(model.state_dict() | found)
    whole.reset_classifier(0)
    pixels = 255 * torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(model.features(pixels), whole(model.normalize(pixels)))


@pytest.mark.parametrize("name", OF_TIMM)
def test_imagenet_names_cover_all_but_the_head(name, monkeypatch):
    model = build(name)
    whole = timm_network(name, model)
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: whole)
    found = imagenet_state(model.state_dict(), model.timm_backbone)
    assert set(found) == set(without_head(model.state_dict()))


def test_weights_of_the_model_itself_fit():
    model = build("resnet18")
    again = backbone_state(model.state_dict(), model.state_dict(), "a file")
    assert all(torch.equal(again[key], model.state_dict()[key]) for key in again)


@pytest.mark.parametrize(("name", "key"), [("deit_base", "backbone.pos_embed"),
                                           ("deepvit_l", "pos_embed")])  # fmt: skip
def test_places_are_resampled_to_the_size(name, key):
    small, large = build(name, size=64), build(name, size=96)
    found = backbone_state(large.state_dict(), small.state_dict(), "a file")
    assert found[key].shape == large.state_dict()[key].shape
    torch.testing.assert_close(found[key][:, :1], small.state_dict()[key][:, :1])  # class token


def test_weights_of_another_backbone_are_refused():
    other = timm.create_model("resnet18").state_dict()
    with pytest.raises(ConfigError, match="do not fit the model"):
        backbone_state(build("mobilenet_v2").state_dict(), other, "resnet18")


def test_deepvit_has_about_the_printed_count_and_mixes_heads_in_its_last_blocks():
    """55 million printed; sizes of the small model give the 27 that are printed for it."""
    with torch.device("meta"):
        model = create_model("deepvit_l", size=224)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(55e6, rel=0.07)
    assert [block.attention.mix is not None for block in model.blocks] == [False] * 20 + [True] * 12


def test_re_attention_with_a_mix_that_changes_nothing_is_attention():
    plain, mixed = build("deepvit_l", mixed=0).eval(), build("deepvit_l", mixed=2).eval()
    mixed.load_state_dict(mixed.state_dict() | plain.state_dict())
    for block in mixed.blocks:
        block.attention.mix[0].weight.data = torch.eye(12)[:, :, None, None]
    pixels = 255 * torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(mixed(pixels), plain(pixels), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("name", FEATURES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_channels": 2}, "1 or 3 channels, found 2"),
        ({"size": 28}, "at least 32x32, found 28x28"),
        ({"widht": 5}, "cannot be made like this"),
    ],
)
def test_a_wrong_request_is_one_clear_error(name, arguments, message):
    with pytest.raises(ConfigError, match=message):
        build(name, **arguments)


@pytest.mark.parametrize("arguments", [{"depth": 0, "mixed": 0}, {"depth": 4, "mixed": 5}])
def test_deepvit_names_a_wrong_depth(arguments):
    with pytest.raises(ConfigError, match="depth of at least 1"):
        build("deepvit_l", **arguments)
