"""Clips mixed from two others are found, whatever the weights; drawn ones are no mixtures."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.builders import make_clip, make_data

from openmer.evaluation.audit._mixtures import check_mixtures


def clips_of(count):
    return [make_clip(subject=f"s{i % 4}", name=str(i)) for i in range(count)]


@settings(max_examples=15, deadline=None)
@given(
    weight=st.floats(0.25, 0.75), seed=st.integers(0, 9),
    places=st.permutations(range(12)).map(lambda order: order[:3]),
)  # fmt: skip
def test_a_mixture_names_its_parts(weight, seed, places):
    mixed, one, other = places
    clips, data = clips_of(12), make_data(clips=12, seed=seed)
    assert check_mixtures(clips, data) == []
    inputs = data.inputs.copy()
    inputs[mixed] = weight * inputs[one] + (1 - weight) * inputs[other]
    found = check_mixtures(clips, replace(data, inputs=inputs))
    if len({clips[i].subject for i in places}) == 1:
        assert found == []
    else:
        (finding,) = found
        assert finding.severity == "leak" and finding.message.startswith("1 clips")
        assert all(clips[i].key in finding.message for i in places)


def test_mixtures_inside_of_a_subject_and_copies_are_left_to_others():
    clips, data = clips_of(12), make_data(clips=12)
    inputs = data.inputs.copy()
    inputs[0] = (inputs[4] + inputs[8]) / 2  # all of s0
    inputs[1] = inputs[2]
    assert check_mixtures(clips, replace(data, inputs=inputs)) == []


@pytest.mark.parametrize("size", [1, 2])
def test_few_numbers_say_nothing(size):
    clips, data = clips_of(30), make_data(clips=30, size=size, channels=1)
    assert check_mixtures(clips, data) == []


def test_too_many_clips_are_said_to_be_too_many():
    data = make_data(clips=2001, size=1, channels=1)
    (finding,) = check_mixtures(clips_of(2001), data)
    assert finding.severity == "note" and "2001 clips" in finding.message
