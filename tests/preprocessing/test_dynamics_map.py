"""Facial dynamics maps: the head's shift is out, a moving part is in its cuboid, flips hold."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from tests.preprocessing.memory_clips import clip_data

from openmer.errors import ConfigError
from openmer.preprocessing import Recipe
from openmer.preprocessing.steps.dynamics_map import principal_motion, shared_shift

STEP = {"step": "dynamics_map", "method": "dis", "n_frames": 4, "periods": 2, "size": 4}


def texture(side=64, seed=0):
    """A smooth random picture."""
    noise = np.random.default_rng(seed).normal(size=(side, side))
    smooth = scipy.ndimage.gaussian_filter(noise, 2, mode="wrap")
    return (128 + 40 * smooth / smooth.std()).astype(np.float32)


def drawn(moves):
    """A clip of the texture, displaced by `(down, right)` pixels in each frame."""
    shown = [scipy.ndimage.shift(texture(), move, order=3, mode="grid-wrap") for move in moves]
    return np.stack(shown).astype(np.float32)


def map_of(volume, **changes):
    """The map of gray frames, and the recipe that made it."""
    recipe = Recipe.from_tables([STEP | changes])
    found = recipe.steps[0].apply(clip_data(volume)).array
    assert found.shape == (recipe.channels, recipe.size, recipe.size)
    return found, recipe


def test_a_shift_of_the_whole_head_is_out():
    found, _ = map_of(drawn([(0.5 * t, -0.4 * t) for t in range(5)]))
    assert np.abs(found).max() < 0.1


def test_a_part_that_moves_is_seen_in_its_cell_and_period():
    volume = drawn([(0, 0)] * 5)
    corner = drawn([(0, 0), (0, 0), (0, 0), (0, 0.8), (0, 1.6)])[:, :16, :16]
    volume[:, :16, :16] = corner
    found, _ = map_of(volume)
    assert found[2, 0, 0] > 0.4
    assert np.abs(found[:2]).max() < 0.1
    assert np.abs(found[2:, 2:, 2:]).max() < 0.1


def test_in_a_flip_every_u_turns_round():
    found, recipe = map_of(drawn([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)]))
    flipped = recipe.flipped(found)
    np.testing.assert_array_equal(flipped[::2], -found[::2, :, ::-1])
    np.testing.assert_array_equal(flipped[1::2], found[1::2, :, ::-1])


@given(st.integers(0, 2**32 - 1))
def test_what_goes_the_other_way_does_not_count(seed):
    rng = np.random.default_rng(seed)
    most = rng.normal((2, 1), 0.1, size=(20, 2))
    against = rng.normal((-1, -0.5), 0.05, size=(8, 2))
    vectors = np.concatenate([most, against]).T[None]
    np.testing.assert_allclose(principal_motion(vectors)[0], most.mean(0), atol=1e-6)
    assert not principal_motion(np.zeros((1, 2, 5))).any()


def test_the_shared_shift_is_that_of_the_larger_part():
    flow = np.zeros((2, 10, 10), np.float32)
    flow[0] = 0.7
    flow[:, :4] = 5
    np.testing.assert_allclose(shared_shift(flow), [0.7, 0], atol=1e-6)


@pytest.mark.parametrize("changes", [{"n_frames": 5}, {"pixels": 30, "size": 4}])
def test_what_cannot_be_divided_is_refused(changes):
    with pytest.raises(ConfigError, match="give multiples"):
        Recipe.from_tables([STEP | changes])
    with pytest.raises(ConfigError, match="5 cells for 64 x 64 pixels"):
        map_of(drawn([(0, 0)] * 5), size=5)
