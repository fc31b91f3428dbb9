"""The annotated video and the pictures of an event: same frames and times, readable on anything."""

from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from tests.video import made_event
from tests.video.made_analysis import analysis, event, info
from tests.video.made_curves import curves
from torch import nn

from openmer.deployment import default_model
from openmer.errors import ConfigError, DataError
from openmer.video import VideoFrame, open_video, write_video
from openmer.video.output._draw import (
    INK,
    KIND_COLOURS,
    PAPER,
    event_words,
    put_words,
    write_annotated,
)
from openmer.video.output._evidence import LOOK, event_frames, evidence_of, region_shifts


def film(folder, level, size=(240, 320), count=60, times=None):
    """A video of one gray level."""
    image = np.full((*size, 3), level, np.uint8)
    path = folder / "plain.mkv"
    return write_video(path, [image] * count, Fraction(30), codec="ffv1", times_s=times)


def placed(times_s, **more):
    """A face in the middle of the picture, 92 pixels wide."""
    made = curves(times_s, **more)
    made.matrices[:] = [[1.4, 0, -144], [0, 1.4, -88]]
    return made


def annotated(folder, level, *, size=(240, 320)):
    found = analysis(
        event(0.5, 0.4), faces=(placed(np.arange(60) / 30),), frames=60, duration_s=2.0
    )
    with open_video(film(folder, level, size)) as video:
        path = write_annotated(folder / "out.mp4", video, found)
    with open_video(path) as video:
        return [(frame.time_s, frame.image_rgb) for frame in video]


def near(image, colour, distance=40):
    return np.abs(image.astype(int) - colour).max(axis=2) < distance


@pytest.mark.parametrize("level", [8, 128, 250])
def test_boxes_and_words_show_on_any_light(tmp_path, level):
    images = [image for _, image in annotated(tmp_path, level)]
    before, during, after = images[5][:200], images[20][:200], images[58][:200]
    amber = KIND_COLOURS["micro"]
    assert near(during, amber).sum() > 300
    assert near(before, amber).sum() == near(after, amber).sum() == 0
    other = PAPER if level < 200 else INK
    assert near(before, other).sum() > 60


def test_times_and_sizes_stay(tmp_path):
    made = annotated(tmp_path, 128)
    with open_video(tmp_path / "plain.mkv") as video:
        assert [time_s for time_s, _ in made] == [frame.time_s for frame in video]
    assert len(made) == 60
    assert made[0][1].shape == (240, 320, 3)


def test_uneven_times_stay(tmp_path):
    times = [Fraction(n * n, 1000) for n in range(60)]
    path = film(tmp_path, 100, times=times)
    with open_video(path) as video:
        seen = []
        write_annotated(tmp_path / "out.mp4", video, analysis(), on_frame=seen.append)
    with open_video(tmp_path / "out.mp4") as video:
        told = [float(frame.time_s) for frame in video]
    assert told == pytest.approx([float(time_s) for time_s in times], abs=2e-3)
    assert seen == list(range(60))


@pytest.mark.parametrize("size", [(2, 2), (40, 64), (64, 40), (96, 96), (241, 321)])
def test_any_size_can_be_drawn_on(tmp_path, size):
    assert len(annotated(tmp_path, 90, size=size)) == 60


def test_a_face_out_of_view_has_no_box(tmp_path):
    face = placed(np.arange(10) / 30)
    found = analysis(faces=(face,), frames=60, duration_s=2.0)
    with open_video(film(tmp_path, 128)) as video:
        path = write_annotated(tmp_path / "out.mp4", video, found)
    with open_video(path) as video:
        images = [frame.image_rgb[:200] for frame in video]
    assert near(images[5], PAPER).sum() > 60
    assert near(images[15], PAPER).sum() > 60  # not seen for 0.2 s
    assert near(images[40], PAPER).sum() == 0


def test_the_frames_given_are_not_changed(tmp_path):
    image = np.full((120, 160, 3), 100, np.uint8)
    frames = [VideoFrame.of(number=n, time_s=Fraction(n, 30), image_rgb=image) for n in range(3)]
    path = write_annotated(tmp_path / "out.mp4", frames, analysis())
    assert (image == 100).all()
    with open_video(path) as video:
        assert min(frame.image_rgb.min() for frame in video) < 60


def test_a_wrong_ending_or_no_room_leaves_nothing(tmp_path):
    with open_video(film(tmp_path, 100, count=3)) as video:
        with pytest.raises(ConfigError, match="ends in"):
            write_annotated(tmp_path / "out.txt", video, analysis())
        with pytest.raises(DataError, match="Cannot write"):
            write_annotated(tmp_path / "plain.mkv" / "out.mp4", video, analysis())
    assert [path.name for path in tmp_path.iterdir()] == ["plain.mkv"]


def test_a_rate_that_is_not_stated_is_the_mean_one(tmp_path):
    found = analysis(info=info(fps=None), frames=60, duration_s=2.0)
    with open_video(film(tmp_path, 100)) as video:
        assert write_annotated(tmp_path / "out.mp4", video, found).stat().st_size > 0


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "micro: positive 0.81"),
        ({"confidence": None}, "micro: positive"),
        ({"class_name": None}, "micro: not sure"),
        ({"class_name": None, "scores": {}}, "micro"),
    ],
)
def test_words_of_an_event(changed, words):
    assert event_words(event(**changed)) == words


