import io
import os
import subprocess
import sys
import threading
import wave
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.video.films import HEIGHT, KINDS, NTSC, WIDTH, film, film_of, pictures

from openmer.errors import ConfigError, DataError
from openmer.video import VideoFrame, open_video
from openmer.video.io._camera import open_camera
from openmer.video.io._timestamps import Clock, KeyFrames


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fail(frame):
    raise KeyError(frame.number)


def all_of(path, **options):
    with open_video(path, **options) as video:
        return list(video)


def times_of(path, **options):
    return [frame.time_s for frame in all_of(path, **options)]


def flat(pixels, value, chroma, *, wide=False):
    """A frame whose planes hold one value each."""
    frame = av.VideoFrame(WIDTH, HEIGHT, pixels)
    kind = np.uint16 if wide else np.uint8
    for place, plane in enumerate(frame.planes):
        count = plane.buffer_size // np.dtype(kind).itemsize
        plane.update(np.full(count, chroma if place else value, kind).tobytes())
    return frame


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Thirty frames of H.264 with B-frames and four key frames."""
    return film_of("h264 mp4", tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_second_look_gives_the_frames_of_the_whole_pass(tmp_path, kind, threads):
    path = film_of(kind, tmp_path, fps=NTSC)
    with open_video(path, threads=threads) as video:
        whole = [(frame.number, frame.time_s, frame.image_rgb) for frame in video]
        assert [number for number, *_ in whole] == list(range(30))
        for first, last in [(0, 0), (2, 11), (8, 8), (17, 29), (28, 50), (40, 50)]:
            again = list(video.between(first, last))
            assert len(again) == len(whole[first : last + 1])
            for frame, (number, time_s, image) in zip(again, whole[first : last + 1], strict=True):
                assert (frame.number, frame.time_s) == (number, time_s)
                np.testing.assert_array_equal(frame.image_rgb, image)


@pytest.mark.parametrize("kind", ["h264 mp4", "h264 mkv", "h264 ts", "mpeg4 avi", "vp9 webm"])
def test_a_second_look_begins_near_to_what_is_wanted(tmp_path, kind, monkeypatch):
    path = film_of(kind, tmp_path, count=60)
    with open_video(path) as video:
        assert len(list(video)) == 60
        sent = []
        given = video._source.frames
        monkeypatch.setattr(
            video._source,
            "frames",
            lambda first: (sent.append(f.number) or f for f in given(first)),
        )
        assert [frame.number for frame in video.between(50, 51)] == [50, 51]
    assert sent[0] >= 25


@pytest.mark.parametrize(
    ("name", "muxing"),
    [
        ("video.mkv", {"live": "1"}),
        ("video.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("video.mp4", {"movflags": "frag_keyframe+empty_moov+delay_moov", "use_editlist": "0"}),
    ],
)
def test_a_second_look_at_a_file_without_an_index(tmp_path, name, muxing):
    path = film(tmp_path / name, count=40, muxing=muxing, options={"bf": "2", "g": "8"})
    with open_video(path) as video:
        whole = [(frame.number, frame.time_s, frame.gray) for frame in video]
        for (number, time_s, gray), frame in zip(whole[21:33], video.between(21, 32), strict=True):
            assert (frame.number, frame.time_s) == (number, time_s)
            np.testing.assert_array_equal(frame.gray, gray)


def test_a_second_look_before_any_pass_and_during_one(plain):
    with open_video(plain) as video:
        assert [frame.number for frame in video.between(7, 9)] == [7, 8, 9]
        passing = iter(video)
        seen = [next(passing).number for _ in range(12)]
        assert [frame.number for frame in video.between(10, 11)] == [10, 11]
        assert seen + [frame.number for frame in passing] == list(range(30))


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (5, 4)])
def test_a_second_look_wants_possible_numbers(plain, first, last):
    with open_video(plain) as video, pytest.raises(ConfigError, match="0 <= first <= last"):
        video.between(first, last)


@pytest.mark.parametrize("kind", ["h264 mp4", "h264 mov", "h264 ts", "h264 avi", "mjpeg avi"])
@pytest.mark.parametrize("fps", [Fraction(1), Fraction(25), NTSC, Fraction(240)])
def test_times_are_exact(tmp_path, kind, fps):
    path = film_of(kind, tmp_path, count=12, fps=fps)
    assert times_of(path) == [number / fps for number in range(12)]


def test_matroska_rounds_to_milliseconds(tmp_path):
    times = times_of(film_of("h264 mkv", tmp_path, fps=NTSC))
    assert all(
        abs(time_s - number / NTSC) <= Fraction(1, 1000) for number, time_s in enumerate(times)
    )


def test_a_stream_of_pictures_without_times_follows_its_nominal_rate(tmp_path):
    path = film_of("raw h264", tmp_path, fps=NTSC)
    with open_video(path) as video:
        assert video.info.fps == NTSC
        assert [frame.time_s for frame in video] == [number / NTSC for number in range(30)]


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_varying_times_are_kept_also_by_a_second_look(tmp_path, kind):
    stamps = np.cumsum([0, *np.random.default_rng(0).integers(5, 90, 29)]).tolist()
    path = film(
        tmp_path / f"video.{kind}", count=30, pts=stamps, unit=Fraction(1, 1000), fps=1000,
        options={"bf": "2", "g": "8"},
    )  # fmt: skip
    with open_video(path) as video:
        whole = [frame.time_s for frame in video]
        assert whole == [Fraction(stamp, 1000) for stamp in stamps]
        assert [frame.time_s for frame in video.between(18, 22)] == whole[18:23]


def test_a_given_rate_stands_above_that_of_the_file(tmp_path):
    path = film_of("h264 mp4", tmp_path, count=20, fps=25)
    with open_video(path, fps=Fraction(200)) as video:
        assert (video.info.fps, video.info.duration_s) == (200, pytest.approx(0.1))
        whole = [frame.time_s for frame in video]
        assert whole == [Fraction(number, 200) for number in range(20)]
        assert [frame.time_s for frame in video.between(11, 12)] == whole[11:13]


@given(st.lists(st.none() | st.integers(-(10**7), 10**7), min_size=1, max_size=60))
def test_time_always_rises_from_zero(stamps):
    clock = Clock(unit_s=Fraction(1, 90_000), step_s=Fraction(1, 25))
    times = [clock.tell(stamp) for stamp in stamps]
    assert times[0] == 0
    assert all(later > earlier for earlier, later in pairwise(times))


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60, unique=True).map(sorted))
def test_good_stamps_are_not_touched(stamps):
    clock = Clock(unit_s=Fraction(1, 1000), step_s=Fraction(1, 25))
    assert [clock.tell(s) for s in stamps] == [Fraction(s - stamps[0], 1000) for s in stamps]
    assert clock.is_clean


def test_times_after_broken_stamps():
    def told(*stamps):
        clock = Clock(unit_s=Fraction(1), step_s=Fraction(1, 10))
        return [clock.tell(stamp) for stamp in stamps]

    assert told(5, 6, 6, 7) == [0, 1, Fraction(1001, 1000), 2]
    assert told(100, 101, 3, 4) == [0, 1, Fraction(11, 10), Fraction(21, 10)]
    assert told(None, None, 9, 10) == [0, Fraction(1, 10), Fraction(2, 10), Fraction(12, 10)]


@given(st.integers(1, 3000), st.integers(2, 50))
def test_kept_key_frames_are_few_and_true(count, most):
    keys = KeyFrames(most)
    for number in range(count):
        keys.add(number, 10 * number)
    wanted = [list(keys.before(number)) for number in range(0, count, 7)]
    assert all(keys.number_of(stamp) == stamp // 10 for near in wanted for stamp in near)
    assert all(0 < stamp <= 70 * place for place, near in enumerate(wanted) for stamp in near)
    assert sum(keys.number_of(10 * number) is not None for number in range(count)) <= most


@pytest.mark.parametrize(
    ("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3)], ids=["0", "90", "180", "270"]
)
def test_frames_are_upright(tmp_path, degrees, turns):
    """`set_display_rotation` counts counterclockwise, as `np.rot90` does."""
    image = next(pictures(1))
    path = film(
        tmp_path / "video.mp4", images=[image] * 3, options={"crf": "1"},
        before=lambda stream: stream.set_display_rotation(degrees),
    )  # fmt: skip
    with open_video(path) as video:
        frame = next(iter(video))
        assert video.info.rotation_degrees == -degrees % 360
        assert (video.info.height, video.info.width) == frame.gray.shape
    upright = np.rot90(image, turns)
    assert frame.image_rgb.shape == upright.shape
    assert np.abs(frame.image_rgb.astype(int) - upright).mean() < 6


def test_a_flip_in_the_metadata_is_undone(tmp_path):
    image = next(pictures(1))
    path = film(
        tmp_path / "video.mp4", images=[image] * 3, options={"crf": "1"},
        before=lambda stream: stream.set_display_rotation(0, hflip=True),
    )  # fmt: skip
    (frame, *_) = all_of(path)
    assert np.abs(frame.image_rgb.astype(int) - image[:, ::-1]).mean() < 6


@pytest.mark.parametrize(
    ("pixels", "black", "white", "bits"),
    [
        ("yuv420p", 16, 235, 8),
        ("yuv422p", 16, 235, 8),
        ("yuv420p10le", 64, 940, 10),
        ("yuva420p", 16, 235, 8),
        ("gray", 0, 255, 8),
        ("gray16le", 0, 65535, 16),
    ],
)
def test_every_kind_of_pixels_becomes_full_range(tmp_path, pixels, black, white, bits):
    middle = 1 << (bits - 1)
    path = film(
        tmp_path / "video.mkv", "ffv1", pixels=pixels,
        images=[flat(pixels, value, middle, wide=bits > 8) for value in (black, white)],
    )  # fmt: skip
    with open_video(path) as video:
        assert (video.info.bits, video.info.pixel_format) == (bits, pixels)
        dark, bright = video
    for frame, value in [(dark, 0), (bright, 255)]:
        assert frame.gray.shape == (HEIGHT, WIDTH)
        assert frame.image_rgb.shape == (HEIGHT, WIDTH, 3)
        assert frame.gray.dtype == frame.image_rgb.dtype == np.uint8
        assert np.abs(frame.gray.astype(int) - value).max() <= 1
        assert np.abs(frame.image_rgb.astype(int) - value).max() <= 2


def test_full_range_is_not_stretched(tmp_path):
    path = film(
        tmp_path / "video.avi", "mjpeg", pixels="yuvj420p",
        images=[flat("yuvj420p", value, 128) for value in (16, 235)],
    )  # fmt: skip
    dark, bright = all_of(path)
    assert abs(int(dark.gray.mean()) - 16) <= 1
    assert abs(int(bright.image_rgb.mean()) - 235) <= 1


def test_odd_sizes(tmp_path):
    images = [image[:, :, ::-1].copy() for image in pictures(3, 241, 321)]
    path = film(tmp_path / "video.mkv", "ffv1", pixels="bgr0", images=images)
    for frame, image in zip(all_of(path), images, strict=True):
        np.testing.assert_array_equal(frame.image_rgb, image)
    path = film(tmp_path / "odd.avi", "mjpeg", pixels="yuvj420p", images=images)
    assert {frame.gray.shape for frame in all_of(path)} == {(241, 321)}


@pytest.mark.parametrize(
    ("aspect", "size"), [(Fraction(4, 3), (85, 48)), (Fraction(1, 2), (64, 96))]
)
def test_pixels_become_square(tmp_path, aspect, size):
    def before(stream):
        stream.codec_context.sample_aspect_ratio = aspect

    path = film(tmp_path / "video.mkv", count=3, before=before)
    with open_video(path) as video:
        assert (video.info.width, video.info.height) == size
        assert {frame.image_rgb.shape for frame in video} == {(*size[::-1], 3)}


def test_what_is_known_before_reading(plain):
    with open_video(plain) as video:
        info = video.info
    assert (info.name, info.width, info.height) == (str(plain), WIDTH, HEIGHT)
    assert (info.fps, info.frames, info.duration_s) == (25, 30, pytest.approx(1.2))
    assert (info.codec, info.pixel_format, info.bits) == ("h264", "yuv420p", 8)


def test_frames_stay_valid_and_are_made_anew(plain):
    with open_video(plain) as video:
        frames = list(video)
        early = [frame.image_rgb for frame in frames]
    frames[3].image_rgb[:] = 0
    for frame, image in zip(frames, early, strict=True):
        np.testing.assert_array_equal(frame.image_rgb, image)
        assert frame.image_rgb.flags.writeable


def test_a_frame_of_an_array():
    image = next(pictures(1))
    frame = VideoFrame.of(number=2, time_s=Fraction(1, 3), image_rgb=image)
    assert frame.image_rgb is image
    assert np.abs(frame.gray - image @ np.array([0.299, 0.587, 0.114])).max() <= 0.5001


def test_everything_is_closed_whatever_happens(plain):
    list(open_video(plain))
    before = descriptors()
    for frame in open_video(plain):
        if frame.number == 3:
            break
    del frame
    assert descriptors() == before
    forgotten = open_video(plain)
    part = forgotten.between(4, 9)
    next(part)
    del forgotten, part
    assert descriptors() == before
    with pytest.raises(KeyError), open_video(plain) as video:
        fail(next(iter(video)))
    assert descriptors() == before


def test_a_closed_video_says_so(plain):
    with open_video(plain) as video:
        passing = iter(video)
        next(passing)
    with pytest.raises(DataError, match="closed"):
        next(passing)
    with pytest.raises(DataError, match="closed"):
        next(iter(video))


def test_memory_does_not_grow_with_the_length(tmp_path):
    image = next(pictures(1, 240, 320))
    path = film(tmp_path / "video.mp4", images=[image] * 1500, options={"preset": "ultrafast"})
    early = 0
    for frame in open_video(path):
        assert frame.image_rgb.size
        if frame.number == 300:
            early = resident_bytes()
    # Twelve hundred frames, kept as they are decoded, would be 138 MB.
    assert resident_bytes() - early < 16e6


@pytest.mark.parametrize("kind", ["h264 ts", "h264 mkv"])
def test_a_pipe_is_read_once_forwards(tmp_path, kind):
    data = film_of(kind, tmp_path).read_bytes()
    source, sink = os.pipe()

    def send():
        with os.fdopen(sink, "wb") as file:
            file.write(data)

    sender = threading.Thread(target=send)
    sender.start()
    with os.fdopen(source, "rb") as pipe, open_video(pipe) as video:
        assert [frame.number for frame in video] == list(range(30))
        with pytest.raises(DataError, match="only once"):
            next(iter(video))
        with pytest.raises(DataError, match="only once"):
            list(video.between(1, 2))
    sender.join()


def test_a_named_pipe_is_read_once(tmp_path):
    data = film_of("h264 ts", tmp_path).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    sender = threading.Thread(target=pipe.write_bytes, args=[data])
    sender.start()
    with open_video(pipe) as video:
        assert len(list(video)) == 30
        with pytest.raises(DataError, match="only once"):
            next(iter(video))
    sender.join()


def test_a_fragmented_mp4_comes_through_a_pipe_a_plain_one_does_not(tmp_path):
    class Pipe(io.BytesIO):
        def seekable(self):
            return False

    noise = list(np.random.default_rng(0).integers(0, 255, (8, 240, 320, 3), np.uint8))
    muxing = {"movflags": "frag_keyframe+empty_moov"}
    options = {"g": "5", "crf": "1"}
    path = film(tmp_path / "pieces.mp4", images=noise, muxing=muxing, options=options)
    assert len(all_of(Pipe(path.read_bytes()))) == 8
    path = film(tmp_path / "plain.mp4", images=noise, options=options)
    assert path.stat().st_size > 1 << 19  # more than is looked at before the pictures
    with pytest.raises(DataError, match="the stream"):
        all_of(Pipe(path.read_bytes()))


def test_errors_of_a_stream_are_told():
    class Broken(io.RawIOBase):
        def readable(self):
            return True

        def read(self, size=-1):
            raise OSError(5, "the cable is out")

    with pytest.raises(DataError, match="the cable is out"):
        open_video(Broken())


def test_a_folder_of_images(tmp_path):
    images = list(pictures(12))
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"img{number + 1}.png")
    with open_video(tmp_path, fps=Fraction(200)) as video:
        assert (video.info.frames, video.info.fps, video.info.width) == (12, 200, WIDTH)
        for frame, image in zip(video, images, strict=True):
            assert frame.time_s == Fraction(frame.number, 200)
            np.testing.assert_array_equal(frame.image_rgb, image)
        assert [frame.number for frame in video.between(9, 20)] == [9, 10, 11]
    with pytest.raises(DataError, match="frame rate: --fps 200"):
        open_video(tmp_path)


def test_a_folder_with_a_broken_image(tmp_path):
    for number, image in enumerate(pictures(5)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    rate = Fraction(25)
    with open_video(tmp_path, fps=rate) as video, pytest.raises(DataError, match=r"2\.png"):
        list(video)
    with open_video(tmp_path, fps=rate, on_damage="stop") as video:
        assert [frame.number for frame in video] == [0, 1]
        assert "2.png" in video.damage
    with open_video(tmp_path, fps=rate, on_damage="skip") as video:
        assert [frame.number for frame in video] == [0, 1, 3, 4]
    Image.new("RGB", (9, 9)).save(tmp_path / "2.png")
    with open_video(tmp_path, fps=rate) as video, pytest.raises(DataError, match="one size"):
        list(video)


def test_sources_that_are_no_videos(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.txt").write_text("no video\n" * 1000)
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hosts\n")
    (tmp_path / "folder").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "image.png")
    for name, why in {
        "nowhere.mp4": "no video", "empty.mp4": "0 bytes", "text.txt": "cannot be read",
        "list.m3u8": "cannot be read", "folder": "no images", "image.png": "cannot be read",
    }.items():  # fmt: skip
        with pytest.raises(DataError, match=why):
            open_video(tmp_path / name, fps=Fraction(25))


def test_a_file_that_may_not_be_read(plain, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        open_video(plain)


def test_a_text_stream_is_no_video(tmp_path):
    (tmp_path / "a").touch()
    with (tmp_path / "a").open() as text, pytest.raises(DataError, match="binary"):
        open_video(text)


def test_a_title_in_another_encoding(tmp_path):
    """By whichever release of PyAV is here."""
    path = tmp_path / "film.avi"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "A-TITLE"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        container.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"A-TITLE", b"\xe9\xff\xfeITLE"))
    assert len(all_of(path)) == 1


def test_a_camera_that_is_not_there():
    with pytest.raises(DataError, match="no camera 97"):
        open_video("camera:97")


@pytest.mark.parametrize(
    ("system", "opened"),
    [
        ("darwin", {"file": "0", "format": "avfoundation", "options": {"framerate": "30"}}),
        ("win32", {"file": "video=0", "format": "dshow", "options": {}}),
    ],
)
def test_a_camera_of_another_system(system, opened, monkeypatch):
    """Its sound is counted apart; what FFmpeg has for that system is asked for."""
    devices = [av.DeviceInfo("5", "", False, ["audio"]), av.DeviceInfo("0", "", False, ["video"])]
    asked = []
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr(av, "enumerate_input_devices", lambda name: asked.append(name) or devices)
    monkeypatch.setattr(av, "open", lambda file, mode, **given: {"file": file, **given})
    assert open_camera(0) == opened
    assert asked == [opened["format"]]
    with pytest.raises(DataError, match="no camera 1; found: 0"):
        open_camera(1)


def test_a_camera_of_a_system_without(monkeypatch):
    monkeypatch.setattr("sys.platform", "aix")
    with pytest.raises(DataError, match="Linux, macOS"):
        open_camera(0)


def test_sound_without_pictures(tmp_path):
    path = tmp_path / "sound.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16_000))
    with pytest.raises(DataError, match="no video; found only: audio"):
        open_video(path)


def test_frames_that_are_too_large(tmp_path):
    image = np.zeros((16, 8208, 3), np.uint8)
    path = film(tmp_path / "video.mkv", "ffv1", pixels="bgr0", images=[image])
    with pytest.raises(DataError, match="8208 x 16 pixels; at most 8192"):
        open_video(path)


@pytest.mark.parametrize(
    "options", [{"threads": -1}, {"fps": Fraction(0)}, {"fps": Fraction(-25)}, {"on_damage": "no"}]
)
def test_options_that_are_not_possible(plain, options):
    with pytest.raises(ConfigError):
        open_video(plain, **options)


@pytest.fixture
def damaged(plain, tmp_path):
    """The video with noise in the pictures of its second half, and with frames behind it."""
    data = bytearray(plain.read_bytes())
    with av.open(str(plain)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    position, size = packets[12]
    data[position + 5 : position + size] = bytes(size - 5)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    return path


def test_damage_in_the_middle(damaged):
    seen = []
    with (
        open_video(damaged) as video,
        pytest.raises(DataError, match="damaged after frame") as told,
    ):
        seen.extend(frame.number for frame in video)
    assert 5 <= len(seen) < 20
    assert f"after frame {len(seen) - 1} ({(len(seen) - 1) / 25:.3f} s)" in str(told.value)
    with open_video(damaged, on_damage="stop") as video:
        assert [frame.number for frame in video] == seen
        assert f"after frame {len(seen) - 1}" in video.damage
    with open_video(damaged, on_damage="skip") as video:
        whole = [(frame.number, frame.time_s) for frame in video]
        assert len(seen) < len(whole) < 30
        assert whole[-1][1] == Fraction(29, 25)
        assert "after frame" in video.damage
        last = whole[-1][0]
        assert [(f.number, f.time_s) for f in video.between(last, last)] == whole[-1:]


def test_a_film_that_ends_too_early(tmp_path):
    path = film_of("vp9 webm", tmp_path, count=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with open_video(path, on_damage="stop") as video:
        count = len(list(video))
        assert 0 < count < 45
        assert "its header states 2.400 s" in video.damage
    with open_video(path) as video, pytest.raises(DataError, match="is damaged after frame"):
        list(video)


def test_a_recording_that_begins_between_key_frames_is_no_damage(tmp_path):
    path = film_of("h264 ts", tmp_path, count=60)
    data = path.read_bytes()
    path.write_bytes(data[len(data) // 3 // 188 * 188 :])
    with open_video(path) as video:
        frames = [frame.number for frame in video]
        assert frames == list(range(len(frames)))
        assert 20 < len(frames) < 60
        assert video.damage is None


def test_nothing_is_printed_and_nothing_heavy_is_loaded(damaged):
    code = (
        "import sys; from openmer.video.io._reader import open_video; "
        "assert not {'av', 'torch'} & set(sys.modules), 'heavy'\n"
        "with open_video(sys.argv[1], on_damage='skip') as video: print(len(list(video)) > 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(damaged)], capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")
