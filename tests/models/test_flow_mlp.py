"""The floor: one hidden layer on averaged flow, which sees no neighbourhood."""

import torch

from openmer.models import create_model

FACTS = {"flow_mlp": {"parameters": 28_419, "size": 14}}


def test_it_sees_no_neighbourhood():
    """Pixels in another order, with the weights in that order, give the same scores."""
    model, order = create_model("flow_mlp", size=4), torch.randperm(3 * 4 * 4)
    flow = torch.randn(5, 3, 4, 4)
    expected = model(flow)
    model.layers[1].weight.data = model.layers[1].weight.data[:, order]
    torch.testing.assert_close(model(flow.flatten(1)[:, order].view_as(flow)), expected)
