import tracemalloc
from fractions import Fraction

import cv2
import numpy as np
import pytest

from openmer.datasets import read_truth_csv, write_long
from openmer.datasets.synthetic._acts import MACRO_S, MICRO_S
from openmer.datasets.synthetic._long_videos import LONG_SIZES, LongPlan, Take, generate_long
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import detect_faces

SMALL = LongPlan(takes=(Take(seconds=10),), width=320, height=240, face_px=(100, 105), noise=0.0)


def frames(video, numbers):
    wanted = set(numbers)
    return {
        number: frame
        for number, frame in zip(range(max(wanted) + 1), video.frames_rgb(), strict=False)
        if number in wanted
    }


def test_the_same_plan_and_seed_give_the_same_frames():
    (first,), (second,) = generate_long(SMALL, 5), generate_long(SMALL, 5)
    (other,) = generate_long(SMALL, 6)
    assert first.events == second.events != other.events
    one, two = (next(video.frames_rgb()) for video in (first, second))
    assert (one == two).all()
    assert one.shape == (240, 320, 3) and one.dtype == np.uint8
    assert (one != next(other.frames_rgb())).any()


@pytest.mark.parametrize("size", LONG_SIZES)
def test_what_is_true_fits_the_plan(size):
    plan = LONG_SIZES[size]
    videos = list(generate_long(plan, 100))
    subjects = [subject for video in videos for subject in video.subjects]
    assert len(set(subjects)) == len(subjects)
    for take, video in zip(plan.takes, videos, strict=True):
        assert video.fps == take.fps and video.frames == int(take.seconds * take.fps)
        assert len(video.subjects) == take.subjects
        assert bool(video.events) != take.is_quiet
        for event in video.events:
            assert 0 < event.onset <= event.apex <= event.offset < video.frames
            shortest, longest = MICRO_S if event.kind == "micro" else MACRO_S
            lasts_s = (event.offset - event.onset) / video.fps
            assert shortest - 1 / video.fps <= lasts_s <= longest + 1 / video.fps
            assert 1 <= event.subject_id <= take.subjects
        assert all(one.kind for each in video.distractors for one in each)


def test_the_movement_is_where_the_truth_says():
    plan = LongPlan(takes=(Take(seconds=20),), width=320, height=240, face_px=(100, 105), noise=0)
    for seed in range(20):
        (video,) = generate_long(plan, seed)
        beside = [(d.onset_s, d.offset_s) for d in video.distractors[0]]
        for event in video.events:
            first, last = event.onset / video.fps, event.offset / video.fps
            alone = all(b < first - 0.1 or a > last + 0.1 for a, b in beside)
            if alone and event.kind == "micro":
                seen = frames(video, range(event.onset - 3, event.offset + 4))
                gray = {
                    n: cv2.cvtColor(f, cv2.COLOR_RGB2GRAY).astype(float) for n, f in seen.items()
                }
                change = {n: np.abs(g - gray[event.onset - 3]).mean() for n, g in gray.items()}
                still = max(change[event.onset - 2], change[event.onset - 1])
                assert change[event.apex] > still
                return
    raise AssertionError("no event is alone in any of these videos")


