"""What the mesh spotter takes for a movement, on drawn curves, and which gates it names."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openmer.video import MotionSpotter, quality_of
from openmer.video.faces._resample import uniform_runs
from openmer.video.faces._seen import SIGNALS
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._gates import gates_of
from openmer.video.spotting._regions import REGIONS

FPS, SECONDS = 30, 10
ROWS = FPS * SECONDS
TIMES = np.arange(ROWS) / FPS
USUAL = {
    "right_eye": 0.35, "left_eye": 0.35, "right_lids": 0.1, "left_lids": 0.1, "mouth_width": 0.5,
    "mouth_opening": 0.02, "similarity": 0.95, "score": 1.0, "spread_px": 0.2, "light": 120.0,
    "sharpness": 12.0,
}  # fmt: skip


def bump(at_s, lasts_s):
    """A raised cosine of height 1."""
    phase = np.clip((TIMES - at_s) / lasts_s, -0.5, 0.5)
    return 0.5 + 0.5 * np.cos(2 * np.pi * phase)


def curves(moves=(), mesh_moves=(), step_s=1 / FPS, **signals):
    """Curves of a still face with noise; moves are region, x or y, and values over time."""
    rng = np.random.default_rng(0)
    regions = rng.normal(0, 0.04, (ROWS, len(REGIONS), 2))
    mesh = rng.normal(0, 0.3, (ROWS, len(REGIONS), 2))
    for target, found in ((regions, moves), (mesh, mesh_moves)):
        for region, axis, values in found:
            target[:, REGIONS.index(region), axis] += values
    told = np.stack([np.broadcast_to(signals.get(n, USUAL.get(n, 0.0)), ROWS) for n in SIGNALS], 1)
    return FaceCurves(
        subject_id=1, frames=np.arange(ROWS), times_s=np.arange(ROWS) * step_s,
        regions_px=regions, head=np.zeros((ROWS, 4)), warp_px=np.zeros((ROWS, 4)),
        eyes=np.full(ROWS, 0.35), starts=(0,), matrices=np.tile(np.eye(2, 3), (ROWS, 1, 1)),
        mesh_px=mesh, signals=told,
    )  # fmt: skip


def spotted(face):
    """Events of a face, and movements under a gate."""
    found = MotionSpotter()(face)
    return [one for one in found if not one.gates], [one for one in found if one.gates]


@given(
    at_s=st.floats(2, 8), lasts_s=st.floats(0.15, 0.45), size_px=st.floats(0.6, 2.5),
    region=st.sampled_from(["left inner brow", "right corner of the mouth", "upper lip"]),
)  # fmt: skip
@example(at_s=2.748, lasts_s=0.152, size_px=0.625, region="upper lip")  # between two frames
def test_a_bump_is_found_where_it_is(at_s, lasts_s, size_px, region):
    events, _ = spotted(curves([(region, 1, size_px * bump(at_s, lasts_s))]))
    near = [one for one in events if abs(one.apex_s - at_s) < 0.1]
    assert len(near) == 1 and near[0].kind == "micro"
    assert region in near[0].regions
    assert near[0].duration_s == pytest.approx(lasts_s, abs=0.2)


@pytest.mark.parametrize(
    "values",
    [
        np.where(TIMES > 5, 1.5, 0.0),  # a step
        0.3 * TIMES,  # a drift
        8 * bump(5, 0.15),  # farther than skin moves
        np.zeros(ROWS),
    ],
    ids=["step", "drift", "too large", "nothing"],
)
def test_what_is_no_bump_is_no_event(values):
    events, gated = spotted(curves([("left inner brow", 1, values)]))
    assert events == [] and gated == []


@pytest.mark.parametrize(
    ("gate", "signals"),
    [
        ("blink", {"right_eye": 0.35 - 0.3 * bump(5, 0.25), "left_eye": 0.35 - 0.3 * bump(5, 0.2)}),
        ("turn", {"yaw": 40 * (TIMES > 5).cumsum().clip(0, 10) / 10}),
        ("covered", {"similarity": np.where(abs(TIMES - 5) < 0.2, 0.3, 0.95)}),
        ("light", {"light": np.where(TIMES > 5, 160.0, 120.0)}),
        ("speech", {"mouth_opening": 0.06 + 0.04 * np.sin(2 * np.pi * 4 * TIMES)}),
        ("mouth", {"mouth_opening": np.where(TIMES > 5, 0.3, 0.02)}),
    ],
)
def test_a_movement_under_a_gate_is_listed_with_its_reason(gate, signals):
    region = "right corner of the mouth"
    face = curves([(region, 1, 1.2 * bump(5, 0.3))], **signals)
    events, gated = spotted(face)
    assert not [one for one in events if one.kind == "micro"]
    assert any(gate in one.gates for one in gated)


def test_a_held_grin_is_a_long_movement_and_no_speech():
    held = bump(3, 1.0).copy()
    held[(TIMES > 3) & (TIMES < 6)] = 1
    face = curves(
        mesh_moves=[("left corner of the mouth", 0, 10 * held)],
        mouth_opening=0.02 + 0.15 * held,
        mouth_width=0.5 + 0.1 * held,
    )
    (run,) = uniform_runs(face)
    assert not gates_of(run).flags["speech"].any()
    (event,) = spotted(face)[0]
    assert event.kind == "macro" and event.onset_s < 3.2 and event.offset_s > 5.8


def test_eyes_that_open_after_a_long_time_are_no_event():
    shut = np.where((TIMES > 2) & (TIMES < 7), 0.03, 0.35)
    moved = 1.5 * bump(7, 0.3)
    events, _ = spotted(curves([("left inner brow", 1, moved)], right_eye=shut, left_eye=shut))
    assert events == []
    (run,) = uniform_runs(curves(right_eye=shut, left_eye=shut))
    assert gates_of(run).flags["blink"].mean() < 0.2  # short, as every gate


def test_quality_says_what_was_in_the_way():
    good = quality_of(curves())
    assert good.is_measurable and good.clear_share == pytest.approx(1, abs=0.05)
    assert good.problems == ("small",) or not good.problems
    hidden = quality_of(curves(similarity=0.2))
    assert not hidden.is_measurable and "covered" in hidden.problems
    assert any("cover" in sentence for sentence in hidden.advice)
    slow = quality_of(curves(step_s=0.2))
    assert not slow.is_measurable and "fps" in slow.problems
