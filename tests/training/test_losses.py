"""Losses against cases worked out by hand."""

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from openmer.errors import ConfigError
from openmer.training import LossConfig, class_weights, clip_losses, list_losses, register_loss
from openmer.training._loss_registry import LOSSES, OWN_LOSSES

LOGITS = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]))
TARGETS = torch.tensor([0, 2])


def losses(**settings):
    loss = LossConfig(**settings)
    weights = class_weights(loss, np.array([0, 0, 1, 2]), 3)
    return clip_losses(LOGITS, TARGETS, loss, weights).tolist()


def test_cross_entropy_by_hand():
    assert losses() == pytest.approx([math.log(2), math.log(10)])


def test_focal_loss_by_hand():
    found = losses(name="focal", gamma=2, class_weights=(0.27, 0.35, 0.38))
    assert found == pytest.approx([0.27 * 0.25 * math.log(2), 0.38 * 0.81 * math.log(10)])


def test_focal_loss_without_focus_is_cross_entropy():
    assert losses(name="focal", gamma=0) == pytest.approx(losses())


def test_balanced_weights_by_hand():
    found = losses(class_weights="balanced")
    assert found == pytest.approx([4 / 6 * math.log(2), 4 / 3 * math.log(10)])


def test_balanced_weights_average_one_over_the_training_clips_even_without_a_class():
    targets = np.array([0, 0, 0, 2])
    weights = class_weights(LossConfig(class_weights="balanced"), targets, 3)
    assert weights[targets].mean() == pytest.approx(1)


def test_wrong_number_of_weights_is_one_clear_error():
    with pytest.raises(ConfigError, match="2 weights for 3 classes"):
        class_weights(LossConfig(class_weights=(1.0, 2.0)), np.array([0]), 3)


def test_a_registered_loss_is_used_by_its_name():
    @register_loss("test_squared")
    def squared(logits, targets, loss):
        return (1 - logits.gather(1, targets[:, None])[:, 0]) ** 2 * loss.gamma

    try:
        logits, targets = torch.tensor([[3.0, 0.0]]), torch.tensor([0])
        loss = LossConfig(name="test_squared", gamma=0.5)
        assert "test_squared" in list_losses()
        assert clip_losses(logits, targets, loss, torch.tensor([2.0, 1.0])).tolist() == [4.0]
    finally:
        del LOSSES["test_squared"]
    with pytest.raises(ValidationError, match="test_squared"):
        LossConfig(name="test_squared")


def test_the_losses_known_without_pytorch_are_those_of_the_package():
    assert set(OWN_LOSSES) == set(list_losses())
