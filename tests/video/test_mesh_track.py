"""Faces that are followed by their mesh: nothing is lost, and a hard cut is another person."""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice, pairwise

import cv2
import numpy as np
import pytest
from tests.video.made_faces import face, put, wall
from tests.video.made_videos import grays, truth

from openmer.preprocessing import find_mesh, look_at_eye
from openmer.video import Tracker
from openmer.video._ahead import later
from openmer.video.faces import _mesh_track as mesh_track
from openmer.video.faces._choice import tracker_for
from openmer.video.faces._mesh_track import MeshTracker
from openmer.video.faces._seen import SIGNALS, TrackSettings
from openmer.video.spotting._curves import CurveBook
from openmer.video.spotting._registry import MotionSpotter

FPS = 30


def followed(frames, pool=None):
    """Curves of the faces in gray frames; a pool starts on each frame before its turn."""
    tracker, lost = tracker_for(TrackSettings(), pool)
    assert isinstance(tracker, MeshTracker) and not lost
    book = CurveBook()
    given = [*frames, None]
    for number, (gray, following) in enumerate(pairwise(given)):
        book.add(tracker.see(number, number / FPS, gray, following if pool else None))
    return book.curves()


def test_without_the_mesh_faces_are_followed_by_pictures_and_that_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENMER_DATA", str(tmp_path))
    monkeypatch.setenv("OPENMER_OFFLINE", "1")
    tracker, lost = tracker_for(TrackSettings())
    assert isinstance(tracker, Tracker)
    assert "OPENMER_OFFLINE" in lost and "Without the face mesh" in lost
    assert tracker_for(TrackSettings(landmarks="patch"))[1] == ""


@pytest.mark.usefixtures("face_mesh")
def test_a_movement_is_measured_where_it_is_and_spotted():
    (curves,) = followed(grays(still=30))
    onset, apex, offset = truth(still=30)
    assert curves.has_mesh and curves.starts == (0,)
    assert len(curves) == len(list(grays(still=30)))
    moved = np.linalg.norm(curves.regions_px - curves.regions_px[onset], axis=2).max(1)
    assert moved[apex - 1 : apex + 2].max() > 2 * moved[: onset - 2].max()
    found = [one for one in MotionSpotter()(curves) if not one.gates]
    assert any(one.onset_frame < apex < one.offset_frame for one in found)
    assert all(one.offset_frame >= onset and one.onset_frame <= offset for one in found)


@pytest.mark.usefixtures("face_mesh")
def test_threads_that_help_change_no_byte(monkeypatch):
    """Also at hard cuts and where the face is gone: what was started before counts for nothing."""
    nobody = [wall(480, 360)] * 5
    shots = [list(islice(grays(subject, still=3), 12)) for subject in (0, 2)]
    frames = [*shots[0], *shots[1], *nobody, *shots[0]]
    alone = followed(frames)
    started = []
    monkeypatch.setattr(mesh_track, "later", lambda *call: started.append(call[1]) or later(*call))
    with ThreadPoolExecutor(2) as pool:
        helped = followed(frames, pool)
    assert find_mesh in started and look_at_eye in started and len(started) > 2 * len(frames)
    assert len(alone) == len(helped) == 2
    for one, other in zip(alone, helped, strict=True):
        for name in ("frames", "regions_px", "matrices", "mesh_px", "signals", "brief_px"):
            assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True), name


@pytest.mark.usefixtures("face_mesh")
def test_a_turning_zooming_head_is_followed_without_a_restart():
    def frames():
        for i in range(60):
            angle, scale = 12 * np.sin(i / 6), 1 + 0.05 * np.sin(i / 9)
            place = 240 + 30 * np.sin(i / 10), 180 + 10 * np.cos(i / 7)
            yield put(wall(480, 360), face(1), *place, angle=angle, scale=scale)

    (curves,) = followed(frames())
    assert len(curves) == 60 and curves.starts == (0,)
    roll = curves.signal("roll")
    assert np.ptp(roll) == pytest.approx(24, abs=6)
    still = np.linalg.norm(curves.regions_px - curves.regions_px.mean(0), axis=2)
    assert np.median(still) < 0.7  # pixels of the patch


@pytest.mark.usefixtures("face_mesh")
def test_two_people_cut_hard_at_one_place_are_two():
    def frames():
        for subject in (0, 2, 0):
            for _ in range(15):
                yield put(wall(480, 360), face(subject), 240, 180)

    first, second = followed(frames())
    assert len(first) == 30 and len(first.starts) == 2
    assert len(second) == 15


@pytest.mark.usefixtures("face_mesh")
def test_leaves_are_nobody():
    rng = np.random.default_rng(0)
    leaves = cv2.GaussianBlur(rng.uniform(0, 255, (360, 480)), (0, 0), 4)
    leaves = np.clip(128 + 4 * (leaves - leaves.mean()), 0, 255).astype(np.uint8)
    assert followed([leaves] * 5) == ()


def test_signals_have_names():
    assert len(set(SIGNALS)) == len(SIGNALS)


@pytest.mark.usefixtures("face_mesh")
def test_a_cut_to_a_larger_face_nearby_leaves_nobody_behind():
    def frames():
        for subject, (x, y, scale) in ((0, (200, 110, 0.8)), (2, (260, 190, 1.5))):
            for _ in range(4):
                yield put(wall(480, 360), face(subject), x, y, scale=scale)

    assert [len(curves) for curves in followed(frames())] == [4, 4]
