"""Two streams on u and v."""

import torch

from openmer.models import create_model

FACTS = {"off_apexnet": {"parameters": 2_664_475}}


def test_it_reads_u_and_v_and_nothing_behind_them():
    model = create_model("off_apexnet", in_channels=3).eval()
    flow = torch.randn(2, 3, 28, 28)
    expected = model(flow)
    for channel, same in ((0, False), (1, False), (2, True)):
        changed = flow.clone()
        changed[:, channel] += 1
        assert torch.equal(model(changed), expected) == same
