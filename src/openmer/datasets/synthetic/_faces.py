"""Synthetic subjects: one public-domain photograph, reshaped and repainted into many faces.

Coordinates are the face units of `_synthetic_photo`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from openmer.datasets.synthetic._photo import (
    CENTRE_X,
    LANDMARKS,
    TEXELS,
    TEXTURE_SIDE,
    Floats,
    Points,
    photograph_layers,
    soft,
    texel,
    texture_grid,
    texture_map,
    window,
)

_HAIR_RGB = (
    (0.10, 0.09, 0.09), (0.17, 0.12, 0.09), (0.28, 0.19, 0.12), (0.42, 0.28, 0.16),
    (0.70, 0.56, 0.34), (0.42, 0.22, 0.13), (0.56, 0.56, 0.57),
)  # fmt: skip
# Magnification of eyes, nose, mouth, jaw, forehead, cheeks: its centre and reach, and its limits.
_GAIN_REGIONS = (
    (0, ((203, 101), (11, 9))),
    (0, ((246, 103), (11, 9))),
    (1, ((225, 120), (11, 15))),
    (2, ((224, 146), (17, 9))),
    (3, ((225, 166), (30, 16))),
    (4, ((225, 84), (40, 15))),
    (5, ((225, 122), (52, 26))),
)
_GAIN_LIMITS = np.array(
    [[0.16, 0.22], [0.30, 0.15], [0.18, 0.28], [0.22, 0.12], [0.0, 0.2], [0.10, 0.05]]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectLook:
    """Everything that makes a subject look and move like nobody else; drawn once per subject.

    Attributes:
        flipped: The photograph is flipped left to right.
        gains: Local magnification (x, y) of eyes, nose, mouth, jaw, forehead, cheeks; shape (6, 2).
        shifts: Vertical shift of brows, mouth corners, and lateral shift of the eyes, face units.
        waves: Coefficients of the low-order field that bends the whole face, shape (2, 4).
        stretch: Width and height of the whole head, 1 is the photograph's.
        hair: Hair volume (1 is the photograph's, larger is closer) and lift of the hairline, units.
        hair_rgb, background_rgb, clothes_rgb: Colours, 0..1.
        skin_depth: 0 is the photograph's skin, 1 the darkest.
        skin_tint, lip_tint: Colour factors.
        brow: Thickness in face units and opacity 0..1.
        beard: Opacity 0..1; 0 is none.
        marks: Freckles: x, y in face units, radius, opacity; shape (n, 4).
        light: Slope of the light along x and y over a frame, and the exponent of its gamma.
        noise_sigma: Camera noise, standard deviation in grey levels of 0..255.
        sway: How far the head drifts in a clip, as a fraction of the largest sway.
    """

    flipped: bool
    gains: Points
    shifts: tuple[float, float, float]
    waves: Points
    stretch: tuple[float, float]
    hair: tuple[float, float]
    hair_rgb: Points
    background_rgb: Points
    clothes_rgb: Points
    skin_depth: float
    skin_tint: Points
    lip_tint: Points
    brow: tuple[float, float]
    beard: float
    marks: Points
    light: tuple[float, float, float]
    noise_sigma: float
    sway: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A subject with a neutral face.

    Attributes:
        texture_rgb: Shape ``(TEXTURE_SIDE, TEXTURE_SIDE, 3)``, 0..255.
        landmarks: Landmark name to (x, y) in face units.
        look: What it was painted from.
    """

    texture_rgb: Floats
    landmarks: dict[str, tuple[float, float]]
    look: SubjectLook


def sample_look(rng: np.random.Generator) -> SubjectLook:
    """Draw a subject."""
    marks = int(rng.integers(0, 36))
    return SubjectLook(
        flipped=bool(rng.random() < 0.5),
        gains=rng.uniform(-1, 1, (6, 2)) * _GAIN_LIMITS,
        shifts=(rng.uniform(-3, 2), rng.uniform(-1.5, 1.5), rng.uniform(-2.5, 2.5)),
        waves=rng.uniform(-1, 1, (2, 4)) * (1.6, 1.6, 1.0, 1.0),
        stretch=(rng.uniform(0.92, 1.08), rng.uniform(0.93, 1.07)),
        hair=(rng.uniform(0.9, 2.2), rng.uniform(-2, 13)),
        hair_rgb=np.array(_HAIR_RGB[rng.integers(len(_HAIR_RGB))]) * rng.uniform(0.96, 1.04, 3),
        background_rgb=rng.uniform(0.25, 0.8) * rng.uniform(0.75, 1.0, 3),
        clothes_rgb=rng.uniform(0.08, 0.6) * rng.uniform(0.5, 1.0, 3),
        skin_depth=float(rng.choice([0, 0.15, 0.35, 0.6, 0.9]) + rng.uniform(-0.05, 0.1)),
        skin_tint=rng.uniform((1.0, 0.95, 0.94), (1.06, 1.0, 1.02)),
        lip_tint=rng.uniform((0.85, 0.65, 0.65), (1.0, 1.0, 1.0)),
        brow=(rng.uniform(1.6, 4.2), rng.uniform(0.25, 0.75)),
        beard=float((rng.random() < 0.35) * rng.uniform(0.25, 0.65)),
        marks=rng.uniform((188, 84, 0.4, 0.1), (264, 172, 1.1, 0.45), (marks, 4)),
        light=(rng.uniform(-0.45, 0.45), rng.uniform(-0.25, 0.25), rng.uniform(0.8, 1.2)),
        noise_sigma=rng.uniform(0.5, 1.6),
        sway=rng.uniform(0.3, 1.0),
    )


def paint_face(look: SubjectLook, *, blur_units: float = 0.5) -> Face:
    """Draw the neutral face of a subject; no randomness.

    Args:
        look: The subject.
        blur_units: Blur of the lens, standard deviation in face units. Half a pixel of the frames
            to be made keeps them free of aliasing, which would look like motion.
    """
    layers, alphas = photograph_layers()
    source = _to_photo(texture_grid(), look)
    maps, hair_maps = texture_map(source), texture_map(_hair_to_photo(source, look))
    skin_rgb = _painted_skin(_warped(layers["skin"], maps), maps, look)
    hair_rgb = np.clip(_warped(layers["hair"], hair_maps), 0.1, 2.2) ** 0.75 * look.hair_rgb
    rgb = _backdrop(look)
    rgb = rgb + _warped(alphas["face"], maps) * (skin_rgb - rgb)
    rgb = rgb + _warped(alphas["hair"], hair_maps) * (hair_rgb - rgb)
    rgb = rgb + _warped(alphas["clothes"], maps) * (_clothes(look) - rgb)
    lit = np.clip(rgb * _light(look), 0.0, 1.0) ** look.light[2]
    texture = soft(lit * 255, blur_units)
    landmarks = {name: _from_photo(point, look) for name, point in LANDMARKS.items()}
    if look.flipped:
        texture = np.ascontiguousarray(texture[:, ::-1])
        ends = 2 * CENTRE_X - 1 / TEXELS  # first and last texel together
        landmarks = {_other_side(k): (ends - x, y) for k, (x, y) in landmarks.items()}
    return Face(texture_rgb=texture, landmarks=landmarks, look=look)


def _to_photo(points: Points, look: SubjectLook) -> Points:
    """Where in the photograph the subject's points ``(2, ...)`` come from, in face units."""
    middle = np.array([CENTRE_X, 112.0]).reshape(2, *[1] * (points.ndim - 1))
    scale = np.array(look.stretch).reshape(middle.shape)
    source = middle + (points - middle) / scale
    unit = (source - middle) / 90.0
    move = np.zeros_like(points)
    for region, (centre, reach) in _GAIN_REGIONS:
        gain = look.gains[region]
        weight = window(source, centre, reach)
        for axis in (0, 1):
            move[axis] -= gain[axis] * weight * (source[axis] - centre[axis])
    brows, corners, eyes = look.shifts
    move[1] -= brows * window(source, (225, 91), (38, 6))
    for side, x in ((-1, 203), (1, 246)):
        move[0] -= side * eyes * window(source, (x, 101), (13, 13))
        move[1] -= corners * window(source, (x, 142), (8, 8))
    bends = np.stack(
        [np.sin(2 * unit[1]), np.sin(2 * unit[0]), np.sin(3 * unit[1] + 1), np.sin(3 * unit[0] + 2)]
    )
    return np.asarray(source + move + np.tensordot(look.waves, bends, axes=1))


def _from_photo(point: tuple[float, float], look: SubjectLook) -> tuple[float, float]:
    """Invert `_to_photo` for one point, by fixed-point iteration."""
    target = np.array(point, float)
    guess = target.copy()
    for _ in range(40):
        guess = guess + 0.8 * (target - _to_photo(guess, look))
    return float(guess[0]), float(guess[1])


def _hair_to_photo(source: Points, look: SubjectLook) -> Points:
    """Change the result of `_to_photo` to the subject's own hair volume and hairline."""
    volume, lift = look.hair
    x, y = source
    side = x - CENTRE_X
    beyond = np.logaddexp(0, (np.abs(side) - 47.0) / 4.0) * 4.0
    above = np.logaddexp(0, (58.0 - y) / 4.0) * 4.0
    x = x + np.sign(side) * (volume - 1.0) * beyond
    y = y + lift * np.exp(-((side / 48.0) ** 2)) - 0.5 * (volume - 1.0) * above
    return np.stack([x, y])


def _warped(layer: Floats, maps: tuple[Floats, Floats]) -> Floats:
    """Warp a layer or opacity of the photograph to the subject, ``(side, side, channels)``."""
    warped = cv2.remap(layer.astype(np.float32), *maps, cv2.INTER_LINEAR)
    return np.asarray(warped.reshape(TEXTURE_SIDE, TEXTURE_SIDE, -1), np.float32)


def _painted_skin(rgb: Floats, maps: tuple[Floats, Floats], look: SubjectLook) -> Points:
    """Skin of the photograph ``(side, side, 3)``, 0..1, in the subject's own colours."""
    alphas = photograph_layers()[1]
    eyes = _warped(alphas["eyes"], maps)
    absorbed = np.exp(-look.skin_depth * np.array([0.75, 1.05, 1.35])) * look.skin_tint
    out = rgb * (absorbed * (1 - eyes) + eyes * np.sqrt(absorbed.mean()))
    out = out * (1 + _warped(alphas["lips"], maps) * (look.lip_tint - 1))
    out = out * (1 - _freckles(look) * (1 - eyes) * [0.6, 0.8, 0.9])
    brows = look.brow[1] * _warped(_brows(look), maps)
    out = out + brows * (0.7 * look.hair_rgb - out)
    beard = look.beard * _warped(alphas["beard"], maps)
    return np.asarray(out + beard * (0.85 * look.hair_rgb - out))


def _freckles(look: SubjectLook) -> Floats:
    """Opacity of the subject's freckles, ``(side, side, 1)``."""
    spots = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE, 1), np.float32)
    grid = texture_grid()
    for x, y, radius, opacity in look.marks:
        column, row = texel((x, y))
        near = np.s_[row - 10 : row + 11, column - 10 : column + 11]
        spot = opacity * window(grid[:, *near], (x, y), (radius, radius))
        spots[near] = np.maximum(spots[near], spot[..., None])
    return spots


