import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.video.films import NTSC, pictures

from openmer.errors import ConfigError, DataError
from openmer.video import VideoWriter, open_video, write_video

RATE = Fraction(25)


def names(folder):
    return [path.name for path in folder.iterdir()]


def read(path):
    with open_video(path) as video:
        frames = list(video)
        return video.info, [frame.time_s for frame in frames], [frame.image_rgb for frame in frames]


def test_a_browser_can_play_it(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(20), NTSC)
    data = path.read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "the header stands in front"
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.codec.canonical_name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.colorspace, context.color_range) == (1, 1)
    info, times, images = read(path)
    assert (info.fps, info.frames) == (NTSC, 20)
    assert times == [number / NTSC for number in range(20)]
    for image, written in zip(images, pictures(20), strict=True):
        assert np.abs(image.astype(int) - written).mean() < 6


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_colours_come_back(tmp_path, ending):
    colours = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (255, 255, 255), (0, 0, 0)])
    images = [np.broadcast_to(c, (32, 32, 3)).astype(np.uint8) for c in colours]
    _, _, back = read(write_video(tmp_path / f"video.{ending}", images, RATE, crf=1))
    for image, colour in zip(back, colours, strict=True):
        assert np.abs(image.astype(int) - colour).max() <= 4


@given(st.integers(2, 40), st.integers(2, 40), st.integers(1, 4), st.booleans())
def test_ffv1_loses_nothing(tmp_path_factory, height, width, count, is_gray):
    shape = (count, height, width) if is_gray else (count, height, width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path_factory.mktemp("ffv1") / "video.mkv"
    _, _, back = read(write_video(path, images, RATE, codec="ffv1"))
    for image, written in zip(back, images, strict=True):
        written = np.stack([written] * 3, axis=-1) if is_gray else written
        np.testing.assert_array_equal(image, written)


def test_odd_sides_get_their_last_row_and_column_twice(tmp_path):
    images = [image[:47, :63] for image in pictures(3)]
    info, _, back = read(write_video(tmp_path / "video.mp4", images, RATE, crf=1))
    assert (info.height, info.width) == (48, 64)
    assert np.abs(back[0][:47, :63].astype(int) - images[0]).mean() < 6


@pytest.mark.parametrize("fps", [Fraction(1), Fraction(240), NTSC])
def test_rates(tmp_path, fps):
    info, times, _ = read(write_video(tmp_path / "video.mp4", pictures(5), fps))
    assert info.fps == fps
    assert times == [number / fps for number in range(5)]


@pytest.mark.parametrize(("ending", "unit"), [("mp4", 90_000), ("mkv", 1000)])
def test_given_times_are_kept(tmp_path, ending, unit):
    times_s = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.2, 15)) + 7.0
    path = write_video(tmp_path / f"video.{ending}", pictures(15), RATE, times_s=times_s.tolist())
    _, times, _ = read(path)
    assert [float(t) for t in times] == pytest.approx((times_s - times_s[0]).tolist(), abs=1 / unit)


def test_frame_by_frame(tmp_path):
    path = tmp_path / "video.mp4"
    with VideoWriter(path, fps=RATE) as writer:
        for number, image in enumerate(pictures(6)):
            writer.add(image, time_s=Fraction(number, 10))
            assert not path.exists(), "it gets its name when it is complete"
    assert read(path)[1] == [Fraction(number, 10) for number in range(6)]
    assert names(tmp_path) == ["video.mp4"]
    with pytest.raises(DataError, match="closed"):
        writer.add(image)


def broken_off(path):
    with VideoWriter(path, fps=RATE) as writer:
        for image in pictures(40):
            writer.add(image)
        raise KeyError


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_text("before")
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(KeyError):
        broken_off(path)
    assert names(tmp_path) == ["video.mp4"]
    assert path.read_text() == "before"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def pixels(*shape):
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("images", "why"),
    [
        ([], "there were no frames"),
        ([pixels(8, 8, 3), pixels(8, 10, 3)], "one size"),
        ([pixels(8, 8, 4)], "uint8 of"),
        ([pixels(8)], "uint8 of"),
        ([pixels(1, 8, 3)], "at least 2 x 2"),
        ([np.zeros((8, 8, 3))], "float64"),
    ],
)
def test_frames_that_cannot_be_written(tmp_path, images, why):
    with pytest.raises(DataError, match=why):
        write_video(tmp_path / "video.mp4", images, RATE)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("times_s", "why"),
    [
        ([0.0, 0.1], "as many"),
        ([0.0, 0.1, 0.2, 0.3], "as many"),
        ([0.0, 0.2, 0.1], "not later"),
        ([0.0, 0.1, 0.1], "not later"),
    ],
)
def test_times_that_cannot_be_written(tmp_path, times_s, why):
    with pytest.raises(DataError, match=why):
        write_video(tmp_path / "video.mp4", pictures(3), RATE, times_s=times_s)
    assert names(tmp_path) == []


def test_times_for_all_frames_or_for_none(tmp_path):
    first, second = pictures(2)
    with VideoWriter(tmp_path / "video.mp4", fps=RATE) as writer:
        writer.add(first)
        with pytest.raises(DataError, match="all or none"):
            writer.add(second, time_s=1)
    assert len(read(tmp_path / "video.mp4")[1]) == 1


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("video.avi", {}, "ends in"),
        ("video.mp4", {"codec": "ffv1"}, r"ends in \.mkv"),
        ("video.mp4", {"codec": "h265"}, "no codec 'h265'"),
        ("video.mp4", {"crf": 52}, "crf=52"),
        ("video.mp4", {"fps": Fraction(0)}, "fps=0"),
    ],
)
def test_options_that_are_not_possible(tmp_path, name, options, why):
    with pytest.raises(ConfigError, match=why):
        VideoWriter(tmp_path / name, **{"fps": RATE, **options})


def test_a_folder_that_is_not_there_is_made_and_a_file_in_its_place_told(tmp_path):
    path = write_video(tmp_path / "new" / "video.mp4", pictures(3), RATE)
    with pytest.raises(DataError, match="Cannot write"):
        write_video(path / "video.mp4", pictures(3), RATE)
    assert names(tmp_path / "new") == ["video.mp4"]


@pytest.mark.parametrize("kind", ["mp4", "mkv"])
@pytest.mark.parametrize("room", [2_000, 300_000])
def test_a_full_disk(tmp_path, kind, room):
    """A limit on the size of files stands for the full disk; it ends writing in the same way."""
    code = (
        "import resource, signal, sys; from fractions import Fraction; import numpy as np\n"
        "from openmer.errors import DataError; from openmer.video.io._writer import write_video\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))\n"
        "images = np.random.default_rng(0).integers(0, 255, (30, 120, 160, 3), np.uint8)\n"
        "try: write_video(sys.argv[1], images, Fraction(25))\n"
        "except DataError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / f"video.{kind}"), str(room)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Cannot write")
    assert names(tmp_path) == []


@given(st.lists(st.floats(0, 100, width=32), min_size=1, max_size=12, unique=True).map(sorted))
def test_any_rising_times_come_back_or_are_refused(tmp_path_factory, times_s):
    path = tmp_path_factory.mktemp("times") / "video.mp4"
    ticks = [round((Fraction(t) - Fraction(times_s[0])) * 90_000) for t in times_s]
    if len(set(ticks)) < len(ticks):
        with pytest.raises(DataError, match="not later"):
            write_video(path, pictures(len(times_s)), RATE, times_s=times_s)
        return
    write_video(path, pictures(len(times_s)), RATE, times_s=times_s)
    assert read(path)[1] == [Fraction(tick, 90_000) for tick in ticks]
