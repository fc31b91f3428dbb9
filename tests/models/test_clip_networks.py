"""Networks that read the frames of a clip: time counts, and frames lie where they should."""

import pytest
import torch

from openmer.errors import ConfigError
from openmer.models import create_model

FACTS = {
    "r3d_18": {
        "parameters": 33_167_811,  # of colour: those of torchvision's with three classes
        "published": {"in_channels": 48, "planes": 3},
        "small": {"width": 0.125},
    },
    "r2plus1d_18": {
        "parameters": 33_167_178,  # as many as r3d_18, but for what rounding takes
        "published": {"in_channels": 48, "planes": 3},
        "small": {"width": 0.125},
    },
    "vivit": {
        "parameters": 88_648_707,
        "published": {"in_channels": 96, "size": 224, "planes": 3, "tubelet": 2},
        "small": {"width": 64, "depth": 2, "patch": 7},
    },
    "elrcn": {
        "parameters": 219_363_267,
        "small": {"backbone": "test_resnet", "units": 8, "last": 8, "hidden": 16},
    },
    "cnn_lstm": {"parameters": 648_259},
}
CLIPS = {name: {"num_classes": 3, "size": 28, **facts["small"]} for name, facts in
         FACTS.items() if "small" in facts} | {"cnn_lstm": {"size": 28}}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_the_order_of_frames_counts_and_not_their_place_in_the_batch(name):
    torch.manual_seed(0)
    model = create_model(name, in_channels=8, planes=2, **CLIPS[name]).eval()
    clips = torch.randn(2, 8, 28, 28)
    backwards = clips.view(2, 4, 2, 28, 28).flip(1).reshape(2, 8, 28, 28)
    with torch.no_grad():
        assert not torch.allclose(model(clips), model(backwards), atol=1e-6)
        torch.testing.assert_close(model.head(model.features(clips)), model(clips))


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_channels_that_make_no_whole_frames_are_refused(name):
    with pytest.raises(ConfigError, match=r"frames of 2 plane\(s\), found 3 channels"):
        create_model(name, in_channels=3, planes=2, **CLIPS[name])


def test_r3d_halves_time_three_times():
    model = create_model("r3d_18", in_channels=16, **CLIPS["r3d_18"])
    maps = model.groups(model.stem(torch.randn(1, 1, 16, 28, 28)))
    assert maps.shape == (1, 64, 2, 2, 2)


def test_vivit_cuts_without_remainder():
    with pytest.raises(ConfigError, match="into tubes of 2 frames of 16x16"):
        create_model("vivit", in_channels=3, size=224, tubelet=2)
    with pytest.raises(ConfigError, match="into heads of 64"):
        create_model("vivit", in_channels=4, size=224, width=100)
