"""Image files of every kind become the same gray levels and colours."""

import math
import os

import numpy as np
import pytest
from PIL import Image

from openmer.errors import DataError
from openmer.preprocessing import colours_of, gray_of, read_gray, read_pixels, read_rgb
from openmer.preprocessing._frames import MOST_PIXELS

GRAY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
COLOUR = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)


def test_gray_is_read_as_it_is(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    gray = read_gray(tmp_path / "a.png")
    assert gray.dtype == np.float32
    assert np.array_equal(gray, GRAY)
    assert np.array_equal(read_rgb(tmp_path / "a.png"), np.stack([GRAY] * 3))


def test_sixteen_bits_keep_their_depth(tmp_path):
    deep = GRAY.astype(np.uint16) * 257 + 100
    Image.fromarray(deep).save(tmp_path / "a.png")
    assert np.allclose(read_gray(tmp_path / "a.png"), deep / 257, atol=1e-4)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_colour_with_and_without_transparency(tmp_path, mode):
    pixels = COLOUR if mode == "RGB" else np.dstack([COLOUR, np.full((3, 4), 9, np.uint8)])
    Image.fromarray(pixels, mode=None).save(tmp_path / "a.png")
    assert np.array_equal(read_rgb(tmp_path / "a.png"), np.moveaxis(COLOUR, -1, 0))
    expected = COLOUR @ [0.299, 0.587, 0.114]
    assert np.allclose(read_gray(tmp_path / "a.png"), expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["gray", "16 bit", "colour", "alpha", "palette"])
def test_one_reading_gives_gray_and_colours_to_the_bit(tmp_path, kind):
    made = {
        "gray": Image.fromarray(GRAY),
        "16 bit": Image.fromarray(GRAY.astype(np.uint16) * 257 + 100),
        "colour": Image.fromarray(COLOUR),
        "alpha": Image.fromarray(np.dstack([COLOUR, COLOUR[..., :1]])),
        "palette": Image.fromarray(COLOUR).quantize(5),
    }[kind]
    made.save(tmp_path / "a.png")
    pixels = read_pixels(tmp_path / "a.png")
    if kind in ("gray", "16 bit"):
        gray = np.asarray(made).astype(np.float32) / np.float32(257 if kind == "16 bit" else 1)
        colours = np.dstack([gray] * 3)
    else:
        colours = np.asarray(made.convert("RGB")).astype(np.float32)
        gray = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    assert pixels.dtype == (np.float32 if kind == "16 bit" else np.uint8)
    for found, expected in [
        (gray_of(pixels), gray),
        (read_gray(tmp_path / "a.png"), gray),
        (colours_of(pixels), colours),
        (np.moveaxis(read_rgb(tmp_path / "a.png"), 0, -1), colours),
    ]:
        assert found.dtype == np.float32
        assert np.array_equal(found, expected)
        found += 1  # the caller's own
        assert not np.array_equal(gray_of(pixels), gray + 1)


def test_gray_with_transparency_stays_gray(tmp_path):
    Image.fromarray(np.dstack([GRAY, GRAY // 2])).save(tmp_path / "a.png")
    assert np.array_equal(read_gray(tmp_path / "a.png"), GRAY)


def test_colour_with_equal_channels_is_gray(tmp_path):
    Image.fromarray(np.dstack([GRAY] * 3)).save(tmp_path / "a.png")
    assert np.allclose(read_gray(tmp_path / "a.png"), GRAY, atol=1e-4)


def test_the_rotation_in_the_metadata_is_carried_out(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.fromarray(GRAY).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_gray(tmp_path / "a.png"), np.rot90(GRAY, -1))


def test_a_broken_image_is_named(tmp_path):
    whole = tmp_path / "a.png"
    Image.fromarray(COLOUR.repeat(40, 0).repeat(40, 1)).save(whole)
    for name, content in [
        ("cut.png", whole.read_bytes()[:300]),
        ("text.jpg", b"no image"),
        ("empty.png", b""),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name}.*cannot be read"):
            read_gray(tmp_path / name)


def test_a_cut_off_jpeg_is_not_filled_with_gray(tmp_path):
    Image.fromarray(COLOUR.repeat(40, 0).repeat(40, 1)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-900])
    with pytest.raises(DataError, match=r"b\.jpg"):
        read_gray(tmp_path / "b.jpg")


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no .*none\.png, expected an image"):
        read_rgb(tmp_path / "none.png")


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(GRAY.astype(np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match="floating-point"):
        read_gray(tmp_path / "a.tiff")


def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    side = math.isqrt(MOST_PIXELS) + 1
    Image.new("1", (side, side)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match=f"has {side} x {side} pixels; at most 25 million"):
        read_rgb(tmp_path / "large.png")


def test_whole_numbers_of_32_bits_are_refused(tmp_path):
    Image.fromarray(np.full((4, 4), 10**7, np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(DataError, match="32-bit pixels"):
        read_gray(tmp_path / "deep.tif")
    Image.fromarray(np.full((4, 4), 257 * 9, np.uint16)).save(tmp_path / "deep.png")
    assert read_gray(tmp_path / "deep.png").max() == 9


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    for name in ("a.png", "b.png"):
        with pytest.raises(DataError, match="is no file, expected an image"):
            read_gray(tmp_path / name)


def test_any_failure_of_a_decoder_is_one_error(tmp_path, monkeypatch):
    Image.new("L", (4, 3)).save(tmp_path / "a.png")

    def broken(*_, **__):
        raise RuntimeError("state of the decoder")

    monkeypatch.setattr("openmer.preprocessing._frames.ImageOps.exif_transpose", broken)
    with pytest.raises(DataError, match=r"a\.png cannot be read as an image \(RuntimeError"):
        read_gray(tmp_path / "a.png")


@pytest.mark.parametrize("form", ["gif", "tiff", "png", "webp"])
def test_several_pictures_are_no_frame(tmp_path, form):
    pictures = [Image.new("L", (8, 8), level) for level in (10, 200)]
    path = tmp_path / f"img1.{form}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    with pytest.raises(DataError, match="holds several pictures, expected one"):
        read_gray(path)
    pictures[0].save(path)
    assert read_gray(path).shape == (8, 8)