@pytest.mark.parametrize("at", [(-500, 2), (3, -500), (10_000, 0), (-5, -5), (35, 35)])
def test_words_are_cut_off_at_the_edges(at):
    image = np.zeros((40, 40, 3), np.uint8)
    put_words(image, "Ärger \u4f60\n\x00", at, size_px=20, paper=(255, 0, 0), anchor=0.5)
    assert image.shape == (40, 40, 3)
    assert (image[..., 1] <= image[..., 0]).all() or at == (3, -500)


def test_the_crops_of_an_event_hold_the_eyes_still(tmp_path):
    with made_event.video(tmp_path) as video:
        seen = event_frames(video, made_event.face(), made_event.moment(), margin_s=0.21)
    found = made_event.moment()
    assert seen.crops_rgb.shape[1:] == (LOOK.side_px, LOOK.side_px, 3)
    assert seen.numbers[0] == found.onset_frame - 6
    assert seen.numbers[-1] == found.offset_frame + 6
    assert seen.fps == pytest.approx(30, rel=0.01)  # mkv rounds times
    assert seen.numbers[seen.nearest(found.apex_frame)] == found.apex_frame


def test_a_margin_ends_where_the_face_comes_into_view(tmp_path):
    found = made_event.moment()
    face = replace(made_event.face(), starts=(0, found.onset_frame - 2, found.offset_frame + 3))
    with made_event.video(tmp_path) as video:
        seen = event_frames(video, face, found, margin_s=5.0)
    assert (seen.numbers[0], seen.numbers[-1]) == (found.onset_frame - 2, found.offset_frame + 2)


def test_the_evidence_shows_what_moved(tmp_path):
    analysis = made_event.found()
    with made_event.video(tmp_path) as video:
        shown = evidence_of(video, analysis.faces[0], analysis.events[0])
    assert shown.regions[0].name == "upper lip"
    assert shown.regions[0].direction == "up"
    assert shown.regions[0].percent == pytest.approx(100 * 1.6 / 133.76, abs=0.05)
    assert len(shown.regions) == 14
    assert shown.saliency_rgb is None and shown.saliency_note == ""
    for image in (shown.onset_rgb, shown.apex_rgb, shown.flow_rgb):
        assert image.shape == (256, 256, 3) and image.dtype == np.uint8
    assert (shown.onset_rgb != shown.apex_rgb).any()
    colourful = np.ptp(shown.flow_rgb.astype(int), axis=2)
    assert colourful[110:220, 60:196].max() > 60  # inside of the face
    assert colourful[:20].max() < 10  # hair and wall


def test_directions_are_those_of_the_picture():
    times_s = np.arange(3) / 30
    ways = {(1, 0): "right", (0, 1): "down", (-1, -1): "up left", (-1, 0): "left"}
    for way, word in ways.items():
        face = curves(times_s, noise=0, moves=[("chin", way, np.array([0.0, 1.0, 0.0]))])
        shift = region_shifts(face, 0, 1)[0]
        assert (shift.name, shift.direction) == ("chin", word)


def test_a_video_that_changed_is_one_error(tmp_path):
    path = write_video(tmp_path / "short.mkv", made_event.frames()[:20], Fraction(30), codec="ffv1")
    with open_video(path) as video, pytest.raises(DataError, match="Do not change"):
        evidence_of(video, made_event.face(), made_event.moment())


def model_with_maps():
    """What a saliency map asks of a model; its network likes light places."""
    network = nn.Sequential(nn.Conv2d(3, 2, 5), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)).eval()
    network(torch.zeros(1, 3, 28, 28))
    for weight in network.parameters():
        nn.init.constant_(weight, 0.1)

    def prepare_clip(clip, frames):
        apex = cv2.resize(frames.colours(clip.apex), (28, 28), interpolation=cv2.INTER_AREA)
        return np.moveaxis(apex, -1, 0) / np.float32(255)

    return SimpleNamespace(
        network=network,
        prepare_clip=prepare_clip,
        method=SimpleNamespace(model="a network"),
        recipe=SimpleNamespace(align=None, inputs=lambda clip: (clip.frame_paths[clip.apex],)),
        record=SimpleNamespace(title="Made", input_shape=(3, 28, 28)),
    )


@pytest.mark.skipif(find_spec("captum") is None, reason="the extra `explain` is not installed")
def test_a_network_with_maps_gives_a_saliency_map(tmp_path, monkeypatch):
    face, found = made_event.face(), made_event.moment()
    with made_event.video(tmp_path) as video:
        shown = evidence_of(video, face, found, model_with_maps())
        other = evidence_of(video, face, found, default_model())
        monkeypatch.setattr("openmer.video.output._evidence.find_spec", lambda name: None)
        bare = evidence_of(video, face, found, model_with_maps())
    assert shown.saliency_rgb.shape == (224, 224, 3)
    assert "raise the class positive (Grad-CAM)" in shown.saliency_note
    assert other.saliency_rgb is None and "no maps of this picture" in other.saliency_note
    assert bare.saliency_rgb is None and "openmer[explain]" in bare.saliency_note
