"""What a record says of how clips were prepared is counted from their annotation."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from tests.builders import make_clip

from openmer.errors import DataError
from openmer.preprocessing import Recipe
from openmer.preprocessing.treatments import count_treatments

FRAMES = tuple(Path(f"img{number}.png") for number in range(10))


def clips():
    whole = make_clip(name="a", fps=Fraction(60), frame_paths=FRAMES)
    return [whole, replace(whole, name="b", apex=None), replace(whole, name="c", frame_paths=())]


def recipe(*tables):
    return Recipe.from_tables(tables)


def test_a_clip_without_an_apex_falls_back_to_the_middle():
    found = count_treatments(recipe({"step": "apex_frame"}), clips())
    assert found == {"apex": {"annotated": 1, "middle": 1}}


def test_another_policy_is_told_by_its_name():
    found = count_treatments(recipe({"step": "flow", "apex": "middle"}), clips())
    assert found == {"apex": {"middle": 2}}


def test_a_band_that_holds_no_bin_is_counted():
    magnify = {"step": "magnify", "alpha": 15.0, "band_hz": [0.1, 0.4]}
    found = count_treatments(recipe(magnify, {"step": "apex_frame"}), clips()[:1])
    assert found["magnify"] == {"the band holds no bin of the clip": 1}
    held = count_treatments(
        recipe(magnify | {"band_hz": [1.0, 20.0]}, {"step": "apex_frame"}), clips()[:1]
    )
    assert held["magnify"] == {"the band holds bins": 1}


def test_a_dynamic_image_has_no_apex():
    assert count_treatments(recipe({"step": "dynamic_image"}), clips()) == {}


def test_magnification_needs_the_frames_per_second():
    magnify = {"step": "magnify", "alpha": 5.0, "band_hz": [1.0, 20.0]}
    unknown = [replace(clips()[0], fps=None)]
    with pytest.raises(DataError, match="frames per second"):
        count_treatments(recipe(magnify, {"step": "apex_frame"}), unknown)
