"""Random changes of images: what is off changes nothing, what is on keeps its limits."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.augmentation import resize_images
from openmer.pretraining._augment import augment_images
from openmer.training import ImageAugment

OFF = ImageAugment(flip_probability=0)
ALL = ImageAugment(
    flip_probability=0.5, rotation_deg=10, scale=0.1, shift=0.06, brightness=0.1, contrast=0.2,
    erasing_probability=0.25,
)  # fmt: skip


def image_set(count=6, side=16, channels=1, seed=0):
    made = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, side, side), generator=made).float()


def augmented(images, augment, *, size=None, seed=0):
    draws = torch.Generator().manual_seed(seed)
    return augment_images(images, size or images.shape[-1], augment, draws)


def test_nothing_switched_on_changes_nothing():
    images = image_set()
    torch.testing.assert_close(augmented(images, OFF), images, rtol=0, atol=1e-3)


def test_nothing_switched_on_is_what_validation_images_get():
    images = image_set()
    for size in (16, 24, 40):
        torch.testing.assert_close(
            augmented(images, OFF, size=size), resize_images(images, size), rtol=0, atol=1e-3
        )


def test_a_certain_flip_is_the_flipped_image():
    images = image_set(channels=3)
    flipped = augmented(images, ImageAugment(flip_probability=1))
    torch.testing.assert_close(flipped, images.flip(-1), rtol=0, atol=1e-3)


def test_half_of_many_images_are_flipped():
    images = image_set(count=200, side=8)
    made = augmented(images, ImageAugment(flip_probability=0.5))
    flipped = ((made - images.flip(-1)).abs().amax((1, 2, 3)) < 1e-2).sum()
    assert 70 < flipped < 130


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32),
    rotation=st.floats(0, 180),
    share=st.floats(0, 0.9),
    light=st.floats(0, 1),
    erase=st.floats(0, 1),
)
def test_pixels_stay_pixels_and_shapes_stay(seed, rotation, share, light, erase):
    augment = ImageAugment(
        rotation_deg=rotation, scale=share, shift=share, brightness=light, contrast=share,
        erasing_probability=erase,
    )  # fmt: skip
    made = augmented(image_set(channels=3), augment, size=20, seed=seed)
    assert made.shape == (6, 3, 20, 20)
    assert made.isfinite().all()
    assert made.min() >= 0
    assert made.max() <= 255


def test_the_same_draws_make_the_same_images_and_others_make_others():
    images = image_set()
    first, again, other = (augmented(images, ALL, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_is_switched_off_shifts_no_other_draw():
    """The later draws are the same whether or not an earlier change is on."""
    images = torch.full((4, 1, 16, 16), 100.0)  # a warp does not show on it
    light = ImageAugment(flip_probability=0, brightness=0.3)
    both = ImageAugment(flip_probability=0.5, rotation_deg=20, shift=0.2, brightness=0.3)
    torch.testing.assert_close(augmented(images, light), augmented(images, both))


def test_brightness_adds_at_most_its_share():
    images = torch.full((64, 1, 8, 8), 128.0)
    change = augmented(images, ImageAugment(flip_probability=0, brightness=0.1)) - images
    assert 20 < change.abs().max() <= 25.5 + 1e-3
    assert change.min() < 0 < change.max()


def test_contrast_keeps_the_mean_of_an_image():
    images = 100 + image_set(side=8) / 10
    made = augmented(images, ImageAugment(flip_probability=0, contrast=0.5))
    torch.testing.assert_close(made.mean((1, 2, 3)), images.mean((1, 2, 3)), rtol=0, atol=1e-2)
    assert not torch.allclose(made, images, atol=1)


def test_erasing_makes_a_gray_rectangle_of_a_tenth_or_so():
    images = torch.zeros(50, 1, 40, 40)
    made = augmented(images, ImageAugment(flip_probability=0, erasing_probability=1))
    gray = made == 127.5
    share = gray.float().mean((1, 2, 3))
    assert share.min() > 0.01
    assert share.max() < 0.24
    rows, columns = gray.any(3).sum(2), gray.any(2).sum(2)
    assert torch.equal(gray.sum((1, 2, 3)), (rows * columns)[:, 0])


def test_an_image_of_the_right_size_is_not_touched():
    images = image_set()
    assert resize_images(images, 16) is images


@pytest.mark.parametrize("size", [8, 48])
def test_an_even_image_stays_even_at_another_size(size):
    assert (resize_images(torch.full((2, 1, 16, 16), 7.0), size) - 7).abs().max() < 1e-4
