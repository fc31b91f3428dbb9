"""A sheet of prepared inputs shows every class, and the same inputs give the same bytes."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from openmer.errors import DataError
from openmer.pretraining import draw_prepared


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("low", [0, -3])
def test_every_class_has_a_row(channels, low):
    inputs = np.random.default_rng(0).uniform(low, 200, (9, channels, 8, 8)).astype(np.float32)
    targets = [0, 0, 0, 0, 0, 2, 2, 2, 2]
    png = draw_prepared("Sheet", inputs, targets, ["a", "b", "c"], columns=4)
    assert png == draw_prepared("Sheet", inputs, targets, ["a", "b", "c"], columns=4)
    taller = draw_prepared("Sheet", inputs, targets, ["a", "b", "c", "d"], columns=4)
    assert Picture.open(io.BytesIO(taller)).height > Picture.open(io.BytesIO(png)).height


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="nothing to draw"):
        draw_prepared("Sheet", np.empty((0, 3, 8, 8)), [], ["a"])


def test_flow_is_drawn_by_its_direction_and_not_as_gray_levels():
    flow = np.random.default_rng(0).uniform(-3, 3, (2, 3, 8, 8)).astype(np.float32)
    drawn = draw_prepared("Sheet", flow, [0, 0], ["a"])
    assert drawn != draw_prepared("Sheet", flow.clip(0), [0, 0], ["a"])
