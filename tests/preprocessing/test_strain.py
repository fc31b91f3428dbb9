"""Strain: none in a rigid motion, the stretch in a uniform one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.errors import DataError
from openmer.preprocessing import optical_strain

amounts = st.floats(-0.5, 0.5, width=32)


def field(u_x=0.0, u_y=0.0, v_x=0.0, v_y=0.0, shift=(0.0, 0.0)) -> np.ndarray:
    """A flow field that is linear in x and y."""
    y, x = np.mgrid[0:7, 0:9].astype(np.float64)
    return np.stack([u_x * x + u_y * y + shift[0], v_x * x + v_y * y + shift[1]]).astype("f4")


@settings(deadline=None)
@given(amounts, amounts, amounts)
def test_translation_and_small_rotation_deform_nothing(right, down, turn):
    strain = optical_strain(field(u_y=-turn, v_x=turn, shift=(10 * right, 10 * down)))
    assert strain.shape == (1, 7, 9)
    assert strain.dtype == np.float32
    assert np.abs(strain).max() < 1e-5


@settings(deadline=None)
@given(amounts)
def test_a_uniform_stretch_is_its_own_strain(stretch):
    for flow in (field(u_x=stretch), field(v_y=stretch)):
        assert np.allclose(optical_strain(flow), abs(stretch), atol=1e-5)


@settings(deadline=None)
@given(amounts)
def test_both_shear_entries_of_the_tensor_count(shear):
    expected = abs(shear) / np.sqrt(2)
    assert np.allclose(optical_strain(field(u_y=shear)), expected, atol=1e-5)


def test_other_shapes_are_refused():
    for shape in [(3, 5, 5), (2, 5), (2, 1, 5)]:
        with pytest.raises(DataError, match="flow field"):
            optical_strain(np.zeros(shape, np.float32))
