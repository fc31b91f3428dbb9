"""Steps that give several frames or flows of a clip: which ones, their flips, what follows."""

import numpy as np
import pytest
from tests.preprocessing.memory_clips import clip_data

from openmer.errors import ConfigError
from openmer.methods import load_method
from openmer.preprocessing import Recipe
from openmer.preprocessing.flow._flow import optical_flow


def series(volume, *steps):
    """The array that steps make of gray frames in memory, from the first to the last."""
    data = clip_data(volume)
    recipe = Recipe.from_tables(steps)
    for step in recipe.steps:
        data = step.apply(data)
    assert data.array.shape[0] == recipe.channels
    assert data.array.dtype == np.float32
    return data.array, recipe


def smooth(frames=5, side=32):
    """A blob that moves to the right and down by less than a pixel a frame."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    moves = np.arange(frames) * 0.4
    return np.stack(
        [200 * np.exp(-((x - 14 - m) ** 2 + (y - 13 - m / 2) ** 2) / 40) for m in moves]
    )


@pytest.mark.parametrize(
    ("frames", "asked", "shown"),
    [(5, 5, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (6, 3, [0, 3, 5]), (2, 4, [0, 1, 1, 1])],
)
def test_a_series_shows_the_first_frame_at_or_after_each_moment(frames, asked, shown):
    volume = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 8, 8), np.float32)
    array, recipe = series(volume, {"step": "frame_series", "n_frames": asked, "size": 4})
    assert array[:, 0, 0].tolist() == shown
    assert (recipe.size, recipe.flow, recipe.flow_channels) == (4, None, 0)


def test_each_flow_of_a_series_leads_from_the_onset_to_one_frame():
    volume = smooth()
    step = {"step": "flow_series", "n_frames": 4, "method": "dis"}
    array, recipe = series(volume, step)
    expected = [optical_flow(volume[0], frame, method="dis") for frame in volume[1:]]
    np.testing.assert_array_equal(array, np.concatenate(expected))
    halved, _ = series(volume, step | {"size": 16})
    assert halved.shape == (8, 16, 16)
    assert halved[6].mean() == pytest.approx(array[6].mean() / 2, rel=1e-5)
    assert recipe.flow is not None and recipe.flow_channels == 0


def test_in_a_flip_every_u_of_a_series_turns_round():
    flows, recipe = series(smooth(), {"step": "flow_series", "n_frames": 2, "method": "dis"})
    flipped = recipe.flipped(flows)
    np.testing.assert_array_equal(flipped[::2], -flows[::2, :, ::-1])
    np.testing.assert_array_equal(flipped[1::2], flows[1::2, :, ::-1])
    frames, recipe = series(smooth(), {"step": "frame_series", "n_frames": 2})
    np.testing.assert_array_equal(recipe.flipped(frames), frames[..., ::-1])


def test_a_perturbation_that_would_flip_u_of_one_flow_alone_is_refused():
    with pytest.raises(ConfigError, match=r"training\.perturb flips one flow"):
        load_method("r3d-18", ["training.flip_probability=0.0", "training.perturb.every=2",
                               'training.perturb.unit="epoch"'])  # fmt: skip
