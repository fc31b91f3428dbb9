"""What a record says of how clips were prepared is counted from their annotation."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from tests.builders import make_clip

from openmer.errors import DataError
from openmer.preprocessing import Recipe, count_preprocessing, median_magnification

FRAMES = tuple(Path(f"img{number}.png") for number in range(10))


def clips():
    whole = make_clip(name="a", fps=Fraction(60), frame_paths=FRAMES)
    return [whole, replace(whole, name="b", apex=None), replace(whole, name="c", frame_paths=())]


def recipe(*tables):
    return Recipe.from_tables(tables)


def test_a_clip_without_an_apex_falls_back_to_the_middle():
    found = count_preprocessing(recipe({"step": "apex_frame"}), clips())
    assert found == {"apex": {"annotated": 1, "middle": 1}}


def test_another_policy_is_told_by_its_name():
    found = count_preprocessing(recipe({"step": "flow", "apex": "middle"}), clips())
    assert found == {"apex": {"middle": 2}}


def test_a_band_that_holds_no_bin_is_counted():
    magnify = {"step": "magnify", "alpha": 15.0, "band_hz": [0.1, 0.4]}
    found = count_preprocessing(recipe(magnify, {"step": "apex_frame"}), clips()[:1])
    assert found["magnify"] == {"the band holds no bin of the clip": 1}
    held = count_preprocessing(
        recipe(magnify | {"band_hz": [1.0, 20.0]}, {"step": "apex_frame"}), clips()[:1]
    )
    assert held["magnify"] == {"the band holds bins": 1}


def test_a_dynamic_image_has_no_apex():
    assert count_preprocessing(recipe({"step": "dynamic_image"}), clips()) == {}


def test_magnification_needs_the_frames_per_second():
    magnify = {"step": "magnify", "alpha": 5.0, "band_hz": [1.0, 20.0]}
    unknown = [replace(clips()[0], fps=None)]
    with pytest.raises(DataError, match="frames per second"):
        count_preprocessing(recipe(magnify, {"step": "apex_frame"}), unknown)


def test_how_large_a_movement_becomes_over_half_of_the_clips():
    whole = clips()[0]
    magnify = {"step": "magnify", "alpha": 4.0, "band_hz": [1.0, 20.0], "filter": "ideal"}
    aligned = recipe(magnify, {"step": "apex_frame"})
    # Ten frames at 60 a second have bins 6 Hz apart: a band that holds them passes the movement.
    assert median_magnification(aligned, [whole]) == pytest.approx(1 + 4, abs=0.3)
    unknown = replace(whole, name="d", fps=None)
    assert median_magnification(aligned, [unknown, whole]) == median_magnification(aligned, [whole])
    nothing = recipe(magnify | {"band_hz": [0.1, 0.4]}, {"step": "apex_frame"})
    assert median_magnification(nothing, [whole]) == pytest.approx(1)
    assert median_magnification(aligned, [unknown]) is None
    assert median_magnification(recipe({"step": "apex_frame"}), [whole]) is None
