"""Laws of resizing, averaging, stretching and flipping."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from openmer.errors import DataError
from openmer.preprocessing import average, flip_flow, resize_flow, resize_image, stretch_8bit

sides = st.integers(1, 24)
whole = hnp.arrays(
    np.float32,
    st.tuples(st.just(3), st.integers(1, 8), st.integers(1, 8)),
    elements=st.integers(-100, 100).map(float),
)


@settings(deadline=None)
@given(sides, sides, sides)
def test_a_constant_flow_scales_with_the_size(height, width, size):
    flow = np.empty((3, height, width), np.float32)
    flow[0], flow[1], flow[2] = 2.0, -3.0, 0.5
    resized = resize_flow(flow, size)
    assert resized.shape == (3, size, size)
    assert resized.dtype == np.float32
    assert np.allclose(resized[0], 2.0 * size / width, rtol=1e-5)
    assert np.allclose(resized[1], -3.0 * size / height, rtol=1e-5)
    assert np.allclose(resized[2], 0.5, rtol=1e-5)


@settings(deadline=None)
@given(whole, st.integers(1, 8))
def test_averaging_keeps_the_mean(array, size):
    if size > min(array.shape[1:]):
        return
    means = average(array, size)
    assert np.allclose(means.mean((1, 2)), array.mean((1, 2)), atol=1e-3)


def test_averaging_by_a_whole_factor_is_the_mean_of_blocks():
    array = np.random.default_rng(0).normal(size=(2, 28, 28)).astype(np.float32)
    blocks = array.reshape(2, 14, 2, 14, 2).mean((2, 4))
    assert np.allclose(average(array, 14), blocks, atol=1e-6)


def test_averaging_never_enlarges():
    with pytest.raises(DataError, match="smaller size"):
        average(np.zeros((2, 4, 9), np.float32), 5)


def test_each_axis_is_averaged_or_interpolated_on_its_own():
    column = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert np.allclose(resize_image(column, 4), np.repeat([[0.5], [2.5], [4.5], [6.5]], 4, 1))


def test_resizing_to_the_same_size_changes_nothing():
    array = np.random.default_rng(0).normal(size=(2, 9, 9)).astype(np.float32)
    assert np.array_equal(resize_flow(array, 9), array)
    assert resize_image(array[0], 5).shape == (5, 5)


@settings(deadline=None)
@given(whole, st.integers(1, 50), st.integers(-200, 200))
def test_the_stretched_form_forgets_scale_and_shift(array, scale, shift):
    stretched = stretch_8bit(array)
    assert np.array_equal(stretch_8bit(array * scale + shift), stretched)
    assert np.array_equal(stretched, np.rint(stretched))


@settings(deadline=None)
@given(whole)
def test_the_stretched_form_fills_its_range_and_a_constant_channel_is_zero(array):
    stretched = stretch_8bit(array)
    assert stretched.dtype == np.float32
    for before, after in zip(array, stretched, strict=True):
        assert after.min() == 0
        assert after.max() == (255 if np.ptp(before) else 0)
    assert np.array_equal(stretch_8bit(stretched), stretched)


@settings(deadline=None)
@given(whole, st.booleans())
def test_flipping_twice_is_the_identity(array, stretched):
    array = np.abs(array)
    twice = flip_flow(flip_flow(array, stretched=stretched), stretched=stretched)
    assert np.array_equal(twice, array)


@settings(deadline=None)
@given(whole)
def test_flipping_and_stretching_may_be_swapped(array):
    if not all(np.ptp(channel) for channel in array):
        return
    one = flip_flow(stretch_8bit(array), stretched=True)
    other = stretch_8bit(flip_flow(array))
    assert np.abs(one - other).max() <= 1  # a half is rounded to even from both sides


def test_flipping_reverses_u_only_and_takes_batches():
    flow = np.random.default_rng(0).normal(size=(5, 3, 4, 6)).astype(np.float32)
    flipped = flip_flow(flow)
    assert np.array_equal(flipped[:, 0, :, 0], -flow[:, 0, :, -1])
    assert np.array_equal(flipped[:, 1:], flow[:, 1:, :, ::-1])


def test_wrong_shapes_and_values_are_refused():
    flat = np.zeros((4, 4), np.float32)
    for call in (
        lambda: resize_flow(flat, 4),
        lambda: resize_image(flat[0], 4),
        lambda: resize_image(flat, 0),
        lambda: flip_flow(flat),
        lambda: stretch_8bit(np.full((1, 2, 2), np.nan, np.float32)),
    ):
        with pytest.raises(DataError):
            call()
