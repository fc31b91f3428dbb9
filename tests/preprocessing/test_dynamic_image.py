"""Dynamic images: the weights against the sum over pairs and against a rank SVM."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from openmer.errors import DataError
from openmer.preprocessing._dynamic_image import dynamic_image, rank_pooling_weights


def pairs(frames: np.ndarray) -> np.ndarray:
    """Later minus earlier, of every pair of frames."""
    earlier, later = np.triu_indices(len(frames), 1)
    return frames[later] - frames[earlier]


def running_means(frames: np.ndarray) -> np.ndarray:
    return np.cumsum(frames, axis=0) / np.arange(1, len(frames) + 1)[:, None]


@pytest.mark.parametrize("count", [2, 3, 10, 61])
def test_the_closed_form_is_the_sum_over_pairs(count):
    frames = np.random.default_rng(0).random((count, 12))
    expected = pairs(running_means(frames)).sum(axis=0)
    np.testing.assert_allclose(dynamic_image(frames), expected, atol=1e-9)
    plain = pairs(frames).sum(axis=0)
    np.testing.assert_allclose(dynamic_image(frames, averaged=False), plain, atol=1e-9)


@pytest.mark.parametrize("count", [2, 3, 10, 61])
def test_weights_sum_to_zero_and_the_plain_ones_are_antisymmetric(count):
    averaged = rank_pooling_weights(count)
    plain = rank_pooling_weights(count, averaged=False)
    assert averaged.sum() == pytest.approx(0, abs=1e-9)
    assert np.array_equal(plain, -plain[::-1])
    assert np.array_equal(np.diff(plain), np.full(count - 1, 2.0))
    assert averaged[-1] == pytest.approx((count - 1) / count)


def test_it_is_the_direction_of_a_rank_svm_with_little_cost():
    # While every pair violates the margin, the solution is the cost times the sum over pairs.
    rng = np.random.default_rng(0)
    frames = np.cumsum(rng.normal(0.3, 1, (12, 40)), axis=0)
    later = pairs(running_means(frames))
    examples, classes = np.concatenate([later, -later]), np.repeat([1, -1], len(later))
    svm = LinearSVC(loss="hinge", C=1e-6, fit_intercept=False, max_iter=10000, tol=1e-9)
    direction = svm.fit(examples, classes).coef_[0]
    image = dynamic_image(frames)
    cosine = direction @ image / np.linalg.norm(direction) / np.linalg.norm(image)
    assert cosine == pytest.approx(1, abs=1e-6)


def test_a_still_clip_gives_zeros_and_a_brightening_one_is_positive():
    still = np.broadcast_to(np.random.default_rng(0).random((1, 8, 8, 3)), (20, 8, 8, 3))
    image = dynamic_image(still)
    assert image.shape == (8, 8, 3)
    assert not image.any()
    eight_bit = np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((4, 4), np.uint8)
    assert (dynamic_image(eight_bit) > 0).all()
    np.testing.assert_allclose(dynamic_image(eight_bit[::-1]).mean(), -dynamic_image(
        eight_bit, averaged=True).mean(), rtol=1e-9)  # fmt: skip


def test_errors():
    with pytest.raises(DataError, match="1 frame"):
        dynamic_image(np.zeros((1, 4, 4)))
    with pytest.raises(DataError, match="0 frame"):
        dynamic_image(np.zeros(()))
    with pytest.raises(DataError, match="NaN"):
        dynamic_image(np.full((3, 4, 4), np.nan))
