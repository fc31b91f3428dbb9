"""The photograph behind all synthetic subjects, taken apart into skin, hair and opacities.

Coordinates here are *face units*: pixels of the photograph, x right and y down. The part of the
photograph that a video frame shows is the square of `CROP_UNITS` whose corner is `CROP_ORIGIN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Points = NDArray[np.float64]

CROP_ORIGIN = (135.0, 18.0)  # corner of a frame in the photograph
CROP_UNITS = 180.0  # side of a frame
MARGIN_UNITS = 12.0  # texture kept around a frame, for head sway
TEXELS = 2  # texture pixels per face unit
TEXTURE_SIDE = int((CROP_UNITS + 2 * MARGIN_UNITS) * TEXELS)
CENTRE_X = CROP_ORIGIN[0] + CROP_UNITS / 2

# Marked by hand in the photograph; "l" and "r" are the image's left and right.
LANDMARKS = MappingProxyType(
    {
        "brow_outer_l": (190.0, 91.0),
        "brow_inner_l": (211.0, 93.0),
        "brow_inner_r": (240.0, 94.0),
        "brow_outer_r": (262.0, 95.0),
        "eye_l": (203.0, 101.5),
        "eye_r": (246.0, 103.5),
        "nose_root": (224.0, 106.0),
        "nose_tip": (224.0, 127.0),
        "ala_l": (212.0, 129.0),
        "ala_r": (238.0, 129.0),
        "cheek_l": (197.0, 122.0),
        "cheek_r": (253.0, 123.0),
        "mouth_l": (202.0, 142.5),
        "mouth_r": (245.0, 142.5),
        "lip_lower": (224.0, 149.0),
        "chin": (224.0, 170.0),
    }
)

_JAW = [
    (183, 138), (185, 150), (190, 160), (200, 169), (213, 177), (224, 180),
    (236, 177), (248, 170), (258, 160), (264, 151), (267, 142), (268, 137),
]  # fmt: skip
_NECK = [(186, 140), (186, 176), (189, 187), (222, 196), (251, 193), (255, 176), (262, 140)]
_EARS = [(181, 110), (170, 118), (175, 129), (183, 132), (268, 137), (277, 133), (279, 124)]
_HEAD = [
    (182, 131), (170, 118), (159, 100), (156, 88), (154.5, 72), (157, 60), (172, 43), (190, 34),
    (196, 27), (212, 19), (232, 16), (252, 20), (268, 29), (289, 49), (297, 66), (299, 90),
    (291, 114), (279, 127), (268, 137),
]  # fmt: skip
_BELOW_FRINGE = [
    (181, 132), (181, 110), (183, 100), (185, 88), (187, 77), (192, 76), (200, 80), (220, 81),
    (240, 81), (250, 84), (258, 88), (266, 90), (270, 100), (270, 120), (269, 138),
]  # fmt: skip
_CLOTHES = [
    (100, 230), (100, 205), (150, 192), (184, 182), (190, 188), (222, 193), (252, 189), (258, 182),
    (300, 190), (345, 205), (345, 230),
]  # fmt: skip
# Between the lips of the smile: x, and y of the upper and of the lower edge.
_LIPS_X = (202, 206, 210, 215, 220, 225, 230, 235, 240, 244)
_LIP_GAP_TOP = (139.5, 141, 142, 143, 143.7, 143.7, 143.3, 142, 140.5, 140)
_LIP_GAP_BOTTOM = (139.5, 144.5, 147.7, 149.3, 149.8, 149.8, 149.3, 147.5, 145, 140)


def texture_grid() -> Points:
    """Face units of every texture pixel, shape ``(2, side, side)``."""
    axis = np.arange(TEXTURE_SIDE) / TEXELS - MARGIN_UNITS
    return np.stack(np.meshgrid(axis + CROP_ORIGIN[0], axis + CROP_ORIGIN[1]))


def texture_map(points: Points) -> tuple[Floats, Floats]:
    """Points ``(2, ...)`` in face units to the two maps of `cv2.remap` over a texture."""
    return to_texture(points[0], 0), to_texture(points[1], 1)


def to_texture(values: Points, axis: int) -> Floats:
    """Face units along x (axis 0) or y (1) to texture pixels."""
    return ((values - CROP_ORIGIN[axis] + MARGIN_UNITS) * TEXELS).astype(np.float32)


def window(points: Points, centre: tuple[float, float], reach: tuple[float, float]) -> Points:
    """Weigh points ``(2, ...)`` by a Gaussian of their distance from `centre`, ``(...)``."""
    weight: Points = np.exp(
        -(((points[0] - centre[0]) / reach[0]) ** 2 + ((points[1] - centre[1]) / reach[1]) ** 2) / 2
    )
    return weight


def texel(point: tuple[float, float]) -> tuple[int, int]:
    """Return the texture pixel nearest to a point in face units."""
    return (
        round((point[0] - CROP_ORIGIN[0] + MARGIN_UNITS) * TEXELS),
        round((point[1] - CROP_ORIGIN[1] + MARGIN_UNITS) * TEXELS),
    )


def soft(image: Points | Floats, sigma_units: float) -> Floats:
    """Blur an image or mask by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_units * TEXELS), np.float32)


