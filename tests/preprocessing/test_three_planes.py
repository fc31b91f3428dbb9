"""Histograms on three planes of a clip: a plain loop, sums, brightness and flips."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.preprocessing.memory_clips import clip_data

from openmer.errors import DataError
from openmer.preprocessing import Recipe
from openmer.preprocessing.steps.lbp_top import _uniform

STEPS = {"lbp_top": 177, "lbp_sip": 64, "hog_top": 24}


def recipe_of(name, **options):
    return Recipe.from_tables([{"step": name, "size": 2, **options}])


def of(name, volume, **options):
    return recipe_of(name, **options).steps[0].apply(clip_data(volume)).array


def volume_of(seed, frames=5):
    whole = np.random.default_rng(seed).integers(0, 8, (frames, 10, 10))
    return whole.astype(np.float32)


def test_lbp_top_is_the_loop_over_places_and_neighbours():
    volume, table = volume_of(0), _uniform()[0]
    expected = np.zeros((3, 59))
    around = [(0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1)]
    for t, y, x in np.ndindex(3, 8, 8):
        for plane, (down, right) in enumerate(((1, 2), (0, 2), (0, 1))):
            code = 0
            for bit, (a, b) in enumerate(around):
                place = [t + 1, y + 1, x + 1]
                place[down] += a
                place[right] += b
                code += (volume[tuple(place)] >= volume[t + 1, y + 1, x + 1]) << bit
            expected[plane, table[code]] += 1
    found = of("lbp_top", volume, size=1)
    np.testing.assert_allclose(found[:, 0, 0], expected.ravel() / 192, rtol=1e-5)


def test_58_patterns_are_uniform_and_flipping_twice_changes_none():
    table, flipped = _uniform()
    assert np.bincount(table).tolist() == [1] * 58 + [256 - 58]
    assert (flipped[flipped] == np.arange(59)).all() and (flipped != np.arange(59)).any()


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.sampled_from(sorted(STEPS)), st.booleans())
def test_a_flip_of_the_clip_is_a_flip_of_the_histograms(seed, name, weighted):
    options = {"weighted": weighted} if name == "hog_top" else {}
    volume, recipe = volume_of(seed), recipe_of(name, **options)
    found = of(name, volume, **options)
    assert found.shape == (STEPS[name], 2, 2) == (recipe.channels, recipe.size, recipe.size)
    np.testing.assert_allclose(recipe.flipped(found), of(name, volume[..., ::-1], **options),
                               atol=1e-6)  # fmt: skip


@pytest.mark.parametrize("name", STEPS)
def test_brightness_does_not_count_and_each_plane_sums_to_one(name):
    volume, planes = volume_of(1), 1 if name == "lbp_sip" else 3
    found = of(name, volume)
    np.testing.assert_allclose(of(name, 2 * volume + 20), found, atol=1e-6)
    np.testing.assert_allclose(found.reshape(planes, -1, 2, 2).sum(1), 1, rtol=1e-5)


def test_an_edge_that_moves_right_has_gradients_against_time():
    x, t = np.arange(12), np.arange(6)[:, None]
    volume = np.repeat((10.0 * (x - t))[:, None], 12, axis=1).astype(np.float32)
    xy, xt, yt = of("hog_top", volume, size=1).reshape(3, 8)
    assert xy.argmax() == 0 and xt.argmax() == 7 and yt.argmax() == 6


@pytest.mark.parametrize("name", STEPS)
def test_two_frames_are_too_few(name):
    with pytest.raises(DataError, match="at least 3 frames"):
        of(name, volume_of(0, frames=2))
