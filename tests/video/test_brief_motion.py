"""Brief motion of the cells of a face: its size, place and sign, and what it is compared with."""

import cv2
import numpy as np
import pytest

from openmer.video.faces._brief_motion import BriefMotion
from openmer.video.faces._patch import CELLS, SIDE_PX, evened
from openmer.video.spotting._regions import usual_layout

LAYOUT = usual_layout()


def texture(seed=0):
    """A patch with enough to hold on to."""
    noise = np.random.default_rng(seed).normal(128, 60, (SIDE_PX, SIDE_PX)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 2) * 3 - 256, 0, 255).astype(np.uint8)


def see(brief, time_s, patch):
    return brief.see(time_s, evened(patch), LAYOUT)


def moved(patch, at_xy, by_xy, reach=10.7):
    """The same patch with a place displaced, as `inject_movements` does it."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX].astype(np.float32)
    near = np.exp(-((x - at_xy[0]) ** 2 + (y - at_xy[1]) ** 2) / (2 * reach**2))
    return cv2.remap(
        patch, x - near * by_xy[0], y - near * by_xy[1], cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip


@pytest.mark.parametrize("at_xy", [(56, 120), (104, 120), (118, 30)])
@pytest.mark.parametrize("by_xy", [(0, -2), (1.5, 1.5)])
def test_a_place_that_moves_is_seen_where_and_whither(at_xy, by_xy):
    brief, still = BriefMotion(), texture()
    for frame in range(3):
        see(brief, frame / 30, still)
    found = see(brief, 0.1, moved(still, at_xy, by_xy))
    length = np.hypot(found[..., 0], found[..., 1])
    row, column = np.unravel_index(length.argmax(), length.shape)
    assert abs(16 * column + 8 - at_xy[0]) <= 16 and abs(16 * row + 8 - at_xy[1]) <= 16
    way = found[row, column] / length.max()
    assert way @ np.array(by_xy) / np.hypot(*by_xy) > 0.9
    assert 0.3 < length.max() / np.hypot(*by_xy) < 1


def test_the_frame_nearest_to_a_tenth_of_a_second_ago_is_compared():
    brief, still = BriefMotion(), texture()
    patches = [moved(still, (56, 120), (0, -0.5 * n)) for n in range(8)]
    for frame, patch in enumerate(patches):
        found = see(brief, frame / 60, patch)  # at 60 Hz that is six frames ago
    again = BriefMotion()
    see(again, 0.0, patches[1])
    assert np.allclose(found, see(again, 0.1, patches[7]))


def test_nothing_is_compared_over_a_start_or_a_gap():
    brief, still = BriefMotion(), texture()
    assert np.isnan(see(brief, 0.0, still)).all()
    assert np.isnan(see(brief, 0.02, still)).all()  # too soon to tell
    assert np.isnan(see(brief, 0.5, still)).all()
    assert see(brief, 0.6, still).shape == (CELLS, CELLS, 2)
    assert np.isfinite(see(brief, 0.7, still)).all()
    brief.forget()
    assert np.isnan(see(brief, 0.8, still)).all()
