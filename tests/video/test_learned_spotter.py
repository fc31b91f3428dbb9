"""The learned spotter: filters adapt to the face, trees rate; movements are found in curves."""

from dataclasses import replace

import numpy as np
import pytest
from tests.video.test_mesh_spot import FPS, ROWS, TIMES, bump, curves
from threadpoolctl import threadpool_info, threadpool_limits

from openmer.errors import ConfigError
from openmer.video import LearnedSpotter, MotionSpotter, list_spotters
from openmer.video.faces._patch import CELLS
from openmer.video.spotting import _evidence
from openmer.video.spotting._brief_input import RATE_HZ, BriefInput
from openmer.video.spotting._evidence import moments_of
from openmer.video.spotting._filters import LASTS_S, responses_of
from openmer.video.spotting._filters import bump as bumps
from openmer.video.spotting._forest import BriefForest
from openmer.video.spotting._patterns import known_patterns
from openmer.video.spotting._settings import MeshSettings


def seen(moved):
    """Input of the filters with nothing beside the motion."""
    count = len(moved)
    return BriefInput(
        moved=moved.astype(np.float32), missing=np.zeros(count, bool), pose=np.zeros((count, 3)),
        parts=np.full((count, 4), 0.1), spread_px=np.full(count, 0.1),
    )  # fmt: skip


def added(moved, pattern, apex, lasts_s, size_px):
    """Add a movement of a known pattern to brief motion."""
    at = np.arange(len(moved)) - apex
    half = lasts_s * RATE_HZ / 2
    course = bumps(at, half) - bumps(at - 3, half)
    flow = known_patterns().flow[pattern].reshape(CELLS, CELLS, 2)
    return moved + size_px * course[:, None, None, None] * flow


def test_a_known_movement_answers_at_its_time_place_and_length():
    noise = np.random.default_rng(1).normal(0, 0.1, (600, CELLS, CELLS, 2))
    found = responses_of(seen(added(noise, 20, 300, 0.23, 4.0)), known_patterns())
    apex, pattern, lasts = np.unravel_index(found.returning.argmax(), found.returning.shape)
    assert (apex, LASTS_S[lasts]) == (pytest.approx(300, abs=1), 0.23)
    assert known_patterns().place[pattern] == known_patterns().place[20]


def test_what_a_face_does_anyway_counts_little():
    rng = np.random.default_rng(2)
    calm = rng.normal(0, 0.1, (600, CELLS, CELLS, 2))
    way = known_patterns().flow[20].reshape(CELLS, CELLS, 2)
    restless = calm + rng.normal(0, 3.0, 600)[:, None, None, None] * way
    answers = [
        responses_of(seen(added(noise, 20, 300, 0.23, 4.0)), known_patterns()).returning[300, 20, 2]
        for noise in (calm, restless)
    ]
    assert answers[1] < answers[0] / 4


def test_a_long_video_is_looked_at_in_parts_that_fit(monkeypatch):
    noise = np.random.default_rng(3).normal(0, 0.1, (2600, CELLS, CELLS, 2))
    for apex in (500, 1795, 1850, 2400):
        noise = added(noise, 20, apex, 0.23, 4.0)
    found = moments_of(seen(noise))
    monkeypatch.setattr(_evidence, "_PART", len(noise))
    whole = moments_of(seen(noise))
    strong, all_strong = (one.at[one.evidence[:, 0] > 4].tolist() for one in (found, whole))
    assert strong == all_strong
    for apex in (500, 1795, 1850, 2400):
        assert np.abs(np.array(strong) - apex).min() <= 1
    assert (np.diff(found.at) >= 0).all()


def test_trees_are_followed_to_their_ends():
    nodes = {
        "start": [0.5], "roots": [0, 3], "feature": [1, -1, -1, -1], "threshold": [2, 0, 0, 0],
        "low": [1, 0, 0, 0], "high": [2, 0, 0, 0], "value": [0, 1, -1, 0.25],
    }  # fmt: skip
    none = {"start": [0.0], "roots": [0], "feature": [-1], "threshold": [0], "low": [0],
            "high": [0], "value": [0]}  # fmt: skip
    each = {"likelihood": nodes, "lasts": none, "shift": none}
    forest = BriefForest(
        {f"{name}.{key}": np.array(v) for name, own in each.items() for key, v in own.items()}
    )
    likelihood, lasts_s, shift = forest(np.array([[0, 2.0], [9, 2.5]], np.float32))
    assert likelihood == pytest.approx(1 / (1 + np.exp([-1.75, 0.25])))
    assert lasts_s == pytest.approx([0.2, 0.2]) and shift == pytest.approx([0, 0])


