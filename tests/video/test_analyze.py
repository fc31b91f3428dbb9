import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest
from tests.video.made_faces import face, put, wall
from tests.video.made_videos import colours, frame_numbers, truth, write_event, write_still

from openmer.clip import Clip
from openmer.deployment import default_model
from openmer.errors import ConfigError, DataError
from openmer.preprocessing import detect_faces
from openmer.video import (
    AnalyzeSettings,
    LiveAnalyzer,
    LiveSettings,
    analyze,
    analyze_video,
    open_video,
    watch,
    write_video,
)
from openmer.video._recognize import at_threshold
from openmer.video.faces._crops import TIGHT, WIDE, FaceFrames, crop


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_event(tmp_path_factory.mktemp("video") / "event.mkv")


@pytest.fixture(scope="module")
def analysis(video):
    return analyze_video(video, model=default_model())


def test_the_movement_of_a_video_is_found_where_it_is(analysis):
    onset, apex, offset = truth()
    (event,) = analysis.events
    assert event.kind == "micro"
    shared = min(event.offset_frame, offset) - max(event.onset_frame, onset) + 1
    whole = max(event.offset_frame, offset) - min(event.onset_frame, onset) + 1
    assert shared / whole >= 0.5
    assert abs(event.apex_frame - apex) <= 2
    assert event.onset_s == pytest.approx(event.onset_frame / 30, abs=1e-3)
    assert analysis.frames == len(frame_numbers())
    assert analysis.verdict == "Found 1 micro-expression."
    assert analysis.damage == ""
    assert set(analysis.seconds) == {"decode", "follow", "spot", "recognize"}


def test_an_event_says_what_the_model_sees_and_how_sure_it_is(analysis):
    (event,) = analysis.events
    assert list(event.scores) == list(analysis.model.classes)
    assert sum(event.scores.values()) == pytest.approx(1)
    assert event.confidence == pytest.approx(max(event.scores.values()))
    assert (event.class_name is None) == (
        event.confidence < analysis.model.calibration.abstain_below
    )
    assert "of the face's width" in event.reason
    x0, y0, x1, y1 = event.face_xyxy
    assert 60 < x0 < 240 < x1 < 420 and 0 <= y0 < 180 < y1