def test_a_blink_covers_the_eyes_and_nothing_else():
    (video,) = generate_long(SMALL, 7)
    blink = next(d for d in video.distractors[0] if d.kind == "blink" and d.onset_s > 0.5)
    before, shut = round(blink.onset_s * video.fps) - 1, round(blink.middle_s * video.fps)
    seen = frames(video, (before, shut))
    (face,) = detect_faces([seen[before]])[0]
    change = np.abs(seen[shut].astype(float) - seen[before]).mean(2)
    x0, y0, x1, y1 = (round(edge) for edge in face.box_xyxy)
    eyes = [tuple(round(v) for v in eye) for eye in (face.right_eye_xy, face.left_eye_xy)]
    at_eyes = np.mean([change[y - 3 : y + 4, x - 5 : x + 6].mean() for x, y in eyes])
    lower_half = change[(y0 + y1) // 2 : y1, x0:x1].mean()
    assert at_eyes > 3 * lower_half


def test_a_face_is_found_through_blinks_and_turns():
    (video,) = generate_long(SMALL, 3)
    seen = [frame for number, frame in enumerate(video.frames_rgb()) if number % 12 == 0]
    found = [bool(faces) for faces in detect_faces(seen)]
    assert np.mean(found) >= 0.95


def test_who_leaves_is_gone_and_comes_back():
    plan = LongPlan(takes=(Take(seconds=10, leaves=True),), width=320, height=240, face_px=(90, 95))
    (video,) = generate_long(plan, 1)
    seen = frames(video, (0, int(0.47 * video.frames), video.frames - 1))
    assert [bool(faces) for faces in detect_faces(seen.values())] == [True, False, True]


def test_two_people_are_in_one_picture():
    plan = LongPlan(takes=(Take(seconds=8, subjects=2),), width=480, height=240, face_px=(90, 100))
    (video,) = generate_long(plan, 1)
    (faces,) = detect_faces([next(video.frames_rgb())])
    assert len(faces) == 2
    assert len(video.subjects) == len(video.distractors) == 2


def test_written_videos_say_what_is_true_of_them(tmp_path):
    plan = LongPlan(
        takes=(Take(seconds=8, fps=Fraction(30000, 1001)), Take(seconds=8, is_quiet=True)),
        width=160, height=120, face_px=(45, 50),
    )  # fmt: skip
    told = []
    table = write_long(tmp_path / "long", plan, 2, lambda *done: told.append(done))
    assert told[-1][0] == told[-1][1] == 239 + 240
    read = {video.name: video for video in read_truth_csv(table)}
    assert list(read) == ["video01.mp4", "video02.mp4"]
    for made in generate_long(plan, 2):
        video = read[f"{made.name}.mp4"]
        assert video.events == made.events
        assert video.fps == made.fps
        assert video.path.is_file()
    assert (tmp_path / "long" / "distractors.csv").is_file()
    before = table.stat().st_mtime_ns
    assert write_long(tmp_path / "long", plan, 2).stat().st_mtime_ns == before
    assert [p.name for p in tmp_path.iterdir()] == ["long"]


def test_what_is_no_synthetic_video_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds notes\.txt, which is not in the list"):
        write_long(tmp_path, SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_with_somebody_elses_plan_is_left_alone(tmp_path):
    (tmp_path / ".plan").write_text("my plan")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match=r"holds \.plan, which is not in the list"):
        write_long(tmp_path, SMALL)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".plan", "notes.txt"]


def test_a_file_beside_the_videos_is_named_and_kept(tmp_path):
    write_long(tmp_path / "long", SMALL)
    (tmp_path / "long" / "mine.csv").write_text("mine")
    with pytest.raises(DataError, match=r"holds mine\.csv"):
        write_long(tmp_path / "long", SMALL, 1)
    assert (tmp_path / "long" / "mine.csv").read_text() == "mine"


def test_a_file_is_no_folder_for_videos(tmp_path):
    place = tmp_path / "notes.txt"
    place.write_text("mine")
    with pytest.raises(DataError, match="is a file"):
        write_long(place, SMALL)
    assert place.read_text() == "mine"


def test_a_video_that_was_lost_is_made_again(tmp_path):
    plan = LongPlan(takes=(Take(seconds=8),), width=160, height=120, face_px=(45, 50))
    write_long(tmp_path / "long", plan, 2)
    video = tmp_path / "long" / "video01.mp4"
    bytes_then = video.read_bytes()
    for _ in range(3):
        video.unlink()
        write_long(tmp_path / "long", plan, 2)
        assert video.read_bytes() == bytes_then


def test_nothing_is_left_of_a_writing_that_was_stopped(tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_long(tmp_path / "long", SMALL, 2, stop)
    assert list(tmp_path.iterdir()) == []


def test_frames_are_drawn_one_at_a_time():
    (video,) = generate_long(SMALL, 5)
    drawn = video.frames_rgb()
    next(drawn)
    tracemalloc.start()
    try:
        for _ in range(60):
            next(drawn)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40 * 240 * 320 * 3  # bytes of 40 of the 60 frames


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: next(generate_long("tny")), "'tiny'"),
        (lambda: next(generate_long("tiny", -1)), "seed"),
        (lambda: LongPlan(takes=(Take(seconds=3),)), "8 s"),
        (lambda: LongPlan(takes=(Take(subjects=3),)), "1 or 2"),
        (lambda: LongPlan(takes=(Take(subjects=2, leaves=True),)), "1 where they leave"),
        (lambda: LongPlan(takes=(Take(),), width=100), "do not fit"),
        (lambda: LongPlan(takes=(Take(),), face_px=(0, 10)), "widths above 0 that fit"),
        (lambda: LongPlan(takes=(Take(seconds=float("nan")),)), "8 s"),
        (lambda: LongPlan(takes=()), "at least one"),
        (lambda: LongPlan(takes=(Take(),), width=641), "even sides"),
        (lambda: LongPlan(takes=(Take(),), noise=-1.0), "noise of 0"),
    ],
)
def test_plans_that_cannot_be_filmed(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
