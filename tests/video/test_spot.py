import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.video.made_curves import bump, curves, overlap

from openmer.errors import ConfigError
from openmer.video import MotionSpotter, list_spotters, register_spotter
from openmer.video.spotting._regions import REGIONS
from openmer.video.spotting._registry import spotter
from openmer.video.spotting._settings import SpotSettings

SPOT = MotionSpotter()
CORNER, BROW, LIP = "left corner of the mouth", "right inner brow", "lower lip"


def clock(seconds, fps):
    return np.arange(round(seconds * fps)) / fps


@settings(max_examples=40, deadline=None)
@given(
    fps=st.sampled_from([25, 30, 30000 / 1001, 60, 120]),
    lasts_s=st.floats(0.16, 0.42),
    rises=st.floats(0.35, 0.65),
    peak_px=st.floats(0.5, 4.0),
    starts_s=st.floats(2.0, 9.0),
    angle=st.floats(0, 6.28),
    region=st.sampled_from(REGIONS),
)
def test_one_brief_movement_is_one_micro_expression(
    fps, lasts_s, rises, peak_px, starts_s, angle, region
):
    times = clock(12, fps)
    apex_s, offset_s = starts_s + rises * lasts_s, starts_s + lasts_s
    move = peak_px * np.array([np.cos(angle), np.sin(angle)])
    (found,) = SPOT(curves(times, moves=[(region, move, bump(times, starts_s, apex_s, offset_s))]))
    assert found.kind == "micro"
    assert overlap(found, starts_s, offset_s) >= 0.5
    assert abs(found.apex_s - apex_s) <= 2 / fps + 0.02
    assert found.regions[0] == region
    assert found.strength > 1
    assert found.displacement == pytest.approx(peak_px / 134, rel=0.35)


@settings(max_examples=20, deadline=None)
@given(lasts_s=st.floats(0.7, 3.0), peak_px=st.floats(1.0, 5.0), starts_s=st.floats(4.0, 9.0))
def test_a_longer_movement_is_a_macro_expression(lasts_s, peak_px, starts_s):
    times = clock(18, 30)
    offset_s = starts_s + lasts_s
    course = bump(times, starts_s, starts_s + lasts_s / 2, offset_s)
    (found,) = SPOT(curves(times, moves=[(CORNER, (peak_px, 0), course)]))
    assert found.kind == "macro"
    assert overlap(found, starts_s, offset_s) >= 0.5


@pytest.mark.parametrize("noise", [0.01, 0.05, 0.2])
def test_a_face_that_only_trembles_shows_nothing(noise):
    times = clock(60, 30)
    found = [SPOT(curves(times, noise=noise, seed=seed)) for seed in range(5)]
    assert sum(map(len, found)) <= 1  # 5 minutes of 14 regions each


def test_the_threshold_follows_the_unrest_of_the_face():
    times = clock(20, 30)
    move = [(CORNER, (0.8, 0), bump(times, 10, 10.15, 10.3))]
    assert len(SPOT(curves(times, moves=move, noise=0.03))) == 1
    assert not SPOT(curves(times, moves=move, noise=0.3))


def test_a_blink_hides_a_movement_near_the_eyes_only():
    times = clock(20, 30)
    course = bump(times, 10, 10.15, 10.3)
    blink = 1.0 - 0.6 * bump(times, 10, 10.1, 10.25)
    assert not SPOT(curves(times, moves=[(BROW, (0, -0.3), course)], eyes=blink))
    assert SPOT(curves(times, moves=[(BROW, (0, -0.3), course)]))
    assert SPOT(curves(times, moves=[(CORNER, (0.3, 0), course)], eyes=blink))
    assert not SPOT(curves(times, moves=[(BROW, (0, -2.0), course)], eyes=blink))


def test_talking_is_no_expression_of_the_mouth_and_hides_none_of_the_brows():
    times = clock(24, 30)
    talking = bump(times, 8, 8.5, 9) * 0 + ((times > 8) & (times < 14))
    talk = 1.5 * talking * (1 - np.cos(2 * np.pi * 3.1 * times)) / 2
    mouth = [(LIP, (0, 1), talk), ("chin", (0, 1), talk), (CORNER, (0.2, 0.3), talk)]
    assert not SPOT(curves(times, moves=mouth))
    brow = (BROW, (0, -1), bump(times, 11, 11.15, 11.3))
    (found,) = SPOT(curves(times, moves=[*mouth, brow]))
    assert found.regions[0] == BROW


def test_what_comes_with_a_turn_of_the_head_is_not_reported():
    times = clock(20, 30)
    turn = bump(times, 9, 9.4, 9.8)
    moves = [(CORNER, (0.5, 0), turn), (BROW, (-0.4, 0.2), turn)]
    assert SPOT(curves(times, moves=moves))
    assert not SPOT(curves(times, moves=moves, warp=np.outer(turn, [4, 0, 0, 0])))


def test_times_apart_in_view_are_judged_apart():
    times = clock(20, 30)
    there = (times < 8) | (times > 12)
    away = 5.0 * (times > 12)  # where the face stands after it came back
    moves = [(CORNER, (1, 0), away), (CORNER, (0.8, 0), bump(times, 15, 15.15, 15.3))]
    whole = curves(times, moves=moves)
    start = int(np.flatnonzero(times[there] > 12)[0])
    cut = curves(times[there], starts=(0, start))
    cut.regions_px[:] = whole.regions_px[there]
    cut.frames[:] = whole.frames[there]
    (found,) = SPOT(cut)
    assert overlap(found, 15, 15.3) > 0.5
    assert whole.frames[found.apex_frame] == found.apex_frame
    assert cut.seen_s == pytest.approx(8 + 8, abs=0.15)


def test_uneven_times_between_frames():
    rng = np.random.default_rng(3)
    times = np.sort(clock(20, 30) + rng.uniform(0, 0.02, 600))
    (found,) = SPOT(curves(times, moves=[(CORNER, (0.8, 0), bump(times, 10, 10.15, 10.3))]))
    assert overlap(found, 10, 10.3) > 0.5
    assert times[found.onset_frame] == found.onset_s


def test_movements_do_not_overlap_and_a_long_one_holds_its_brief_parts():
    times = clock(30, 30)
    steps = np.clip((times - 10) / 0.15, 0, 1) - np.clip((times - 12) / 0.15, 0, 1)
    (found,) = SPOT(curves(times, moves=[(CORNER, (2, 0), steps)]))  # fast edges, held for 2 s
    assert found.kind == "macro"
    assert overlap(found, 10, 12.15) > 0.5


@pytest.mark.parametrize("count", [0, 1, 5, 9])
def test_a_glimpse_of_a_face_is_no_error(count):
    starts = (0,) if count else ()
    assert SPOT(curves(clock(1, 30)[:count], starts=starts)) == ()


def test_spotters_have_names():
    assert "motion" in list_spotters()
    assert spotter("motion") == MotionSpotter()
    with pytest.raises(ConfigError, match="'motion'"):
        spotter("motoin")
    with pytest.raises(ValueError, match="taken"):
        register_spotter("motion")(lambda: MotionSpotter())


@pytest.mark.parametrize(
    ("field", "value"),
    [("edge", 1.0), ("edge", 0.0), ("threshold", -1.0), ("least_px", float("nan"))],
)
def test_settings_that_make_no_sense_are_refused(field, value):
    with pytest.raises(ConfigError, match=field):
        SpotSettings(**{field: value})
