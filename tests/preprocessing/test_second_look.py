"""An image without a face is looked at again; its faces lie in the places of the image itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from openmer.preprocessing.faces import _detect
from openmer.preprocessing.faces._align import find_alignment
from openmer.preprocessing.faces._detect import Face, detect_faces, register_detector
from openmer.preprocessing.faces._retry import LARGEST_PX, look_again

SIDE_PX = 120


def bright_square(image_rgb: NDArray[np.uint8]) -> list[Face]:
    """Find a bright square, as a detector that needs a tenth of the image around a face."""
    rows, columns = np.nonzero(image_rgb[..., 0] > 127)
    height, width = image_rgb.shape[:2]
    if not len(rows):
        return []
    x0, y0, x1, y1 = columns.min(), rows.min(), columns.max(), rows.max()
    room = min(x0, y0, width - 1 - x1, height - 1 - y1)
    if room < 0.1 * min(width, height):
        return []
    box = (x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5)
    return [Face(box_xyxy=box, score=1, landmarks_xy=((x0, y0),) * 5, image_xy=(width, height))]


def square(x: int, y: int, side: int) -> NDArray[np.uint8]:
    image = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    image[y : y + side, x : x + side] = 255
    return image


@given(st.integers(1, 30), st.integers(1, 30), st.integers(20, 80))
def test_a_second_look_finds_the_same_place(x: int, y: int, side: int) -> None:
    faces = look_again(square(x, y, side), bright_square)
    assert len(faces) == 1
    wanted = (x - 0.5, y - 0.5, x + side - 0.5, y + side - 0.5)
    np.testing.assert_allclose(faces[0].box_xyxy, wanted, atol=0.6)
    np.testing.assert_allclose(faces[0].landmarks_xy[0], (x, y), atol=0.6)
    assert faces[0].image_xy == (SIDE_PX, SIDE_PX)


def test_enlarging_helps_a_detector_that_needs_pixels() -> None:
    def large_only(image_rgb: NDArray[np.uint8]) -> list[Face]:
        return [face for face in bright_square(image_rgb) if face.size_xy[0] >= 70]

    (face,) = look_again(square(20, 30, 40), large_only)
    np.testing.assert_allclose(face.box_xyxy, (19.5, 29.5, 59.5, 69.5), atol=0.6)


def test_looks_are_few_and_bounded() -> None:
    sizes = []

    def nothing(image_rgb: NDArray[np.uint8]) -> list[Face]:
        sizes.append(image_rgb.shape[0])
        return []

    assert look_again(np.zeros((LARGEST_PX, 600, 3), np.uint8), nothing) == []
    assert len(sizes) == 2  # with a wider edge; nothing of this size is enlarged
    assert look_again(square(0, 0, 0), nothing) == []
    assert len(sizes) == 7
    assert max(sizes) == 4 * (SIDE_PX + 2 * SIDE_PX // 2)


def test_what_only_one_look_takes_for_a_face_is_none() -> None:
    def once(image_rgb: NDArray[np.uint8]) -> list[Face]:
        return bright_square(image_rgb) if image_rgb.shape[0] == round(1.3 * SIDE_PX) else []

    assert look_again(square(20, 30, 40), once) == []


def test_only_who_asks_gets_a_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_detect._DETECTORS, "_found", dict(_detect._DETECTORS._found))
    register_detector("bright-square")(bright_square)
    tight = square(2, 2, 100)
    assert detect_faces([tight], "bright-square") == [()]
    assert len(detect_faces([tight], "bright-square", retry=True)[0]) == 1


@pytest.mark.parametrize("style", ["dense-attention", "efficient-me"])
def test_beyond_a_tight_crop_its_edge_goes_on(style: str) -> None:
    crop = np.full((90, 80, 3), 150, np.uint8)
    alignment = find_alignment(crop, style=style, detector="whole")
    left, top, right, bottom = alignment.shown_xyxy
    shifted = replace(
        alignment,
        matrix=tuple((a, b, c + 25) for a, b, c in alignment.matrix),
    )
    shown = shifted.apply(crop)[top:bottom, left:right]
    np.testing.assert_allclose(shown, 150, atol=0.01)
