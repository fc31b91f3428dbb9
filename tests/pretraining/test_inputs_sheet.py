"""A sheet of prepared inputs shows every class, and the same inputs give the same bytes."""

import io

import numpy as np
import pytest
from PIL import Image as Picture

from openmer.errors import DataError
from openmer.preprocessing import Recipe
from openmer.pretraining import draw_prepared


@pytest.mark.parametrize("channels", [1, 3])
def test_every_class_has_a_row(channels):
    inputs = np.random.default_rng(0).uniform(0, 200, (9, channels, 8, 8)).astype(np.float32)
    targets = [0, 0, 0, 0, 0, 2, 2, 2, 2]
    png = draw_prepared("Sheet", inputs, targets, ["a", "b", "c"], columns=4)
    assert png == draw_prepared("Sheet", inputs, targets, ["a", "b", "c"], columns=4)
    taller = draw_prepared("Sheet", inputs, targets, ["a", "b", "c", "d"], columns=4)
    assert Picture.open(io.BytesIO(taller)).height > Picture.open(io.BytesIO(png)).height


def test_nothing_to_draw_is_an_error():
    with pytest.raises(DataError, match="nothing to draw"):
        draw_prepared("Sheet", np.empty((0, 3, 8, 8)), [], ["a"])


def test_flow_strain_and_apex_frame_have_rows_of_their_own():
    steps = [{"step": name} for name in ("flow", "strain", "append_apex")]
    recipe = Recipe.from_tables(steps)
    inputs = np.random.default_rng(0).uniform(-3, 3, (2, 6, 8, 8)).astype(np.float32)
    drawn = draw_prepared("Sheet", inputs, [0, 0], ["a"], recipe=recipe)
    height = Picture.open(io.BytesIO(drawn)).height
    alone = draw_prepared("Sheet", inputs[:, :3], [0, 0], ["a"])
    assert height > 2 * Picture.open(io.BytesIO(alone)).height
    inputs[:, 5] += 90  # the apex frame alone
    assert drawn != draw_prepared("Sheet", inputs, [0, 0], ["a"], recipe=recipe)
