"""Broken bytes of every common container end in frames or in one `DataError`, never otherwise."""

import io
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.video.films import KINDS, film_of

from openmer.errors import DataError
from openmer.video import open_video

LONGEST_S = 20  # for one broken video of a few kilobytes, on a busy computer
MOST_FRAMES = 400
MODES = st.sampled_from(["error", "stop", "skip"])

fuzzed = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module", params=sorted(KINDS))
def whole(request, tmp_path_factory):
    """The bytes of a good video."""
    return film_of(request.param, tmp_path_factory.mktemp("fuzz"), count=16).read_bytes()


@pytest.fixture(autouse=True)
def _nothing_is_left_or_printed(tmp_path, capfd):
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"video"}
    assert capfd.readouterr() == ("", "")


def frames_of(source, **options):
    """How many frames can be read; every other error than `DataError` comes through."""
    begun, count, last_s, said = time.monotonic(), 0, -1, "."
    try:
        with open_video(source, **options) as video:
            for frame in video:
                assert frame.number == count
                assert frame.time_s > last_s
                assert frame.image_rgb.shape == (video.info.height, video.info.width, 3)
                count, last_s = count + 1, frame.time_s
                assert count < MOST_FRAMES
            list(video.between(count // 2, count // 2 + 1))
    except DataError as error:
        said = str(error)
    assert said.endswith(".") and "\n" not in said
    assert time.monotonic() - begun < LONGEST_S
    return count


def broken(data, places, noise):
    """Some bytes of a video replaced; places are shares of its length."""
    changed = bytearray(data)
    for place, byte in zip(places, noise, strict=False):
        changed[int(place * (len(data) - 1))] = byte
    return bytes(changed)


@fuzzed
@given(share=st.floats(0, 1), mode=MODES)
def test_films_that_are_cut_off(whole, tmp_path, share, mode):
    path = tmp_path / "video"
    path.write_bytes(whole[: int(share * len(whole))])
    assert frames_of(path, on_damage=mode) <= 16


@fuzzed
@given(
    places=st.lists(st.floats(0, 1), min_size=1, max_size=30),
    noise=st.binary(min_size=30, max_size=30),
    mode=MODES,
    threads=st.integers(1, 2),
)
def test_films_with_wrong_bytes(whole, tmp_path, places, noise, mode, threads):
    path = tmp_path / "video"
    path.write_bytes(broken(whole, places, noise))
    frames_of(path, on_damage=mode, threads=threads)


@fuzzed
@given(
    begin=st.floats(0, 1),
    length=st.integers(1, 3000),
    seed=st.integers(0, 999),
    mode=MODES,
)
def test_films_with_a_stretch_of_noise(whole, begin, length, seed, mode):
    noise = np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()
    start = int(begin * len(whole))
    data = whole[:start] + noise + whole[start + length :]
    frames_of(io.BytesIO(data), on_damage=mode)


@fuzzed
@given(begin=st.floats(0, 1), length=st.integers(1, 3000), mode=MODES)
def test_films_with_a_part_missing_or_twice(whole, begin, length, mode):
    start = int(begin * len(whole))
    part = whole[start : start + length]
    frames_of(io.BytesIO(whole[:start] + whole[start + length :]), on_damage=mode)
    frames_of(io.BytesIO(whole[:start] + part + part + whole[start + length :]), on_damage=mode)


def test_headers_alone_and_films_without_one(whole, tmp_path):
    path = tmp_path / "video"
    for data in (whole[:16], whole[:200], whole[200:], whole[:100] * 50, bytes(len(whole)), b""):
        path.write_bytes(data)
        frames_of(path)
        frames_of(io.BytesIO(data))


@settings(max_examples=60)
@given(st.binary(max_size=4000))
def test_bytes_that_are_no_film(data):
    assert frames_of(io.BytesIO(data)) < MOST_FRAMES


def test_a_good_film_is_read_whole(whole):
    assert frames_of(io.BytesIO(whole)) == 16