def _brows(look: SubjectLook) -> Floats:
    """Opacity of brows as thick as the subject's, on the photograph, ``(side, side)``."""
    brows = np.zeros((TEXTURE_SIDE, TEXTURE_SIDE), np.float32)
    for side in "lr":
        inner, outer = LANDMARKS[f"brow_inner_{side}"], LANDMARKS[f"brow_outer_{side}"]
        top = ((inner[0] + 2 * outer[0]) / 3, min(inner[1], outer[1]) - 2.0)
        line = np.array([texel(point) for point in (inner, top, outer)], np.int32)
        cv2.polylines(brows, [line], False, 1.0, round(look.brow[0] * TEXELS))
    return soft(brows, 1.0)


def _backdrop(look: SubjectLook) -> Points:
    """Draw the wall behind the subject, ``(side, side, 3)``, 0..1."""
    x, y = _from_middle()
    shade = 1.0 + 0.12 * np.sin(1.3 * x + 3 * look.light[0]) * np.cos(1.1 * y)
    return np.asarray(shade[..., None] * look.background_rgb)


def _clothes(look: SubjectLook) -> Points:
    """Cloth with folds, ``(side, side, 3)``, 0..1."""
    x, y = texture_grid()
    folds = 1.0 + 0.10 * np.sin(0.13 * x + 0.05 * y) + 0.06 * np.sin(0.31 * x - 0.2 * y)
    return np.asarray(folds[..., None] * look.clothes_rgb)


def _light(look: SubjectLook) -> Points:
    """Brightness of the light, ``(side, side, 1)``, 1 in the middle."""
    x, y = _from_middle()
    return np.asarray(np.clip(1.0 + look.light[0] * x + look.light[1] * y, 0.4, 1.6)[..., None])


def _from_middle() -> Points:
    """Every texel's place in the frame, -1..1 along each axis, shape ``(2, side, side)``."""
    return np.asarray((texture_grid() - np.array([[[CENTRE_X]], [[108.0]]])) / 90.0)


def _other_side(name: str) -> str:
    """Return the landmark's name in a flipped face: "eye_l" is "eye_r"."""
    return name[:-1] + {"l": "r", "r": "l"}[name[-1]] if name[-2] == "_" else name