def test_one_part_after_the_other_gives_the_same(video, analysis):
    alone = analyze_video(video, model=default_model(), settings=AnalyzeSettings(threads=1))
    assert alone.events == analysis.events and alone.info == analysis.info
    assert (alone.frames, alone.duration_s) == (analysis.frames, analysis.duration_s)
    (one,), (other,) = alone.faces, analysis.faces
    for name in ("frames", "times_s", "regions_px", "matrices", "eyes"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_nothing_runs_on_where_a_look_is_broken_off(video):
    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyze_video(video, on_progress=stop)
    assert not [one for one in threading.enumerate() if one.name.startswith("openmer-")]


def test_below_the_confidence_asked_for_no_class_is_said(video):
    (sure,) = analyze_video(
        video, model=default_model(), settings=AnalyzeSettings(abstain_below=0.0)
    ).events
    (unsure,) = analyze_video(
        video, model=default_model(), settings=AnalyzeSettings(abstain_below=1.0)
    ).events
    assert sure.class_name == max(sure.scores, key=sure.scores.get)
    assert unsure.class_name is None
    assert unsure.scores == sure.scores
    assert "Not sure" in unsure.reason
    with pytest.raises(ConfigError, match=r"0\.\.1"):
        at_threshold(default_model(), 1.5)


def test_the_short_call_gives_the_events(video, analysis):
    told = []
    events = analyze(video, on_progress=lambda *stage: told.append(stage))
    assert events == list(analysis.events)
    assert [stage for stage, _, _ in told] == sorted(stage for stage, _, _ in told)
    follow = [(done, total) for stage, done, total in told if stage == "follow"]
    assert follow[-1] == (analysis.frames, analysis.frames)
    assert follow == sorted(follow)


def test_without_a_model_there_are_movements_and_no_classes(video, analysis):
    (event,) = analyze_video(video).events
    assert (event.onset_frame, event.offset_frame) == (
        analysis.events[0].onset_frame,
        analysis.events[0].offset_frame,
    )
    assert event.class_name is None and event.confidence is None and event.scores == {}


def test_nothing_found_and_nobody_there_are_answers(tmp_path):
    still = analyze_video(write_still(tmp_path / "still.mp4", subject_id=0))
    assert still.events == () and len(still.faces) == 1
    assert still.verdict.startswith("Nothing found")
    wall = analyze_video(write_still(tmp_path / "wall.mp4"))
    assert wall.events == () and wall.faces == ()
    assert wall.verdict.startswith("No face")


def test_a_folder_of_images_is_a_video_too(video, tmp_path, analysis):
    with open_video(video) as frames:
        for frame in frames:
            cv2.imwrite(str(tmp_path / f"img{frame.number}.png"), frame.gray)
    found = analyze_video(tmp_path, settings=AnalyzeSettings(fps=Fraction(30)))
    (event,) = found.events  # luma and brightness are rounded in different ways
    assert abs(event.apex_frame - analysis.events[0].apex_frame) <= 1


def test_a_video_that_breaks_off_gives_what_came_before(video, tmp_path, analysis):
    cut = tmp_path / "cut.mkv"
    whole = video.read_bytes()
    cut.write_bytes(whole[: int(0.85 * len(whole))])
    found = analyze_video(cut)
    assert 0 < found.frames < analysis.frames
    assert [e.apex_frame for e in found.events] == [e.apex_frame for e in analysis.events]


def test_what_is_no_video_is_one_clear_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        analyze(tmp_path / "nowhere.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(DataError, match="empty"):
        analyze(empty)
    with pytest.raises(ConfigError, match="spotter"):
        analyze_video(empty, settings=AnalyzeSettings(spotter="nose"))


def test_live_the_same_event_is_told_soon_after_it_ended(video, analysis):
    with open_video(video) as frames:
        analyzer = LiveAnalyzer(frames.info, default_model())
        told = []
        for frame in frames:
            seen, events = analyzer.push(frame)
            assert len(seen) <= 1
            told += [(event, frame.number) for event in events]
        assert analyzer.finish() == ()
    ((event, at),) = told
    (whole,) = analysis.events
    assert abs(event.apex_frame - whole.apex_frame) <= 1
    assert event.class_name == whole.class_name
    assert event.offset_frame < at <= event.offset_frame + 30 * 1.5


def test_a_watch_closes_what_it_opened(video):
    watching = watch(video, live=LiveSettings(settle_s=0.3))
    event = next(watching)
    assert event.kind == "micro"
    watching.close()
    with pytest.raises(StopIteration):
        next(watching)


def test_a_stream_is_watched_once(video):
    with video.open("rb") as stream:
        events = list(watch(stream))
    assert len(events) == 1


def test_pictures_of_a_face_have_the_eyes_at_their_places(analysis, video):
    (event,) = analysis.events
    (curves,) = analysis.faces
    row = int(np.searchsorted(curves.frames, event.apex_frame))
    with open_video(video) as frames:
        (frame,) = frames.between(event.apex_frame, event.apex_frame)
    picture = crop(frame.image_rgb, curves.matrices[row], WIDE)
    (found,) = detect_faces([picture])[0]
    assert found.eye_distance_px == pytest.approx(WIDE.eye_distance * WIDE.side_px, rel=0.12)
    middle = (np.array(found.right_eye_xy) + found.left_eye_xy) / 2
    assert middle == pytest.approx([WIDE.side_px / 2, WIDE.eyes_y * WIDE.side_px], abs=12)
    assert crop(frame.gray, curves.matrices[row], TIGHT).shape == (TIGHT.side_px, TIGHT.side_px)
    nobody = Clip(corpus="a", subject="b", name="c", emotion="")
    faces = FaceFrames(nobody, {0: frame}, [curves.matrices[row]] * 2, TIGHT)
    assert faces.colours(0).shape == (TIGHT.side_px, TIGHT.side_px, 3)
    with pytest.raises(DataError, match="frame 1 of the event is no longer at hand"):
        faces.gray(1)


@pytest.mark.parametrize(
    ("shape", "fps", "frames"),
    [
        ((241, 321), 30, 20),
        ((240, 320), 1, 12),
        ((240, 320), 240, 60),
        ((16, 16), 25, 5),
        ((48, 400), 25, 5),
        ((240, 320), 25, 1),
        ((240, 320), 25, 2),
    ],
)
def test_any_size_rate_and_length_is_an_answer(tmp_path, shape, fps, frames):
    image = cv2.resize(put(wall(480, 360), face(0), 240, 180), shape[::-1])
    path = tmp_path / "odd.mkv"
    write_video(path, colours(image for _ in range(frames)), fps=Fraction(fps), codec="ffv1")
    found = analyze_video(path)
    assert found.frames == frames
    assert found.events == ()
    assert found.duration_s == pytest.approx((frames - 1) / fps, abs=0.01)


@pytest.mark.parametrize("pixels", ["gray", "yuv420p10le", "yuvj420p", "bgr0"])
def test_any_kind_of_pixels_shows_the_face(tmp_path, pixels):
    import av

    path = tmp_path / "kind.mkv"
    image = put(wall(480, 360), face(0), 240, 180)
    codec = {"yuvj420p": "mjpeg", "yuv420p10le": "libx265"}.get(pixels, "ffv1")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 480, 360, pixels
        for _ in range(12):
            frame = av.VideoFrame.from_ndarray(np.repeat(image[..., None], 3, 2), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    found = analyze_video(path)
    assert len(found.faces) == 1 and len(found.faces[0]) == 12
