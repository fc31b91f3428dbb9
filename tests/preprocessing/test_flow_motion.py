"""Recovered flow: the same for every scale, shift and form; and what is made of it, flipped."""

from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import make_clip

from openmer.errors import ConfigError, DataError
from openmer.preprocessing import (
    Recipe,
    average,
    cell_means,
    center_flow,
    flip_flow,
    flow_gradients,
    list_steps,
    optical_strain,
    power_normalise,
    residual_flow,
    stretch_8bit,
)
from openmer.preprocessing.flow._motion import recover_flow, scale_ratio

MAPS = (center_flow, residual_flow, flow_gradients, power_normalise)
ENDS = {
    "recover": ["recover"],
    "center": ["center"],
    "residual": ["recover", "residual"],
    "gradients": ["recover", "gradients"],
    "power": ["recover", "power"],
    "power of gradients": ["recover", "gradients", "power"],
    "gradients of a residual": ["recover", "residual", "gradients"],
}


def moving(seed=0, size=28):
    """Smooth flow with its strain: a few bumps of motion on a face that moves as a whole."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    flow = np.zeros((2, size, size))
    for _ in range(4):
        at = rng.uniform(0.2, 0.8, 2)
        bump = np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / 0.02)
        flow += rng.normal(size=2)[:, None, None] * bump
    flow = (flow + rng.normal(size=2)[:, None, None]).astype(np.float32)
    return np.concatenate([flow, optical_strain(flow)])


def recipe_of(names):
    tables = [{"step": "flow"}, {"step": "strain"}, {"step": "resize", "size": 28}]
    return Recipe.from_tables([*tables, {"step": "stretch"}, *({"step": one} for one in names)])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 500))
def test_the_8_bit_form_gives_back_the_flow_that_it_was_made_of(seed):
    flow = moving(seed)
    found, expected = (
        recover_flow(stretch_8bit(flow), stretched=True),
        recover_flow(flow, stretched=False),
    )
    assert np.corrcoef(found[:2].ravel(), expected[:2].ravel())[0, 1] > 0.97
    assert np.isclose((found[:2] ** 2).sum(axis=0).mean(), 1) and np.isclose(found[2].mean(), 0.5)


def test_the_ratio_of_scales_is_the_one_that_the_stretch_lost():
    flow = moving(3)
    spans = np.ptp(flow[:2], axis=(1, 2))
    assert np.isclose(scale_ratio(stretch_8bit(flow)), spans[0] / spans[1], rtol=0.08)


def test_motion_in_pixels_loses_the_motion_of_the_head_and_its_unit():
    flow = moving(1)
    other = np.stack([3 * flow[0] + 2, 3 * flow[1] - 5, 3 * flow[2]])
    assert np.allclose(
        recover_flow(other, stretched=False), recover_flow(flow, stretched=False), atol=1e-4
    )


def test_an_affine_motion_leaves_nothing_behind():
    y, x = np.mgrid[0:28, 0:28].astype(float)
    inner = moving(2)[:2].astype(float)
    affine = np.stack([0.3 * x - 0.1 * y + 2, 0.2 * x + 0.4 * y])
    assert np.allclose(residual_flow(inner + affine), residual_flow(inner), atol=1e-9)


def test_gradients_tell_growth_turn_and_both_shears_apart():
    y, x = np.mgrid[0:9, 0:9].astype(float)
    for row, flow in enumerate(([x, y], [-y, x], [x, -y], [y, x])):
        found = flow_gradients(np.stack(flow))
        assert np.allclose(found[row], 1) and np.allclose(np.delete(found, row, axis=0), 0)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 500), st.sampled_from(MAPS))
def test_tensors_give_what_arrays_give(seed, function):
    flow = moving(seed).astype(np.float64)
    assert np.allclose(function(torch.from_numpy(flow)).numpy(), function(flow), atol=1e-9)


@pytest.mark.parametrize("function", [*MAPS, lambda flow: recover_flow(flow, stretched=True)])
def test_no_motion_is_zeros(function):
    assert not function(np.zeros((3, 12, 12))).any()


@pytest.mark.parametrize("size", [14, 9, 7, 1])
def test_cells_are_those_of_the_step_average(size):
    flow = moving(4)
    assert np.allclose(cell_means(flow, size), average(flow, size), atol=1e-6)


@pytest.mark.parametrize("names", ENDS.values(), ids=ENDS)
def test_a_flip_before_is_a_flip_after(names, tmp_path):
    import cv2

    image = stretch_8bit(moving(5))
    made = []
    for name, one in (("a", image), ("b", flip_flow(image, stretched=True))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), one[::-1].transpose(1, 2, 0))
        clip = make_clip(flow_path=tmp_path / f"{name}.png")
        made.append(recipe_of(names).run(clip))
    assert np.allclose(recipe_of(names).flipped(made[0]), made[1], atol=2e-4)
    assert made[0].shape == (recipe_of(names).channels, 28, 28)


def test_what_cannot_be_recovered_is_refused():
    with pytest.raises(ConfigError, match="takes u, v and strain, found 2 channels"):
        Recipe.from_tables([{"step": "flow"}, {"step": "recover"}])
    with pytest.raises(ConfigError, match="'residual' cannot stand after 'stretch'"):
        recipe_of(["residual"])
    with pytest.raises(DataError, match=r"found \(2, 8, 8\)"):
        recover_flow(np.zeros((2, 8, 8), np.float32), stretched=True)


def test_the_orders_that_make_sense():
    ways = {
        "stretch": "average center recover append_apex",
        "recover": "average center residual gradients power",
        "center": "average residual gradients power",
        "residual": "average center gradients power",
        "gradients": "average power",
        "power": "average center residual gradients",
    }
    needed = {"gradients": ["recover"], "residual": ["recover"], "power": ["recover"]}
    for first, after in ways.items():
        before = [*needed.get(first, []), *([first] if first != "stretch" else [])]
        found = set()
        for name in set(list_steps()) - {"stretch", "strain", "resize", "flow", *before}:
            with suppress(ConfigError):
                end = {"step": name, **({"size": 14} if name == "average" else {})}
                Recipe.from_tables([*recipe_of(before).tables, end])
                found.add(name)
        assert found == set(after.split()) - set(before), first
