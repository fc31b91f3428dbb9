"""A plug-in of OpenMER: a model and a method that uses it."""

from pathlib import Path

import torch

import openmer

openmer.register_method(Path(__file__).with_name("plain-net.toml"))


@openmer.register_model("plain_net")
class PlainNet(torch.nn.Module):
    """Flow (batch, in_channels, size, size) to logits (batch, num_classes)."""

    def __init__(self, *, in_channels=3, num_classes=3, size=28):
        super().__init__()
        self.head = torch.nn.Linear(in_channels * (size // 4) ** 2, num_classes)

    def forward(self, flow):
        return self.head(torch.nn.functional.avg_pool2d(flow, 4).flatten(1))
