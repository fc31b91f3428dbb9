"""The learned spotter: its network computes what PyTorch does; movements are found in curves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.video.test_mesh_spot import FPS, ROWS, TIMES, bump, curves

from openmer.errors import ConfigError
from openmer.video import LearnedSpotter, MotionSpotter, list_spotters
from openmer.video.faces._patch import CELLS
from openmer.video.spotting._brief_input import CONTEXT, scaled
from openmer.video.spotting._network import _BATCH, _convolved, brief_network
from openmer.video.spotting._settings import MeshSettings


@pytest.mark.parametrize(
    ("kernel", "stride", "apart"),
    [((3, 3, 3), 1, 1), ((3, 3, 3), 2, 1), ((5, 1, 1), 1, 2), ((3, 3, 3), 1, 2), ((1, 1, 1), 1, 1)],
)
def test_a_convolution_is_that_of_pytorch(kernel, stride, apart):
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, (23, 10, 10, 4)).astype(np.float32)
    weight = rng.normal(0, 1, (3, 4, *kernel)).astype(np.float32)
    bias = rng.normal(0, 1, 3).astype(np.float32)
    expected = torch.nn.functional.conv3d(
        torch.from_numpy(values.transpose(3, 0, 1, 2))[None],
        torch.from_numpy(weight),
        torch.from_numpy(bias),
        stride=(1, stride, stride),
        padding=(apart * (kernel[0] // 2), kernel[1] // 2, kernel[2] // 2),
        dilation=(apart, 1, 1),
    )[0].numpy()
    found = _convolved(values, weight, bias, stride=stride, apart=apart)
    assert np.allclose(found, expected.transpose(1, 2, 3, 0), atol=1e-4)


def test_a_long_video_is_computed_in_parts_that_fit():
    rng = np.random.default_rng(2)
    count = _BATCH + 300
    moved = rng.normal(0, 0.5, (count, CELLS, CELLS, 2)).astype(np.float32)
    context = rng.normal(0, 0.5, (count, CONTEXT)).astype(np.float32)
    network = brief_network()
    whole = network._forward(scaled(moved), context)
    assert np.allclose(network._outputs(moved, context), whole, atol=1e-4)


def face(moves=(), regions=(), noise_px=0.03, seed=0, step_s=1 / FPS):
    """Curves with brief motion; moves are row and column of a cell, way, size and course."""
    still = curves(regions, step_s=step_s)
    brief = np.random.default_rng(seed).normal(0, noise_px, (ROWS, CELLS, CELLS, 2))
    back = round(0.1 / step_s)
    y, x = np.mgrid[:CELLS, :CELLS]
    for (row, column), way, size_px, course in moves:
        near = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 2)
        change = course - np.roll(course, back)
        brief += size_px * change[:, None, None, None] * near[..., None] * way
    return replace(still, brief_px=brief.astype(np.float16))


@pytest.mark.parametrize(
    ("cell", "way", "region"),
    [
        ((1, 3), (0, -1), "right inner brow"),
        ((7, 3), (-0.6, -0.8), "right corner of the mouth"),
        ((7, 6), (0.6, -0.8), "left corner of the mouth"),
    ],
)
@pytest.mark.parametrize("lasts_s", [0.2, 0.35])
def test_a_clear_movement_is_found_when_and_where_it_is(cell, way, region, lasts_s):
    course = bump(5.0, lasts_s)
    found = LearnedSpotter()(face([(cell, way, 1.5, course)], [(region, 1, course)]))
    assert len(found) == 1 and found[0].kind == "micro"
    assert found[0].apex_s == pytest.approx(5.0, abs=0.07)
    assert found[0].duration_s == pytest.approx(lasts_s, abs=0.12)
    assert found[0].regions[0] == region


@pytest.mark.parametrize(
    "values", [np.zeros(ROWS), np.where(TIMES > 5, 1.5, 0.0)], ids=["nothing", "a step"]
)
def test_what_does_not_come_and_go_is_no_movement(values):
    assert LearnedSpotter()(face([((7, 3), (0, -1), 1.0, values)])) == ()


def test_a_movement_that_was_not_seen_well_names_its_gate():
    clear = face([((1, 3), (0, -1), 1.5, bump(5.0, 0.3))])
    light = np.where(TIMES > 5.0, 120.0, 60.0)
    dark = replace(clear, signals=curves(light=light).signals)
    assert [one.gates for one in LearnedSpotter()(clear)] == [()]
    assert [one.gates for one in LearnedSpotter()(dark)] == [("light",)]


def test_blinks_and_speech_are_left_to_the_network():
    clear = face([((1, 3), (0, -1), 2.0, bump(5.0, 0.3))])
    lids = np.where(np.abs(TIMES - 5.0) < 0.08, 0.02, 0.1)
    eyes = np.where(np.abs(TIMES - 5.0) < 0.08, 0.05, 0.35)
    signals = curves(right_eye=eyes, left_eye=eyes, right_lids=lids, left_lids=lids).signals
    found = LearnedSpotter()(replace(clear, signals=signals))
    assert len(found) == 1
    assert "blink" not in found[0].gates and "speech" not in found[0].gates


@pytest.mark.parametrize("likelihood", [0.0, 1.0, -1.0, float("nan")])
def test_a_likelihood_is_between_0_and_1(likelihood):
    with pytest.raises(ConfigError, match="expected a number between 0 and 1"):
        MeshSettings(likelihood=likelihood)


def test_curves_without_brief_motion_are_spotted_by_rules():
    plain = curves([("left inner brow", 1, 2 * bump(5.0, 0.3))])
    empty = replace(plain, brief_px=np.full((ROWS, CELLS, CELLS, 2), np.nan, np.float16))
    assert LearnedSpotter()(plain) == LearnedSpotter()(empty) == MotionSpotter()(plain) != ()
    assert {"learned", "motion"} <= set(list_spotters())
