"""Losses against cases worked out by hand."""

import math

import pytest
import torch

from openmer.errors import ConfigError
from openmer.training.config import LossConfig
from openmer.training.losses import clip_losses

LOGITS = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
TARGETS = torch.tensor([0, 2])


def test_cross_entropy_by_hand():
    found = clip_losses(LOGITS, TARGETS, LossConfig())
    assert found.tolist() == pytest.approx([math.log(2), math.log(10)])


def test_focal_loss_by_hand():
    loss = LossConfig(name="focal", gamma=2, class_weights=(0.27, 0.35, 0.38))
    expected = [0.27 * 0.25 * math.log(2), 0.38 * 0.81 * math.log(10)]
    assert clip_losses(LOGITS, TARGETS, loss).tolist() == pytest.approx(expected)


def test_focal_loss_without_focus_is_cross_entropy():
    focal = clip_losses(LOGITS, TARGETS, LossConfig(name="focal", gamma=0))
    torch.testing.assert_close(focal, clip_losses(LOGITS, TARGETS, LossConfig()))


def test_wrong_number_of_weights_is_one_clear_error():
    with pytest.raises(ConfigError, match="2 weights for 3 classes"):
        clip_losses(LOGITS, TARGETS, LossConfig(class_weights=(1.0, 2.0)))
