"""Frame numbers of a sheet become places among the files, and what cannot be is said."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openmer.datasets._annotations import Annotation, read_annotations


def annotation(**changes):
    fields = {"onset": "100", "apex": "120", "offset": "150", "folder": None}
    return Annotation(
        corpus="lab", subject="s1", name="a", emotion="joy", fps=Fraction(200), **(fields | changes)
    )


@settings(max_examples=40, deadline=None)
@given(
    present=st.sets(st.integers(95, 125), min_size=3),
    sheet=st.lists(st.integers(98, 120), min_size=3, max_size=3, unique=True).map(sorted),
)
def test_a_place_always_holds_the_frame_of_the_sheet(tmp_path_factory, present, sheet):
    folder = tmp_path_factory.mktemp("clip")
    for number in present:
        (folder / f"img{number}.jpg").touch()
    onset, apex, offset = sheet
    given_numbers = {"onset": str(onset), "apex": str(apex), "offset": str(offset)}
    reading = read_annotations([annotation(folder=folder, **given_numbers)])
    if onset not in present:
        assert reading.items == ()
        assert reading.problems[0].fatal
        return
    (clip,) = reading.items
    for place, number in zip((clip.onset, clip.apex, clip.offset), sheet, strict=True):
        if number in present:
            assert clip.frame_paths[place].name == f"img{number}.jpg"
        else:
            assert place is None
    whole = set(range(onset, offset + 1)) <= present
    assert bool(reading.problems) != whole


@pytest.mark.parametrize(
    ("changes", "interval"),
    [
        ({}, (0, 20, 50)),
        ({"apex": "/"}, (0, None, 50)),
        ({"apex": "100"}, (0, None, 50)),
        ({"offset": "0"}, (0, 20, 20)),
        ({"apex": "0", "offset": "0"}, (0, None, None)),
        ({"offset": "90"}, (0, 20, None)),
        ({"offset": "110"}, (0, None, 10)),
    ],
)
def test_what_cannot_be_true_is_taken_as_not_known(changes, interval):
    reading = read_annotations([annotation(**changes)])
    (clip,) = reading.items
    assert (clip.onset, clip.apex, clip.offset) == interval
    assert bool(reading.problems) == bool(changes)
    assert not any(problem.fatal for problem in reading.problems)


def test_without_an_onset_there_is_no_clip():
    reading = read_annotations([annotation(onset="?")])
    assert reading.items == ()
    assert reading.problems[0].fatal
