"""One convolution of sixteen filters is the three streams of the paper."""

import torch
from torch import nn

from openmer.models import create_model

FACTS = {"ststnet": {"parameters": 1683}}


def test_merged_streams_equal_three_separate_ones():
    torch.manual_seed(0)
    model = create_model("ststnet").train()
    model.features[4] = nn.Identity()
    streams, start = [], 0
    for filters in (3, 5, 8):
        convolution, norm = nn.Conv2d(3, filters, 3, padding=2), nn.BatchNorm2d(filters)
        rows = slice(start, start + filters)
        convolution.weight.data = model.features[0].weight.data[rows].clone()
        convolution.bias.data = model.features[0].bias.data[rows].clone()
        streams.append(
            nn.Sequential(convolution, nn.ReLU(), norm, nn.MaxPool2d(3, stride=3, padding=1))
        )
        start += filters
    flow = torch.rand(6, 3, 28, 28) * 255
    pooled = torch.cat([stream(flow) for stream in streams], dim=1)
    separate = model.head(nn.AvgPool2d(2)(pooled).flatten(1))
    torch.testing.assert_close(model(flow), separate)
