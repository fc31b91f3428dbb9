"""The change of the local phase: of known waves, of equal frames, of other contrast."""

import numpy as np
import pytest
from tests.preprocessing.memory_clips import clip_data

from openmer.errors import ConfigError
from openmer.preprocessing import Recipe
from openmer.preprocessing.steps.append_phase import phase_change

FLOW = {"step": "flow", "method": "dis"}


def wave(shift, length=8.0, angle=0.0, contrast=50.0):
    """Gray levels of a plane wave that runs `shift` pixels further, at its true size inside."""
    y, x = np.mgrid[:64, :64]
    along = x * np.cos(angle) + y * np.sin(angle)
    return (128 + contrast * np.sin(2 * np.pi * (along - shift) / length)).astype(np.float32)


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2])
@pytest.mark.parametrize("shift", [0.25, 1.0, 2.0])
def test_a_wave_changes_its_phase_by_its_share_of_a_wavelength(angle, shift):
    found = phase_change(wave(0, angle=angle), wave(shift, angle=angle))
    np.testing.assert_allclose(found[16:-16, 16:-16], 2 * np.pi * shift / 8, rtol=0.05)


def test_equal_and_flat_frames_change_nothing_and_contrast_does_not_count():
    flat = np.full((32, 32), 90, np.float32)
    assert phase_change(flat, flat).max() < 1e-3
    assert np.abs(phase_change(wave(1), wave(1))).max() < 1e-3
    moved, faint = phase_change(wave(0), wave(1)), phase_change(wave(0), wave(1, contrast=20))
    np.testing.assert_allclose(moved[16:-16, 16:-16], faint[16:-16, 16:-16], rtol=0.01)


def test_it_stands_behind_u_and_v_and_weighs_cells():
    volume = np.stack([wave(0), wave(0.5), wave(1)])
    volume[:, :, :32] = volume[0, :, :32]
    recipe = Recipe.from_tables([FLOW, {"step": "append_phase"}, {"step": "bi_woof", "size": 2}])
    data = clip_data(volume)
    for step in recipe.steps[:2]:
        data = step.apply(data)
    assert data.array.shape == (3, 64, 64)
    still, moving = data.array[2, 16:-16, 4:20], data.array[2, 16:-16, 44:60]
    assert still.max() < 0.05 < moving.min()
    assert recipe.steps[2].apply(data).array.shape == (8, 2, 2)


def test_it_is_measured_at_the_size_of_the_flow():
    recipe = Recipe.from_tables([FLOW | {"size": 32}, {"step": "append_phase"}])
    data = clip_data(np.stack([wave(0, 16), wave(1, 16), wave(1, 16)]))
    for step in recipe.steps:
        data = step.apply(data)
    assert data.array.shape == (3, 32, 32)
    np.testing.assert_allclose(data.array[2, 10:-10, 10:-10], 2 * np.pi / 16, rtol=0.1)


def test_it_needs_u_and_v_alone():
    with pytest.raises(ConfigError, match="append_phase"):
        Recipe.from_tables([{"step": "apex_frame"}, {"step": "append_phase"}])
    with pytest.raises(ConfigError, match="found 3 channels"):
        Recipe.from_tables([FLOW, {"step": "strain"}, {"step": "append_phase"}])
