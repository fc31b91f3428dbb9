from dataclasses import replace

import numpy as np
import pytest
from tests.video.made_faces import clip, face, put, wall

from openmer.preprocessing import detect_faces
from openmer.video import Tracker, TrackSettings
from openmer.video.spotting._curves import CurveBook
from openmer.video.spotting._regions import REGIONS

FPS = 25


def followed(frames, settings=None):
    """The tracker and the curves after some gray frames."""
    tracker, book = Tracker(settings or TrackSettings()), CurveBook()
    for number, gray in enumerate(frames):
        book.add(tracker.see(number, number / FPS, gray))
    return tracker, book.curves()


def test_a_moving_head_is_followed_and_its_regions_stay():
    count = 50
    where = [
        (250 + 60 * np.sin(i / 12), 200 + 12 * np.cos(i / 9), 6 * np.sin(i / 15))
        for i in range(count)
    ]
    _, (curves,) = followed(put(wall(), face(0), *place) for place in where)
    assert len(curves) == count
    assert list(curves.frames) == list(range(count))
    boxes = np.array([curves.box_xyxy(row) for row in range(count)])
    middles = (boxes[:, 0] + boxes[:, 2]) / 2
    travelled = np.array([place[0] for place in where])
    assert np.abs((middles - middles[0]) - (travelled - travelled[0])).max() < 6
    assert np.hypot(*np.moveaxis(curves.regions_px, 2, 0)).max() < 0.6
    assert curves.head[:, 2].std() > 0.02  # the turn of the head is told
    assert curves.starts == (0,)


def test_an_expression_is_seen_while_the_head_moves():
    made = clip(1)
    onset, apex = made.clip.onset, made.true_apex
    frames = [onset] * 8 + list(range(onset, len(made.frames_rgb)))
    images = [put(wall(), face(1, frame), 300 + 2 * i, 200) for i, frame in enumerate(frames)]
    _, (curves,) = followed(images)
    length = np.hypot(*np.moveaxis(curves.regions_px, 2, 0)).max(1)
    assert length[:8].max() < 0.3 * length.max()
    assert abs(int(length.argmax()) - (8 + apex - onset)) <= 2


def test_two_people_have_numbers_of_their_own():
    def frames():
        for i in range(20):
            left = put(wall(760), face(0), 170 + i, 200, scale=0.9)
            yield put(left, face(2), 590 - i, 200, scale=0.9)

    tracker, (first, second) = followed(frames())
    assert tracker.subjects == 2
    assert len(first) == len(second) == 20
    assert abs(first.box_xyxy(0)[0] - second.box_xyxy(0)[0]) > 200


def test_lost_and_found_again_is_the_same_subject():
    seen, gone = [put(wall(), face(0), 200, 200)] * 15, [wall()] * 25
    again = [put(wall(), face(0), 420, 190)] * 15
    tracker, (curves,) = followed([*seen, *gone, *again])
    assert tracker.subjects == 1
    assert len(curves.starts) == 2
    assert 24 <= len(curves) <= 30
    assert curves.frames[curves.starts[1]] >= 40
    other = [put(wall(), face(2), 420, 190)] * 15
    tracker, faces = followed([*seen, *gone, *other])
    assert tracker.subjects == 2
    assert [len(one.starts) for one in faces] == [1, 1]


def test_a_cut_to_somebody_else_is_noticed_at_once():
    tracker, faces = followed(
        [put(wall(), face(0), 200, 200)] * 12 + [put(wall(), face(2), 450, 200)] * 12
    )
    assert tracker.subjects == 2
    assert faces[0].frames[-1] <= 12
    assert faces[1].frames[0] <= 15


def test_a_wall_has_no_face():
    tracker, faces = followed([wall()] * 10)
    assert tracker.subjects == 0
    assert faces == ()


def test_a_face_too_small_is_left_alone():
    tiny = [put(wall(), face(0), 200, 200, scale=0.25)] * 4
    assert followed(tiny, TrackSettings(least_eyes_px=40))[1] == ()
    assert len(followed(tiny, TrackSettings(least_eyes_px=10))[1]) <= 1


def test_a_fresh_reference_leaves_no_step():
    frames = [put(wall(), face(0), 300, 200)] * 40
    _, (curves,) = followed(frames, TrackSettings(reference_s=0.2))
    assert np.abs(np.diff(curves.regions_px, axis=0)).max() < 0.05


def test_a_face_that_was_taken_up_wrongly_is_set_right():
    """As one that came into view turned away; what was measured so far goes on without a step."""
    image = put(wall(), face(0), 300, 200)
    looks = []

    def find(gray):
        (found,) = detect_faces([gray])
        looks.append(gray)
        moved = tuple((x, y + 22) for x, y in found[0].landmarks_xy)
        return [replace(found[0], landmarks_xy=moved) if len(looks) == 1 else found[0]]

    tracker, book = Tracker(find=find), CurveBook()
    for number in range(80):
        book.add(tracker.see(number, number / FPS, image))
    (curves,) = book.curves()
    wrong, right = curves.box_xyxy(0), curves.box_xyxy(79)
    assert wrong[1] - right[1] > 15
    assert curves.starts == (0,)
    assert np.abs(np.diff(curves.regions_px, axis=0)).max() < 0.1


def test_old_curves_can_be_forgotten():
    tracker, book = Tracker(), CurveBook()
    for number in range(20):
        book.add(tracker.see(number, number / FPS, put(wall(), face(0), 300, 200)))
    book.forget(10 / FPS)
    (curves,) = book.curves()
    assert curves.frames[0] == 10
    assert curves.starts == (0,)
    book.forget(99)
    assert book.curves() == ()
    assert curves.regions_px.shape == (10, len(REGIONS), 2)


@pytest.mark.parametrize("shape", [(120, 90), (90, 400)])
def test_pictures_of_any_shape(shape):
    image = np.full(shape, 90, np.uint8)
    assert followed([image, image])[1] == ()