def face(moves=(), regions=(), noise_px=0.03, seed=0, step_s=1 / FPS):
    """Curves with brief motion; moves are row and column of a cell, way, size and course."""
    still = curves(regions, step_s=step_s)
    brief = np.random.default_rng(seed).normal(0, noise_px, (ROWS, CELLS, CELLS, 2))
    back = round(0.1 / step_s)
    y, x = np.mgrid[:CELLS, :CELLS]
    for (row, column), way, size_px, course in moves:
        near = np.exp(-((x - column) ** 2 + (y - row) ** 2) / 2)
        change = course - np.roll(course, back)
        brief += size_px * change[:, None, None, None] * near[..., None] * way
    return replace(still, brief_px=brief.astype(np.float16))


@pytest.mark.parametrize(
    ("cell", "way", "region"),
    [
        ((1, 3), (0, -1), "right inner brow"),
        ((7, 3), (-0.6, -0.8), "right corner of the mouth"),
        ((7, 6), (0.6, -0.8), "left corner of the mouth"),
    ],
)
@pytest.mark.parametrize("lasts_s", [0.2, 0.35])
def test_a_clear_movement_is_found_when_and_where_it_is(cell, way, region, lasts_s):
    course = bump(5.0, lasts_s)
    found = LearnedSpotter()(face([(cell, way, 1.5, course)], [(region, 1, course)]))
    assert len(found) == 1 and found[0].kind == "micro"
    assert found[0].apex_s == pytest.approx(5.0, abs=0.07)
    assert found[0].duration_s == pytest.approx(lasts_s, abs=0.12)
    assert found[0].regions[0] == region


@pytest.mark.parametrize(
    "values", [np.zeros(ROWS), np.where(TIMES > 5, 1.5, 0.0)], ids=["nothing", "a step"]
)
def test_what_does_not_come_and_go_is_no_movement(values):
    assert LearnedSpotter()(face([((7, 3), (0, -1), 1.0, values)])) == ()


def test_a_movement_that_was_not_seen_well_names_its_gate():
    clear = face([((1, 3), (0, -1), 1.5, bump(5.0, 0.3))])
    light = np.where(TIMES > 5.0, 120.0, 60.0)
    dark = replace(clear, signals=curves(light=light).signals)
    assert [one.gates for one in LearnedSpotter()(clear)] == [()]
    assert [one.gates for one in LearnedSpotter()(dark)] == [("light",)]


def test_blinks_and_speech_are_left_to_the_trees():
    clear = face([((1, 3), (0, -1), 2.0, bump(5.0, 0.3))])
    lids = np.where(np.abs(TIMES - 5.0) < 0.08, 0.02, 0.1)
    eyes = np.where(np.abs(TIMES - 5.0) < 0.08, 0.05, 0.35)
    signals = curves(right_eye=eyes, left_eye=eyes, right_lids=lids, left_lids=lids).signals
    found = LearnedSpotter()(replace(clear, signals=signals))
    assert len(found) == 1
    assert "blink" not in found[0].gates and "speech" not in found[0].gates


@pytest.mark.parametrize("likelihood", [0.0, 1.0, -1.0, float("nan")])
def test_a_likelihood_is_between_0_and_1(likelihood):
    with pytest.raises(ConfigError, match="expected a number between 0 and 1"):
        MeshSettings(likelihood=likelihood)


def test_curves_without_brief_motion_are_spotted_by_rules():
    plain = curves([("left inner brow", 1, 2 * bump(5.0, 0.3))])
    empty = replace(plain, brief_px=np.full((ROWS, CELLS, CELLS, 2), np.nan, np.float16))
    assert LearnedSpotter()(plain) == LearnedSpotter()(empty) == MotionSpotter()(plain) != ()
    assert {"learned", "motion"} <= set(list_spotters())


def test_filters_run_on_one_thread_and_leave_the_others_to_the_caller(monkeypatch):
    told = []

    def record(*given):
        told.append({one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"})
        return responses_of(*given)

    monkeypatch.setattr(_evidence, "responses_of", record)
    with threadpool_limits(2, user_api="blas"):
        before = [one["num_threads"] for one in threadpool_info()]
        LearnedSpotter()(face())
        assert [one["num_threads"] for one in threadpool_info()] == before
    assert told == [{1}]
