"""Temporal interpolation: end points, identity, exactness, and what each method is."""

import numpy as np
import pytest

from openmer.errors import ConfigError, DataError
from openmer.preprocessing import interpolate_frames
from openmer.preprocessing._interpolate import interpolation_weights

METHODS = ["linear", "bandlimited", "tim"]
LENGTHS = [(2, 2), (2, 9), (3, 2), (10, 10), (10, 25), (10, 19), (61, 10)]


def clip(frames: int) -> np.ndarray:
    return np.random.default_rng(0).random((frames, 6, 5), dtype=np.float32)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("before", "after"), LENGTHS)
def test_end_points_are_exact_and_a_still_clip_stays_still(method, before, after):
    frames = clip(before)
    result = interpolate_frames(frames, after, method=method)
    assert result.shape == (after, 6, 5)
    assert result.dtype == np.float32
    assert np.array_equal(result[[0, -1]], frames[[0, -1]])
    weights = interpolation_weights(before, after, method=method)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_number_of_frames_is_the_identity(method):
    frames = clip(13)
    assert np.array_equal(interpolate_frames(frames, 13, method=method), frames)


@pytest.mark.parametrize("method", METHODS)
def test_frames_between_which_others_are_put_stay(method):
    frames = clip(10).astype(np.float64)
    result = interpolate_frames(frames, 28, method=method)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result[::3], frames, atol=1e-12)


@pytest.mark.parametrize("method", ["linear", "bandlimited"])
@pytest.mark.parametrize(("before", "after"), LENGTHS)
def test_a_straight_movement_stays_straight(method, before, after):
    line = np.linspace(2, 5, before)
    expected = np.linspace(2, 5, after)
    np.testing.assert_allclose(interpolate_frames(line, after, method=method), expected)


def test_linear_mixes_two_neighbours():
    times = np.linspace(0, 9, 25)
    frames = clip(10).reshape(10, -1)
    expected = np.stack([np.interp(times, np.arange(10), column) for column in frames.T], axis=1)
    np.testing.assert_allclose(interpolate_frames(frames, 25), expected, atol=1e-6)


def test_bandlimited_keeps_slow_waves_and_drops_those_that_would_come_back_slower():
    def wave(frames: int, halves: int) -> np.ndarray:
        return np.sin(np.pi * halves * np.linspace(0, 1, frames))

    for halves in (1, 3, 7):
        slow = interpolate_frames(wave(41, halves), 10, method="bandlimited")
        np.testing.assert_allclose(slow, wave(10, halves), atol=1e-12)
    fast = wave(41, 17)
    assert np.abs(interpolate_frames(fast, 10)).max() > 0.5
    assert np.abs(interpolate_frames(fast, 10, method="bandlimited")).max() < 1e-12


def test_tim_is_the_path_graph_model_of_zhou():
    # The model as published: embed, fit the curve by a linear map, go back to pixels.
    frames = clip(8).reshape(8, -1).astype(np.float64)
    count, waves = 8, np.arange(1, 8)

    def curve(t: np.ndarray) -> np.ndarray:
        return np.sin(np.pi * np.outer(t, waves) + np.pi * (count - waves) / (2 * count))

    mean = frames.mean(axis=0)
    to_curve = np.linalg.pinv(frames - mean) @ curve(np.arange(1, count + 1) / count)
    times = np.linspace(1 / count, 1, 20)
    expected = curve(times) @ np.linalg.pinv(to_curve) + mean
    np.testing.assert_allclose(
        interpolate_frames(frames, 20, method="tim"), expected, rtol=0, atol=1e-9
    )


def test_errors():
    with pytest.raises(ConfigError, match="Did you mean 'linear'"):
        interpolate_frames(clip(4), 8, method="linea")
    for frames, wanted in ((clip(1), 5), (clip(5), 1), (np.float32(1) * np.ones(()), 4)):
        with pytest.raises(DataError, match="at least 2"):
            interpolate_frames(frames, wanted)
    broken = clip(5)
    broken[2, 0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        interpolate_frames(broken, 8)
