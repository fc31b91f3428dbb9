"""Optical flow against known shifts, and the list of its methods."""

import cv2
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, shift

from openmer.errors import ConfigError, DataError
from openmer.preprocessing import list_flow_methods, optical_flow, register_flow
from openmer.preprocessing.flow import _flow as flow_module


def texture(side: int = 96) -> np.ndarray:
    """A smooth random texture in 0..255, the same at every call."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=(side, side)), 3, mode="wrap")
    return ((noise - noise.min()) / np.ptp(noise) * 255).astype(np.float32)


def shifted(image: np.ndarray, right: float, down: float) -> np.ndarray:
    return shift(image, (down, right), order=3, mode="grid-wrap").astype(np.float32)


@pytest.mark.parametrize("method", ["tvl1", "tvl1-opencv", "farneback", "dis"])
def test_a_known_shift_is_found(method):
    first = texture()
    flow = optical_flow(first, shifted(first, 0.6, -0.3), method=method)
    assert flow.shape == (2, 96, 96)
    assert flow.dtype == np.float32
    inner = flow[:, 8:-8, 8:-8]
    error_px = np.hypot(inner[0] - 0.6, inner[1] + 0.3).mean()
    assert error_px < 0.15


@pytest.mark.parametrize("method", ["tvl1", "tvl1-opencv", "farneback", "dis"])
def test_the_same_frames_give_the_same_bytes_on_any_thread_count(method):
    first, second = texture(), shifted(texture(), 0.4, 0.2)
    before = cv2.getNumThreads(), torch.get_num_threads()
    try:
        cv2.setNumThreads(2)
        torch.set_num_threads(2)
        once = optical_flow(first, second, method=method)
        assert (cv2.getNumThreads(), torch.get_num_threads()) == (2, 2)
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        assert optical_flow(first, second, method=method).tobytes() == once.tobytes()
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])


@pytest.mark.parametrize("method", ["tvl1", "tvl1-opencv", "farneback", "dis"])
def test_no_motion_is_no_flow_in_frames_that_are_not_square(method):
    frame = texture()[:60, :]
    flow = optical_flow(frame, frame, method=method)
    assert flow.shape == (2, 60, 96)
    # Farnebäck's right and lower border are not exact: see its docstring.
    assert np.abs(flow).max() < (0.1 if method == "farneback" else 1e-3)


@pytest.mark.parametrize("method", ["tvl1", "tvl1-opencv"])
def test_tvl1_sees_less_than_one_gray_level(method):
    first = texture() * 0.02 + 100
    assert np.ptp(first) < 6
    second = shifted(first, 0.5, 0.0)
    flow = optical_flow(first, second, method=method)
    eight_bit = optical_flow(np.rint(first), np.rint(second), method=method)
    assert not np.array_equal(flow, eight_bit)


def test_frames_of_two_sizes_or_too_small_are_refused():
    with pytest.raises(DataError, match=r"\(96, 96\).*\(64, 64\)"):
        optical_flow(texture(), texture(64))
    with pytest.raises(DataError, match="16 x 16"):
        optical_flow(texture(12), texture(12))


def test_an_unknown_method_suggests_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'tvl1'"):
        optical_flow(texture(), texture(), method="tv-l1")


def test_a_method_of_ones_own_is_known_by_its_name(monkeypatch):
    monkeypatch.setattr(flow_module._METHODS, "_found", dict(flow_module._METHODS._found))

    @register_flow("still")
    def still(first, second):
        return np.zeros((2, *first.shape), np.float64)

    assert list_flow_methods() == ("dis", "farneback", "still", "tvl1", "tvl1-opencv")
    assert optical_flow(texture(), texture(), method="still").dtype == np.float32
    with pytest.raises(ValueError, match="is taken by"):
        register_flow("still")(still)
