"""Files of weights: what is written is read, what does not fit is said, ImageNet names map."""

from contextlib import suppress

import pytest
import timm
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from openmer.errors import ConfigError, DataError
from openmer.models import _weights as weights
from openmer.models import create_model, halved, load_weights, save_weights, without_head
from openmer.models._weights import backbone_state, imagenet_state, list_weights

STATE = {"stem.weight": torch.arange(6.0).view(2, 3), "head.1.bias": torch.ones(3),
         "count": torch.tensor(7)}  # fmt: skip
CARD = {"title": "T", "scores": {"uf1": 0.5}, "classes": ["a", "b"]}


@pytest.fixture(scope="module")
def backbone():
    """timm's network with random weights, and a model that was cut from it."""
    torch.manual_seed(1)
    return timm.create_model("efficientnet_b0", num_classes=0)


def state_of(depth=5):
    return create_model("efficient_me", depth=depth).state_dict()


def test_weights_and_card_come_back(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    save_weights(path, STATE, CARD)
    found = load_weights(str(path))
    assert found.card == CARD
    assert set(found.state) == set(STATE)
    assert all(torch.equal(found.state[name], STATE[name]) for name in STATE)
    assert len(found.sha256) == 64
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_the_same_weights_are_the_same_bytes(tmp_path):
    first, second = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    save_weights(first, STATE, CARD)
    save_weights(second, dict(reversed(STATE.items())), dict(reversed(CARD.items())))
    assert first.read_bytes() == second.read_bytes()


def test_memory_layout_is_no_part_of_a_file(tmp_path):
    weight = torch.randn(4, 3, 5, 5)
    save_weights(tmp_path / "a.safetensors", {"w": weight}, {})
    laid = weight.to(memory_format=torch.channels_last)
    save_weights(tmp_path / "b.safetensors", {"w": laid}, {})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_changed_file_is_read_anew(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(path, STATE, {"turn": 1})
    assert load_weights(str(path)).card == {"turn": 1}
    save_weights(path, STATE, {"turn": 22})
    assert load_weights(str(path)).card == {"turn": 22}


def test_a_missing_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.safetensors.*openmer pretrain"):
        load_weights(str(tmp_path / "none.safetensors"))
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"broken\.safetensors cannot be read as a file of weights"):
        load_weights(str(broken))


def test_an_unknown_name_is_one_clear_error(monkeypatch):
    with pytest.raises(ConfigError, match="efficient-mee"):
        load_weights("efficient-mee")
    monkeypatch.setattr(weights, "_installed", lambda: {"efficient-me": None})
    with pytest.raises(ConfigError, match="Did you mean 'efficient-me'"):
        load_weights("efficient-mee")


def test_weights_that_are_not_installed_name_the_line_that_gets_them(monkeypatch):
    monkeypatch.setattr(weights, "entry_points", lambda **_: ())
    weights._installed.cache_clear()
    with pytest.raises(ConfigError, match=r'pip install "openmer\[weights\]"'):
        load_weights("efficient-me")
    weights._installed.cache_clear()


def test_what_ships_carries_a_card():
    for name in list_weights():
        assert load_weights(name).card["scores"]
        assert load_weights(name).card["use"]


def test_the_head_is_told_apart_by_its_name():
    assert set(without_head(STATE)) == {"stem.weight", "count"}


@pytest.mark.parametrize("depth", [3, 5, 7])
def test_imagenet_names_cover_all_but_the_head(monkeypatch, backbone, depth):
    asked = {}

    def create(name, **options):
        asked.update(name=name, **options)
        return backbone

    own = state_of(depth)
    monkeypatch.setattr(timm, "create_model", create)
    found = imagenet_state(own, "efficientnet_b0")
    assert asked["pretrained"] is True
    assert set(found) == set(without_head(own))
    whole = backbone.state_dict()
    assert torch.equal(found["stem.0.weight"], whole["conv_stem.weight"])
    assert torch.equal(found["stem.1.running_var"], whole["bn1.running_var"])
    assert all(found[name].shape == own[name].shape for name in found)


def test_the_same_function_under_both_names(monkeypatch, backbone):
    model = create_model("efficient_me", depth=7).eval()
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: backbone)
    model.load_state_dict(model.state_dict() | imagenet_state(model.state_dict(), "b"))
    pixels = 255 * torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = backbone.eval().forward_features(model.normalize(pixels))
        torch.testing.assert_close(model.feature_maps(pixels), expected)


def test_without_a_network_one_message_names_the_ways_out(monkeypatch):
    def fail(*_, **__):
        raise OSError("Name or service not known")

    own = state_of()
    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(DataError, match=r"not at hand.*--from PATH.*'scratch'"):
        imagenet_state(own, "efficientnet_b0")


def test_a_file_from_timm_and_one_of_ours_both_fit(backbone):
    own = state_of()
    from_timm = backbone_state(own, backbone.state_dict(), "a file")
    assert set(from_timm) == set(without_head(own))
    from_ours = backbone_state(own, from_timm | {"head.1.weight": torch.zeros(5, 112)}, "a file")
    assert set(from_ours) == set(from_timm)


def test_weights_of_another_model_are_refused():
    with pytest.raises(ConfigError, match=r"do not fit the model: .* missing or of another shape"):
        backbone_state(state_of(5), without_head(state_of(3)), "tr3.safetensors")


def test_numbers_too_large_for_half_precision_are_refused():
    assert halved({"a": torch.tensor([65504.0, float("inf")])})["a"].dtype == torch.float16
    with pytest.raises(ConfigError, match="without --half"):
        halved({"a": torch.ones(1), "b": torch.tensor([1e5])})


@pytest.mark.parametrize("card", ["[1, 2]", '"text"', "3", "null", "{", "\u00e9["])
def test_a_card_of_another_form_is_one_error(tmp_path, card):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(2)}, path, metadata={"card": card})
    with pytest.raises(DataError, match=r"w\.safetensors"):
        load_weights(str(path))


@given(st.data())
def test_a_flipped_bit_changes_nothing_in_silence(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("flipped")
    state, card = {"a": torch.arange(6.0).view(2, 3)}, {"seed": 7, "subjects": {"named": ["x/1"]}}
    path = folder / "whole.safetensors"
    save_weights(path, state, card)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    with suppress(DataError):
        found = load_weights(str(path))
        assert found.card == card
        assert torch.equal(found.state["a"], state["a"])


def test_weights_of_the_package_are_those_of_its_list(monkeypatch):
    path, _ = weights._installed()["efficient-me"]
    changed = {"efficient-me": (path, "0" * 64)}
    monkeypatch.setattr(weights, "_installed", lambda: changed)
    with pytest.raises(DataError, match="Install the package it is in again"):
        load_weights("efficient-me")
