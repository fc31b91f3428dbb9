"""The frames of an event that a model sees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video.made_analysis import event
from tests.video.made_curves import curves

from openmer.video._recognize import LEAD_S, clip_of


def clip_at(onset, *, fps=30, starts=(0,), apex_after=3):
    """What a model sees of a movement of six frames."""
    face = curves(np.arange(60) / fps, starts=starts)
    moved = event(onset_frame=onset, apex_frame=onset + apex_after, offset_frame=onset + 5)
    return clip_of(moved, face)


@pytest.mark.parametrize(("fps", "lead"), [(25, 2), (30, 2), (60, 4), (10, 0)])
def test_it_begins_a_little_before_the_onset(fps, lead):
    found = clip_at(20, fps=fps)
    assert found.frame_paths[0].name == f"frame {20 - lead}"
    assert found.frame_paths[-1].name == "frame 25"
    assert (found.onset, found.apex, found.offset) == (0, lead + 3, lead + 5)


@given(onset=st.integers(0, 54), start=st.integers(1, 54))
def test_it_never_begins_before_the_face_was_in_view(onset, start):
    found = clip_at(onset, starts=(0, start))
    first = int(found.frame_paths[0].name.split()[1])
    in_view = start if onset >= start else 0
    assert max(in_view, onset - LEAD_S * 30 - 1e-6) <= first <= onset
    assert first == in_view or first <= onset - int(LEAD_S * 30)
