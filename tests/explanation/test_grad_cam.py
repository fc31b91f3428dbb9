"""Heat lies where a planted network looks, and nowhere else; what has no place says so."""

import numpy as np
import pytest
import torch
from torch import nn

from openmer.errors import ConfigError
from openmer.explanation import _grad_cam as module
from openmer.explanation import class_saliency, last_maps
from openmer.models import create_model, list_models

KINDS = ("grad-cam", "hires-cam")
OF_CLIPS = {  # whose maps are of frames, or of space and time
    "cnn_lstm": {},
    "elrcn": {"backbone": "test_resnet", "units": 8, "last": 8, "hidden": 16},
    "r2plus1d_18": {"width": 0.125},
    "r3d_18": {"width": 0.125},
    "vivit": {"width": 64, "depth": 2, "patch": 7},
}
WITHOUT_MAPS = {"flow_mlp", *OF_CLIPS}
STILLS = {"mobilevit_s", "mobilenet_v2", "mobilenet_v3", "resnet18", "densenet121", "deit_base",
          "deepvit_l"}  # fmt: skip
SIZES = {"efficient_me": 48, "htnet": 56} | dict.fromkeys(STILLS, 64)
SMALL = {  # heavy models, made light
    "rrmfnet": {"width": 0.25, "resized": 48},
    "htnet": {"dim": 12, "repeats": "1,1,2"},
    "deit_base": {"depth": 1},
    "deepvit_l": {"depth": 2, "mixed": 0},
}


def image(size=24):
    return np.random.default_rng(0).uniform(0.5, 1, (1, size, size)).astype(np.float32)


def convolution():
    """A convolution with a positive weight, so that a bright place is a strong one."""
    made = nn.Conv2d(1, 1, 1, bias=False)
    made.weight.data.fill_(1.0)
    return made


class LooksAtOnePart(nn.Module):
    """Class 1 rises with the brightness of one part of the image, class 0 falls with it."""

    def __init__(self, rows, columns):
        super().__init__()
        self.part = (..., rows, columns)
        self.convolution = convolution()

    def forward(self, images):
        seen = torch.zeros_like(images)
        seen[self.part] = images[self.part]
        strength = self.convolution(seen).mean((1, 2, 3))
        return torch.stack([-strength, strength], dim=1)


class FlattensAndPicks(nn.Module):
    """All places have a map, but the head listens to one part of it only."""

    def __init__(self, rows, columns, size=24):
        super().__init__()
        self.convolution, self.head = convolution(), nn.Linear(size * size, 2, bias=False)
        weights = torch.zeros(2, size, size)
        weights[1, rows, columns] = 1.0
        self.head.weight.data.copy_(weights.flatten(1))

    def forward(self, images):
        return self.head(self.convolution(images).flatten(1))


class TwoStreams(nn.Module):
    """The left half and the right half of an image pass streams of their own."""

    def __init__(self):
        super().__init__()
        self.left = nn.Sequential(convolution(), nn.ReLU(), nn.Flatten())
        self.right = nn.Sequential(convolution(), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten())

    def forward(self, images):
        left, right = images.clone(), images.clone()
        left[..., 12:], right[..., :12] = 0, 0
        strength = self.left(left).mean(1) + self.right(right).mean(1)
        return torch.stack([-strength, strength], dim=1)


PART = (slice(3, 11), slice(12, 20))


@pytest.mark.parametrize("kind", KINDS)
def test_the_saliency_lies_where_the_class_comes_from(kind):
    found = class_saliency(LooksAtOnePart(*PART).eval(), image(), 1, kind)
    assert found.saliency[PART].min() > 0.4
    assert found.saliency.sum() == pytest.approx(found.saliency[PART].sum())
    assert found.kind == kind and found.layers == ("convolution",)


@pytest.mark.parametrize("kind", KINDS)
def test_a_class_that_no_place_raises_has_no_saliency(kind):
    found = class_saliency(LooksAtOnePart(*PART).eval(), image(), 0, kind)
    assert not found.saliency.any() and not found.cells.any()


def test_where_a_network_flattens_its_maps_only_hires_cam_is_faithful():
    network = FlattensAndPicks(*PART).eval()
    faithful, blurred = (class_saliency(network, image(), 1, kind).saliency for kind in KINDS[::-1])
    assert faithful.sum() == pytest.approx(faithful[PART].sum())
    assert blurred[PART].sum() < 0.2 * blurred.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_streams_side_by_side_all_count(kind):
    network = TwoStreams().eval()
    found = class_saliency(network, image(), 1, kind)
    assert found.layers == ("left.1", "right.2")
    assert found.cells.shape == (24, 24)  # the finer one's
    assert found.saliency[:, :10].min() > 0 and found.saliency[:, 14:].min() > 0


@pytest.mark.parametrize("name", [name for name in list_models() if name not in WITHOUT_MAPS])
def test_every_model_of_maps_has_saliency_of_its_inputs_size(name):
    torch.manual_seed(3)  # one that leaves no small network without a live part
    size = SIZES.get(name, 28)
    more = SMALL.get(name, {})
    model = create_model(name, in_channels=3, num_classes=3, size=size, **more).eval()
    array = 255 * np.random.default_rng(0).random((3, size, size), dtype=np.float32)
    found = [class_saliency(model, array, target) for target in range(3)]
    assert any(each.saliency.any() for each in found)
    for each in found:
        assert each.saliency.shape == (size, size) and each.saliency.dtype == np.float32
        assert each.saliency.min() >= 0 and each.saliency.max() <= 1
        assert each.cells.max() in (0, 1)
    again = class_saliency(model, array, 1)
    assert np.array_equal(again.saliency, found[1].saliency)


def test_the_last_maps_are_the_last_of_every_stream_and_no_gate():
    def parts(name, size=28, **parameters):
        model = create_model(name, in_channels=3, size=size, **parameters).eval()
        return last_maps(model, torch.zeros(1, 3, size, size))

    assert parts("ststnet") == ("features.5",)
    assert parts("off_apexnet") == ("horizontal.5", "vertical.5")
    assert parts("efficient_me", 64) == ("top",)
    for attention in ("none", "channel", "spatial", "mixed"):
        assert parts("dense_attention", 64, attention=attention) == ("stages.4",)


@pytest.mark.parametrize("name", sorted(WITHOUT_MAPS))
def test_a_network_without_maps_says_so(name):
    model = create_model(name, in_channels=3, size=14, **OF_CLIPS.get(name, {})).eval()
    with pytest.raises(ConfigError, match=r"no place in the image.*such as ststnet"):
        class_saliency(model, np.zeros((3, 14, 14), np.float32), 0)


def test_without_captum_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'openmer\[explain\]'"):
        class_saliency(LooksAtOnePart(*PART), image(), 0)
