"""Every augmentation alone: what it changes, what it leaves, and one from outside."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.augmentation import (
    AUGMENTATIONS,
    Affine,
    Augmentation,
    Brightness,
    ColorJitter,
    Contrast,
    Draws,
    GaussianNoise,
    HorizontalFlip,
    PixelNoise,
    Planes,
    RandomErasing,
    Translate,
    apply_all,
    sample_all,
)
from openmer.config import validate
from openmer.errors import ConfigError
from openmer.preprocessing import flip_flow
from openmer.training._config import Perturb
from openmer.training._perturb import augmentations_of, draw

BOTH = Planes(flow=3, stretched=False)
EIGHT_BIT = Planes(flow=3, stretched=True)
IMAGE = Planes()
PLANES = st.sampled_from([BOTH, EIGHT_BIT, IMAGE])
SEEDS = st.integers(0, 99)
ALL = [
    HorizontalFlip(), Brightness(), Contrast(), ColorJitter(), GaussianNoise(spread=(1.0,) * 6),
    PixelNoise(), RandomErasing(), RandomErasing(fill="gray"), Translate(share=0.3),
    Affine(rotation_deg=20, scale=0.2, shift=0.1),
]  # fmt: skip


def batch(count=6, channels=6, size=12, seed=0):
    rng = np.random.default_rng(seed)
    made = rng.uniform(20, 200, (count, channels, size, size))
    return torch.from_numpy(made.astype(np.float32))


def drawn(augmentation, inputs, seed=0, pytorch=False):
    generator = torch.Generator().manual_seed(seed) if pytorch else np.random.default_rng(seed)
    return augmentation.sample(Draws(generator, len(inputs)), tuple(inputs.shape[1:]))


def changed(augmentation, inputs, planes=IMAGE, seed=0):
    return augmentation.apply(inputs, drawn(augmentation, inputs, seed), planes)


def test_the_list_of_this_test_has_every_augmentation():
    assert {AUGMENTATIONS[name] for name in AUGMENTATIONS} == {type(one) for one in ALL}


@pytest.mark.parametrize("pytorch", [False, True])
@pytest.mark.parametrize("augmentation", ALL, ids=repr)
def test_zeros_change_nothing_and_draws_change_something(augmentation, pytorch):
    inputs = batch()
    parameters = drawn(augmentation, inputs, pytorch=pytorch)
    exact = 1e-3 if isinstance(augmentation, Affine | Contrast) else 0
    same = augmentation.apply(inputs, torch.zeros_like(parameters), IMAGE)
    torch.testing.assert_close(same, inputs, rtol=0, atol=exact)
    assert not torch.allclose(augmentation.apply(inputs, parameters, IMAGE), inputs, atol=1e-2)


@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT, IMAGE])
@pytest.mark.parametrize("augmentation", ALL, ids=repr)
def test_a_batch_equals_one_by_one_and_is_not_written_to(augmentation, planes):
    if isinstance(augmentation, Affine):
        planes = IMAGE
    inputs = batch()
    before, parameters = inputs.clone(), drawn(augmentation, inputs)
    together = augmentation.apply(inputs, parameters, planes)
    alone = [
        augmentation.apply(one[None], own[None], planes)
        for one, own in zip(inputs, parameters, strict=True)
    ]
    torch.testing.assert_close(together, torch.cat(alone))
    assert torch.equal(inputs, before)


@given(planes=PLANES, seed=SEEDS)
def test_a_flip_flips_all_channels_turns_u_and_twice_is_none(planes, seed):
    inputs, flip = batch(seed=seed), HorizontalFlip(probability=1)
    found = changed(flip, inputs, planes)
    assert torch.equal(found[:, 1:], inputs[:, 1:].flip(-1))
    u = inputs[:, 0].flip(-1)
    expected = {BOTH: -u, EIGHT_BIT: 255 - u, IMAGE: u}[planes]
    assert torch.equal(found[:, 0], expected)
    torch.testing.assert_close(changed(flip, found, planes), inputs)


@given(seed=SEEDS, stretched=st.booleans())
def test_flow_is_flipped_alike_as_an_array_and_as_a_tensor(seed, stretched):
    flow = batch(seed=seed)
    found = flip_flow(flow.numpy(), stretched=stretched)
    np.testing.assert_array_equal(found, flip_flow(flow, stretched=stretched).numpy())


def test_probabilities_are_those_asked_for():
    many = batch(count=2000, channels=1, size=8)
    assert abs(drawn(HorizontalFlip(probability=0.3), many).float().mean() - 0.3) < 0.03
    erased = drawn(RandomErasing(probability=0.7), many).any(dim=1)
    assert abs(erased.float().mean() - 0.7) < 0.03
    noisy = drawn(PixelNoise(probability=0.2), many).flatten(1).any(dim=1)
    assert abs(noisy.float().mean() - 0.2) < 0.03


@given(
    planes=PLANES,
    seed=SEEDS,
    size=st.integers(8, 40),
    area=st.tuples(st.floats(0.02, 1), st.floats(0.02, 1)).map(sorted),
    fill=st.sampled_from(["mean", "gray"]),
)
def test_erasing_covers_exactly_the_drawn_rectangle(planes, seed, size, area, fill):
    inputs = batch(count=3, size=size, seed=seed)
    erasing = RandomErasing(probability=1, area=tuple(area), fill=fill)
    parameters = drawn(erasing, inputs, seed)
    found = erasing.apply(inputs, parameters, planes)
    for clip, erased, edges in zip(inputs, found, parameters.numpy(), strict=True):
        top, bottom, left, right = edges
        assert 0 <= top < bottom <= size and 0 <= left < right <= size
        if fill == "mean":
            assert (edges == np.rint(edges)).all()
            assert (bottom - top) * (right - left) >= area[0] * size**2 - size - 1
            assert (bottom - top) * (right - left) <= area[1] * size**2 + size + 1
        at = np.arange(size) + 0.5
        inside = ((at >= top) & (at < bottom))[:, None] & ((at >= left) & (at < right))
        inside = torch.from_numpy(inside)
        assert torch.equal(clip[:, ~inside], erased[:, ~inside])
        filling = clip.mean((-2, -1)) if fill == "mean" else torch.full((6,), 127.5)
        if fill == "mean" and not planes.stretched:
            filling[: planes.flow] = 0
        expected = filling[:, None].expand(-1, int(inside.sum()))
        torch.testing.assert_close(erased[:, inside], expected)


@pytest.mark.parametrize(
    "augmentation", [ColorJitter(), Contrast(), Brightness(), PixelNoise(probability=1)], ids=repr
)
@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT])
def test_what_changes_light_leaves_flow_alone_and_changes_every_image(augmentation, planes):
    inputs = batch() - 100
    found = changed(augmentation, inputs, planes)
    assert torch.equal(found[:, :3], inputs[:, :3])
    assert (found[:, 3:] != inputs[:, 3:]).flatten(1).any(dim=1).all()


def test_jitter_by_hand():
    """Brightness 1.1, contrast 0.5, saturation 2 on one dark red and one white pixel."""
    inputs = torch.tensor([[[[100.0, 200.0]], [[0.0, 200.0]], [[0.0, 200.0]]]])
    found = ColorJitter().apply(inputs, torch.tensor([[0.1, -0.5, 1.0]]), IMAGE)[0, :, 0].numpy()
    mean = (110 + 3 * 220) / 6
    red, other, white = ((value + mean) / 2 for value in (110, 0, 220))
    luma = 0.299 * red + 0.701 * other
    np.testing.assert_allclose(found[:, 0], [2 * red - luma, *[2 * other - luma] * 2], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], [white] * 3, rtol=1e-5)


@given(seed=SEEDS)
def test_jitter_keeps_gray_gray_and_an_even_image_even(seed):
    jitter, gray = ColorJitter(share=0.4), batch(channels=1, seed=seed).expand(-1, 3, -1, -1)
    found = changed(jitter, gray, seed=seed)
    torch.testing.assert_close(found, found[:, :1].expand(-1, 3, -1, -1), rtol=1e-4, atol=1e-3)
    even = torch.full((6, 3, 8, 8), 90.0)
    assert (changed(jitter, even, seed=seed).std((-2, -1)) < 1e-2).all()


@given(planes=PLANES, seed=SEEDS)
def test_jitter_and_flip_change_places(planes, seed):
    inputs, jitter, flip = batch(seed=seed), ColorJitter(share=0.3), HorizontalFlip(probability=1)
    one = changed(flip, changed(jitter, inputs, planes, seed), planes)
    other = changed(jitter, changed(flip, inputs, planes), planes, seed)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-2)


def test_one_image_channel_is_gray_and_is_only_brightened_and_given_contrast():
    inputs, jitter = batch(channels=4), ColorJitter(share=0.3)
    level = changed(jitter, inputs, BOTH)[:, 3].std((-2, -1)) / inputs[:, 3].std((-2, -1))
    factors = 1 + drawn(jitter, inputs)
    assert (factors - 1).abs().max() <= 0.3
    torch.testing.assert_close(level, factors[:, 0] * factors[:, 1], rtol=1e-4, atol=0)


@pytest.mark.parametrize("planes", [BOTH, EIGHT_BIT, IMAGE])
def test_noise_is_as_wide_as_it_is_said_to_be_in_every_channel(planes):
    inputs, spread = batch(count=4, size=64), (0.5, 0.5, 0.01, 30.0, 40.0, 50.0)
    noise = changed(GaussianNoise(spread=spread), inputs, planes) - inputs
    assert (noise.mean((0, -2, -1)).abs() < 0.05 * torch.tensor(spread)).all()
    np.testing.assert_allclose(noise.std((0, -2, -1)), spread, rtol=0.03)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_shift_moves_along_one_axis_and_the_border_goes_on(seed):
    inputs, shift = batch(seed=seed), Translate(share=0.3)
    parameters = drawn(shift, inputs, seed)
    for one, found, (right, down) in zip(
        inputs, shift.apply(inputs, parameters, IMAGE), parameters.tolist(), strict=True
    ):
        assert (right == 0) != (down == 0) and 1 <= abs(right + down) <= round(0.3 * 12)
        y, x = np.clip(np.arange(12) - down, 0, 11), np.clip(np.arange(12) - right, 0, 11)
        np.testing.assert_array_equal(found.numpy(), one.numpy()[:, y][:, :, x])


def test_a_turn_of_flow_is_refused():
    with pytest.raises(ConfigError, match=r"Affine takes images.*Translate"):
        changed(Affine(), batch(), BOTH)


def test_an_augmentation_from_outside_is_listed_and_used():
    class Negative(Augmentation):
        name: ClassVar[str] = "negative"
        numbers: ClassVar[int] = 1

        def sample(self, draws, shape):
            return draws.uniform(self.numbers)[:, 0] < 0.5

        def apply(self, inputs, parameters, channels):
            return torch.where(parameters[:, None, None, None], 255 - inputs, inputs)

    try:
        inputs, used = batch(), [AUGMENTATIONS["negative"](), HorizontalFlip(probability=0)]
        parameters = sample_all(used, Draws(np.random.default_rng(0), 6), (6, 12, 12))
        found = apply_all(used, inputs, parameters, IMAGE)
        assert 0 < parameters[0].sum() < 6
        for one, other, negative in zip(inputs, found, parameters[0], strict=True):
            assert torch.equal(other, 255 - one if negative else one)
        with pytest.raises(ConfigError, match=r"negative"):
            AUGMENTATIONS["negativ"]
    finally:
        del AUGMENTATIONS["negative"]


class TestInAMethod:
    """A method names augmentations, its own and those of plug-ins, in its file."""

    def test_its_tables_are_read_and_written(self):
        table = {"augmentations": [{"name": "translate", "share": 0.2}, {"name": "pixel_noise"}]}
        perturb = Perturb.model_validate(table)
        assert perturb.augmentations == (Translate(share=0.2), PixelNoise())
        assert perturb.model_dump(mode="json")["augmentations"] == table["augmentations"]
        assert Perturb.model_validate(perturb.model_dump(mode="json")) == perturb

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ({"name": "translat"}, "Did you mean 'translate'"),
            ({"name": "translate", "share": "far"}, "Augmentation translate"),
            ({"name": "translate", "shar": 0.1}, "shar"),
            ({"share": 0.1}, "There is no augmentation"),
            ("translate", "table with its name"),
        ],
    )
    def test_what_is_wrong_is_named(self, table, message):
        with pytest.raises(ConfigError, match=message):
            validate(Perturb, {"augmentations": [table]}, "Method mine")

    def test_they_come_last_and_leave_the_draws_of_the_others_as_they_are(self):
        spread = np.ones(3)
        own = augmentations_of(Perturb(), spread)
        more = augmentations_of(Perturb(augmentations=[{"name": "translate"}]), spread)
        assert more[:-1] == own and more[-1] == Translate()
        drawn_alone = draw(own, 5, (3, 12, 12), np.random.default_rng(1))
        drawn_before = draw(more, 5, (3, 12, 12), np.random.default_rng(1))
        for alone, before in zip(drawn_alone[:1], drawn_before[:1], strict=True):
            assert torch.equal(alone, before)