@lru_cache(maxsize=1)
def photograph_layers() -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Neutral layers of the photograph and their opacities, read only.

    The photograph is NASA's portrait of Eileen Collins, in the public domain; scikit-image ships it
    in its wheel.

    Returns:
        Layers "skin" ``(side, side, 3)``, 0..1, and "hair" ``(side, side)``, 1 on average; and
        opacities "face", "hair", "clothes", "eyes", "lips" and "beard" ``(side, side)``, 0..1.
    """
    below_fringe = _filled([*_BELOW_FRINGE, *_JAW[::-1]], _NECK, _EARS[:4], _EARS[4:])
    hair = np.clip(_filled(_HEAD, _JAW, _NECK) - below_fringe, 0, 1)
    skull = np.maximum(below_fringe, _ellipse((226, 98), (44, 66)))
    eyes = np.maximum(_ellipse((203, 101.5), (8, 3.6)), _ellipse((246, 103.5), (8, 3.6)))
    rgb = _neutral_photograph()
    grey = rgb.mean(-1)
    level = (grey * hair).sum() / hair.sum()
    layers = {"skin": _bare_skin(rgb, below_fringe), "hair": grey / level}
    alphas = {
        "face": soft(skull, 0.7),
        "hair": soft(_eroded(hair, 3), 1.0),
        "clothes": soft(_filled(_CLOTHES), 0.8),
        "eyes": soft(eyes, 0.7),
        "lips": soft(_ellipse((223.5, 147), (18, 4)), 1.2),
        "beard": _beard(),
    }
    return layers, alphas


def _neutral_photograph() -> Floats:
    """Return the photograph with its smile relaxed and closed, ``(side, side, 3)``, 0..1."""
    # Read as a file: importing scikit-image would take a second.
    file = resources.files("skimage") / "data" / "astronaut.png"
    bgr = np.asarray(cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR))
    photo = (bgr[..., ::-1] / 255.0).astype(np.float32)
    points = texture_grid()
    maps = points.astype(np.float32)
    rgb = cv2.remap(photo, maps[0], maps[1], cv2.INTER_LANCZOS4)
    x, y = points
    y = y - 3.0 * sum(window(points, (corner, 141.0), (9.0, 7.0)) for corner in (202.0, 245.0))
    top = np.interp(x[0], _LIPS_X, _LIP_GAP_TOP)
    gap = np.interp(x[0], _LIPS_X, _LIP_GAP_BOTTOM) - top
    line = top + 0.4 * gap
    # At the line between the lips the source jumps over the gap, so the teeth are not seen.
    above = -0.4 * gap * np.exp(-(((y - line) / 8.0) ** 2))
    below = 0.6 * gap * np.exp(-(((y - line) / 12.0) ** 2))
    source = np.stack([x, y + np.where(y < line, above, below)])
    rgb = np.clip(cv2.remap(rgb, *texture_map(source), cv2.INTER_CUBIC), 0, 1)
    inside = np.clip((22.0 - np.abs(x - 223.0)) / 4.0, 0.0, 1.0)
    dark = 0.6 * inside * np.exp(-(((y - line) / 0.8) ** 2))
    return np.asarray(rgb * (1 - dark[..., None] * [0.8, 1.0, 1.0]), np.float32)


def _bare_skin(rgb: Floats, below_fringe: Floats) -> Floats:
    """Skin everywhere: what hair and clothes hide is filled from the skin nearby."""
    seen = soft(_eroded(below_fringe, 9), 1.0)
    seen[texel((0, 181))[1] :] = 0  # the collar begins here
    fill = soft(rgb * seen[..., None], 9.0) / (soft(seen, 9.0)[..., None] + 1e-4)
    # Hair shades the skin below it, so its average is too dark for a bare forehead.
    fill = 1.07 * fill
    return np.asarray(fill + seen[..., None] * (rgb - fill), np.float32)


def _beard() -> Floats:
    """Opacity of a full beard, with the grain of its hairs."""
    jaw = _filled([*_JAW, (258, 139), (246, 136), (236, 135), (212, 135), (203, 136), (192, 139)])
    area = soft(jaw, 2.0) * (1 - soft(_ellipse((223.5, 147), (20, 4.5)), 1.0))
    grain = soft(np.random.default_rng(7).normal(1.0, 0.5, jaw.shape), 0.45)
    return np.asarray(np.clip(area * grain, 0, 1), np.float32)


def _eroded(mask: Floats, texels: int) -> Floats:
    """Erode a mask: its edge moves inwards by half of `texels`."""
    return np.asarray(cv2.erode(mask, np.ones((texels, texels))), np.float32)


def _filled(*polygons: Sequence[tuple[float, float]]) -> Floats:
    """Draw a mask that is 1 inside any of the polygons."""
    mask = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.array([texel(point) for point in polygon], np.int32)], 1.0)
    return mask


def _ellipse(centre: tuple[float, float], radii: tuple[float, float]) -> Floats:
    """Draw a mask that is 1 inside an upright ellipse."""
    mask = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    axes = (round(radii[0] * TEXELS), round(radii[1] * TEXELS))
    cv2.ellipse(mask, texel(centre), axes, 0, 0, 360, 1.0, -1)
    return mask
