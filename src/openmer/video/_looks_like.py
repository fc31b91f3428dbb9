"""Which action units a movement looks like, by rules on how far the regions of a face moved.

Nobody has coded the face: this is what the movement looks like, not what a certified coder would
write. Each unit is a pattern of displacements; the patterns that together explain a movement best,
none of them with a negative strength, are what it looks like.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from openmer.video._event import Side, UnitHint
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._regions import REGIONS

Floats = NDArray[np.float64]

_OPENINGS = ("right_lids", "left_lids", "mouth_opening")
_OPENING_PERCENT = 66.0  # of the face's width, of an opening over the distance of the eyes' corners
_LIDS, _MOUTH = "lids", "mouth"

# How far regions move, as (outward, down), and openings grow, when a unit has the strength 1. After
# the Facial Action Coding System (Ekman & Friesen 1978); the amounts beside the main one are ours.
_SIDED: Mapping[int, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        1: {"inner brow": (0.0, -1.0), "outer brow": (0.0, -0.3), "root of the nose": (0.0, -0.3),
            _LIDS: (0.0, 0.4)},
        2: {"outer brow": (0.1, -1.0), "inner brow": (0.0, -0.3), _LIDS: (0.0, 0.3)},
        4: {"inner brow": (-0.5, 0.9), "root of the nose": (0.0, 0.4), _LIDS: (0.0, -0.4)},
        5: {_LIDS: (0.0, 1.0)},
        6: {"cheek": (0.2, -1.0), "wing of the nose": (0.2, -0.3), "outer brow": (-0.25, 0.15),
            _LIDS: (0.0, -0.3)},
        9: {"wing of the nose": (0.25, -1.0), "cheek": (0.1, -0.3), "root of the nose": (0.0, 0.2),
            "inner brow": (0.0, 0.15), _LIDS: (0.0, -0.2)},
        12: {"corner of the mouth": (0.8, -0.6), "wing of the nose": (0.4, -0.25),
             "cheek": (0.2, -0.3), "chin": (0.0, 0.2), "lower lip": (0.0, 0.1), _MOUTH: (0.0, 0.2)},
        14: {"corner of the mouth": (-1.0, 0.0)},
        15: {"corner of the mouth": (0.15, 1.0), "wing of the nose": (0.0, 0.2),
             "chin": (0.0, -0.1), _MOUTH: (0.0, -0.25)},
        20: {"corner of the mouth": (1.0, 0.3)},
    }
)  # fmt: skip
_MIDDLE: Mapping[int, Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        10: {"upper lip": (0.0, -1.0)},
        17: {"chin": (0.0, -1.0), "lower lip": (0.0, -0.8)},
        23: {"upper lip": (0.0, 0.7), "lower lip": (0.0, -0.7), _MOUTH: (0.0, -0.7)},
        25: {_MOUTH: (0.0, 1.0), "lower lip": (0.0, 0.4), "upper lip": (0.0, -0.2)},
        26: {"lower lip": (0.0, 1.0), "chin": (0.0, 0.4), "upper lip": (0.0, 0.1),
             _MOUTH: (0.0, 0.8)},
    }
)  # fmt: skip
UNITS = tuple(sorted((*_SIDED, *_MIDDLE)))

_WEIGHTS = np.array([1.0] * (2 * len(REGIONS)) + [0.3] * len(_OPENINGS))
_NEEDED = 0.05  # of the squared movement that a unit alone must explain
_LEAST_PERCENT = 0.15  # of the face's width; less is noise
_LEAST_SHARE = 0.25  # of the strongest unit
_SURER = MappingProxyType(
    {5: 0.5, 17: 0.6, 26: 0.6}
)  # likewise; chin and lids follow head and brows
_OPPOSITE = ((14, 20), (12, 14), (12, 15), (17, 26), (17, 25))  # no net movement is both
_SMILE, _JAW = 12, 26  # a smile shifts what is taken for the head, and with it the chin
_ONE_SIDE = 0.4  # of the stronger side, below which the other does not count


def looks_like(curves: FaceCurves, first: int, apex: int) -> tuple[UnitHint, ...]:
    """Say which action units the movement from one row of the curves to another looks like.

    Args:
        curves: Of the face.
        first: Row of the onset.
        apex: Row of the apex.

    Returns:
        The strongest first; none where nothing moved by 0.15 % of the face's width.
    """
    moved = 100 / FACE_WIDTH_PX * (curves.regions_px[apex] - curves.regions_px[first])
    opened = np.zeros(len(_OPENINGS))
    if curves.has_mesh:
        told = [curves.signal(name) for name in _OPENINGS]
        opened = _OPENING_PERCENT * np.array([signal[apex] - signal[first] for signal in told])
    return hints_of(moved, opened)


def hints_of(moved_percent: Floats, opened_percent: Floats) -> tuple[UnitHint, ...]:
    """Say which action units displacements look like.

    Args:
        moved_percent: Of each region, x right and y down in the picture, ``(regions, 2)``, percent
            of the face's width.
        opened_percent: How much wider the right lids, the left lids and the mouth are, ``(3,)``.
    """
    strengths = _strengths(np.concatenate([moved_percent.ravel(), opened_percent]))
    most = max(strengths.values(), default=0.0)
    smile = max(strengths.get((_SMILE, side), 0.0) for side in ("right", "left"))
    found = []
    for unit in UNITS:
        sides = {side: strengths.get((unit, side), 0.0) for side in ("right", "left")}
        strength = strengths.get((unit, "both"), max(sides.values()))
        beside = smile if unit == _JAW else 0.0
        if strength >= max(_LEAST_PERCENT, _SURER.get(unit, _LEAST_SHARE) * most, beside):
            weaker = min(sides.values()) if unit in _SIDED else strength
            one: Side = "right" if sides["right"] > sides["left"] else "left"
            side: Side = "both" if weaker >= _ONE_SIDE * strength else one
            found.append(UnitHint(unit=unit, side=side, strength=float(strength)))
    return tuple(sorted(found, key=lambda hint: -hint.strength))


def _strengths(moved: Floats) -> dict[tuple[int, str], float]:
    """Fit the patterns of the fewest units that are needed, none with a negative strength."""
    if not np.isfinite(moved).all() or np.abs(moved).max() < _LEAST_PERCENT:
        return {}
    weighted = _WEIGHTS * moved
    kept = list(UNITS)
    most = _NEEDED * float(weighted @ weighted)
    while True:
        rest, found = _fitted(weighted, kept)
        needed = {
            unit: _fitted(weighted, [k for k in kept if k != unit])[0] - rest for unit in kept
        }
        clash = next((pair for pair in _OPPOSITE if set(pair) <= set(kept)), ())
        least = min(clash or kept, key=lambda unit: needed[unit], default=None)
        if least is None or (not clash and needed[least] >= most):
            return found
        kept.remove(least)


def _fitted(weighted: Floats, units: Sequence[int]) -> tuple[float, dict[tuple[int, str], float]]:
    """Fit some units; return what they leave, squared, and their strengths."""
    names, patterns = _patterns()
    chosen = [place for place, (unit, _) in enumerate(names) if unit in units]
    if not chosen:
        return float(weighted @ weighted), {}
    found, rest = nnls(_WEIGHTS[:, None] * patterns[:, chosen], weighted)
    return float(rest**2), {names[p]: float(v) for p, v in zip(chosen, found, strict=True)}


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[tuple[int, str], ...], Floats]:
    """Give unit and side of each pattern, and the patterns as columns."""
    columns = {(unit, side): _column(parts, side) for unit, parts in _SIDED.items()
               for side in ("right", "left")}  # fmt: skip
    columns |= {(unit, "both"): _column(parts, "") for unit, parts in _MIDDLE.items()}
    return tuple(columns), np.stack(list(columns.values()), axis=1)


def _column(parts: Mapping[str, tuple[float, float]], side: str) -> Floats:
    column = np.zeros(2 * len(REGIONS) + len(_OPENINGS))
    outward = -1.0 if side == "right" else 1.0  # the subject's right is left in the picture
    for part, (lateral, down) in parts.items():
        if part in (_LIDS, _MOUTH):
            name = f"{side}_lids" if part == _LIDS else "mouth_opening"
            column[2 * len(REGIONS) + _OPENINGS.index(name)] = down
            continue
        name = part if part in REGIONS else f"{side} {part}"
        place = 2 * REGIONS.index(name)
        column[place : place + 2] += (outward * lateral * (name != part), down)
    return column
