"""The replay of an event: slower, the movement larger on the right, nothing invented."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video import made_event
from tests.video.made_analysis import event
from tests.video.made_faces import clip

from openmer.errors import ConfigError, DataError
from openmer.preprocessing import gray_of, optical_flow
from openmer.video import open_video
from openmer.video.output._evidence import LOOK, event_frames
from openmer.video.output._replay import magnified, replay_margin_s, replay_plan, write_replay

SIDE = LOOK.side_px


def cut(folder):
    found = made_event.moment()
    with made_event.video(folder) as video:
        return event_frames(video, made_event.face(), found, margin_s=replay_margin_s(found))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return cut(tmp_path_factory.mktemp("seen"))


@pytest.fixture(scope="module")
def replay(seen, tmp_path_factory):
    """The path of a replay, and its pictures."""
    path = write_replay(tmp_path_factory.mktemp("replay") / "event.mp4", seen)
    with open_video(path) as video:
        return path, [(float(frame.time_s), frame.image_rgb) for frame in video]


def along(first_rgb, second_rgb):
    """How far the face moved in the direction in which it really did, pixels."""
    flow_xy = optical_flow(gray_of(first_rgb), gray_of(second_rgb))
    to_crop = LOOK.matrix(made_event.face().matrices[0])
    truth_xy = np.stack(
        [cv2.warpAffine(channel, to_crop, (SIDE, SIDE)) for channel in clip(1).facial_flow_xy]
    )
    length = np.hypot(*truth_xy)
    moving = length > 0.5 * length.max()
    return float((flow_xy * truth_xy).sum(0)[moving].sum() / length[moving].sum())


def halves(page):
    """The original and the magnified picture of a page."""
    top, left = page.shape[0] - 12 - SIDE, 12
    right = left + SIDE + 12
    return page[top : top + SIDE, left : left + SIDE], page[top : top + SIDE, right : right + SIDE]


def test_the_magnified_movement_is_larger(seen):
    plan = replay_plan(seen.event, seen.fps)
    onset, apex = seen.nearest(seen.event.onset_frame), seen.nearest(seen.event.apex_frame)
    large = magnified(seen, plan)
    original = along(seen.crops_rgb[onset], seen.crops_rgb[apex])
    assert original > 0.5
    assert along(large[onset], large[apex]) > 1.4 * original


def test_the_right_half_of_the_replay_moves_more(seen, replay):
    plan, (_, pages) = replay_plan(seen.event, seen.fps), replay
    at = [
        round((t - plan.from_s) * plan.slower * 25) + 2
        for t in (seen.event.onset_s, seen.event.apex_s)
    ]
    (left0, right0), (left1, right1) = (halves(pages[number][1]) for number in at)
    assert along(right0, right1) > 1.4 * along(left0, left1) > 0


def test_what_is_still_stays_still(seen):
    still = replace(seen, crops_rgb=np.repeat(seen.crops_rgb[:1], len(seen.numbers), axis=0))
    moved = magnified(still, replay_plan(seen.event, seen.fps)).astype(int) - still.crops_rgb
    assert abs(moved).max() <= 1


def test_the_replay_is_slow_and_small(seen, replay):
    path, pages = replay
    plan = replay_plan(seen.event, seen.fps)
    length_s = pages[-1][0] + 0.04
    assert length_s == pytest.approx((plan.to_s - plan.from_s) * plan.slower, abs=0.2)
    assert path.stat().st_size < 500_000
    assert pages[0][1].shape[1] == 2 * SIDE + 36


def test_the_left_half_shows_the_recorded_frames_in_their_order(seen, replay):
    stretched = [halves(page)[0].astype(float) for _, page in replay[1][::10]]
    nearest = [int(np.argmin(((seen.crops_rgb - one) ** 2).mean((1, 2, 3)))) for one in stretched]
    moving = [number for number in nearest if number >= seen.nearest(seen.event.onset_frame)]
    assert abs(stretched[0] - seen.crops_rgb[nearest[0]]).mean() < 4
    assert moving[0] < moving[-1]


def test_the_progress_mark_moves_to_the_right(replay):
    bars = [page[34:58].min(axis=2) for _, page in replay[1]]
    places = [
        float(np.average(np.arange(bar.shape[1]), weights=(bar > 225).sum(0) + 1e-9))
        for bar in bars
    ]
    assert places[0] < 40 and places[-1] > bars[0].shape[1] - 40
    assert np.mean(np.diff(places) > 0) > 0.9


@given(
    st.floats(1 / 25, 4),
    st.floats(0.1, 0.9),
    st.floats(0.0, 0.1),
    st.sampled_from([15, 25, 30, 60, 200]),
)
def test_a_plan_is_always_possible(length_s, rise, displacement, fps):
    made = event(1.0, length_s, displacement=displacement)
    made = replace(made, apex_s=1.0 + rise * length_s)
    plan = replay_plan(made, fps)
    low, high = plan.band_hz
    assert 0 < low <= high / 2 < fps / 4
    assert 2 <= plan.times <= 10
    assert 1 <= plan.slower <= 25
    assert plan.from_s < made.onset_s < made.offset_s < plan.to_s


def test_a_micro_expression_of_a_tenth_of_a_second_takes_two_to_three():
    plan = replay_plan(event(1.0, 0.1, displacement=0.004), 100)
    assert 2 <= 0.1 * plan.slower <= 3
    assert plan.times == 10
    assert plan.band_hz == (pytest.approx(2.5), pytest.approx(20))


def test_too_few_frames_are_one_error(seen, tmp_path):
    few = replace(
        seen, numbers=seen.numbers[:7], times_s=seen.times_s[:7], crops_rgb=seen.crops_rgb[:7]
    )
    with pytest.raises(DataError, match="too few to magnify"):
        write_replay(tmp_path / "event.mp4", few)
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_one_error(seen, tmp_path):
    with pytest.raises(ConfigError, match="ends in"):
        write_replay(tmp_path / "event.gif", seen)
    assert list(tmp_path.iterdir()) == []


def test_a_long_event_is_thinned(seen, tmp_path):
    count = 400
    rows = np.arange(count) % len(seen.numbers)
    long = replace(
        seen,
        event=replace(seen.event, onset_s=1.0, apex_s=3.0, offset_s=5.0),
        numbers=tuple(range(count)),
        times_s=np.arange(count) / 60,
        crops_rgb=seen.crops_rgb[rows][:, ::4, ::4].copy(),
    )
    with open_video(write_replay(tmp_path / "event.mp4", long)) as video:
        assert video.info.fps == Fraction(25)
        assert sum(1 for _ in video) == pytest.approx(125, abs=3)
