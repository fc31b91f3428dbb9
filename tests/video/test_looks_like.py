"""Which action units displacements look like: by rules, each side by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video.made_analysis import event

from openmer.video._event import UnitHint
from openmer.video._looks_like import UNITS, hints_of
from openmer.video.spotting._regions import REGIONS

CLOSED = np.zeros(3)  # right lids, left lids, mouth


def moved(**regions):
    """Displacements; `brow=(x, y)` of both sides, x outwards."""
    found = np.zeros((len(REGIONS), 2))
    for name, (outward, down) in regions.items():
        for place, region in enumerate(REGIONS):
            if region.endswith(name.replace("_", " ")):
                found[place] = (-outward if region.startswith("right") else outward, down)
    return found


@pytest.mark.parametrize(
    ("units", "regions", "opened"),
    [
        ({1}, {"inner_brow": (0, -1), "outer_brow": (0, -0.2)}, CLOSED),
        ({1, 2}, {"inner_brow": (0, -1), "outer_brow": (0.1, -1)}, CLOSED),
        ({4}, {"inner_brow": (-0.5, 0.8), "root_of_the_nose": (0, 0.4)}, CLOSED),
        ({5}, {}, np.array([1.0, 1.0, 0.0])),
        ({6}, {"cheek": (0.2, -0.8)}, np.array([-0.3, -0.3, 0.0])),
        ({9}, {"wing_of_the_nose": (0.2, -1), "root_of_the_nose": (0, 0.2)}, CLOSED),
        ({10}, {"upper_lip": (0, -1)}, CLOSED),
        ({12}, {"corner_of_the_mouth": (0.8, -0.6), "cheek": (0.2, -0.3)}, CLOSED),
        ({14}, {"corner_of_the_mouth": (-0.8, 0)}, CLOSED),
        ({15}, {"corner_of_the_mouth": (0, 1)}, CLOSED),
        ({17}, {"chin": (0, -1), "lower_lip": (0, -0.8)}, CLOSED),
        ({20}, {"corner_of_the_mouth": (1, 0.3)}, CLOSED),
        ({23}, {"upper_lip": (0, 0.7), "lower_lip": (0, -0.7)}, np.array([0, 0, -0.7])),
        ({25}, {"lower_lip": (0, 0.4), "upper_lip": (0, -0.2)}, np.array([0, 0, 1.2])),
        ({26}, {"chin": (0, 0.5), "lower_lip": (0, 1)}, np.array([0, 0, 0.9])),
        ({4, 15}, {"inner_brow": (-0.5, 0.9), "corner_of_the_mouth": (0, 1.2)}, CLOSED),
        ({6, 12}, {"cheek": (0.3, -1.2), "corner_of_the_mouth": (0.8, -0.6)}, CLOSED),
    ],
)
def test_a_movement_looks_like_its_units(units, regions, opened):
    found = hints_of(moved(**regions), opened)
    assert {hint.unit for hint in found} == units
    assert all(hint.side == "both" for hint in found)


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_side_alone_is_named_as_the_subjects_own(side):
    whole = moved(corner_of_the_mouth=(0.8, -0.6), cheek=(0.2, -0.3))
    whole[[not name.startswith(side) for name in REGIONS]] = 0
    (hint,) = hints_of(whole, CLOSED)
    assert (hint.unit, hint.side) == (12, side)
    assert str(hint) == {"left": "L12", "right": "R12"}[side]


@given(st.floats(0.4, 20))
def test_strength_grows_with_the_movement_and_no_more_than_it(size):
    (hint,) = hints_of(size * moved(corner_of_the_mouth=(0, 1)), CLOSED)
    assert hint.unit == 15 and hint.strength == pytest.approx(size, rel=0.2)


@given(st.lists(st.floats(-0.05, 0.05), min_size=28, max_size=28))
def test_noise_looks_like_nothing(values):
    assert hints_of(np.array(values).reshape(-1, 2), CLOSED) == ()


def test_corners_down_never_look_like_a_smile():
    rng = np.random.default_rng(0)
    for _ in range(20):
        found = moved(corner_of_the_mouth=(rng.uniform(-0.2, 0.3), 1)) + rng.normal(
            0, 0.08, (14, 2)
        )
        units = {hint.unit for hint in hints_of(found, CLOSED)}
        assert 15 in units and 12 not in units and units <= set(UNITS)


def test_an_event_keeps_its_hints():
    assert event(looks_like=(UnitHint(unit=4, side="both", strength=1.0),)).looks_like[0].unit == 4
