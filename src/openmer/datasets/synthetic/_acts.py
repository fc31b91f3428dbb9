"""What happens in a long synthetic video: movements of an expression, and what only looks like one.

Times are seconds since the first frame, sizes face units (see `_synthetic_photo`); a face is about
85 units wide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from openmer.datasets.synthetic import _motion as motion
from openmer.datasets.synthetic._plan import CLASSES

DistractorKind = Literal["blink", "turn", "talk", "light"]

FACE_UNITS = 85.0
MICRO_S, MACRO_S = (0.12, 0.5), (0.7, 2.8)  # shortest and longest, onset to offset
MICRO_UNITS, MACRO_UNITS = (0.45, 1.3), (1.3, 3.5)  # largest displacement of the skin
_EDGE_S = 2.0  # at both ends of a video nothing is shown
_MICRO_SHARE = 0.65


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A movement of an expression.

    Attributes:
        onset_s: Its beginning.
        apex_s: When it is largest.
        offset_s: Its end.
        is_micro: It is a micro-expression.
        class_name: negative, positive or surprise.
        expression: Which action units move, and how much.
        peak_units: Largest displacement of the skin.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    is_micro: bool
    class_name: str
    expression: motion.Expression
    peak_units: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Distraction:
    """Something that moves or changes a face and is no expression.

    Attributes:
        kind: A blink; a turn of the head to the side and up or down; talking; a change of light.
        onset_s: Its beginning.
        middle_s: When it is largest; of talking the middle.
        offset_s: Its end.
        size: Of a turn the two angles in radians; of talking how often the jaw opens a second and
            how far in units; of light the change as a share; of a blink nothing.
    """

    kind: DistractorKind
    onset_s: float
    middle_s: float
    offset_s: float
    size: tuple[float, float] = (0.0, 0.0)

    def share(self, at_s: float) -> float:
        """How much of it is there at a time, 0..1: a raised cosine."""
        return rise(at_s, self.onset_s, self.middle_s, self.offset_s)


def rise(at_s: float, onset_s: float, apex_s: float, offset_s: float) -> float:
    """Compute a raised cosine, 0 up to the onset and from the offset on, 1 at the apex."""
    phase = np.interp(at_s, (onset_s, apex_s, offset_s), (0.0, 1.0, 2.0))
    return float((1.0 - np.cos(np.pi * phase)) / 2.0)


def draw_acts(rng: np.random.Generator, seconds: float) -> tuple[Act, ...]:
    """Movements one after the other, with 2 to 7 seconds between them."""
    acts = []
    at_s = float(rng.uniform(_EDGE_S, 5.0))
    while at_s < seconds - _EDGE_S - MACRO_S[1]:
        act = _draw_act(rng, at_s)
        acts.append(act)
        at_s = act.offset_s + float(rng.uniform(2.0, 7.0))
    return tuple(acts)


def _draw_act(rng: np.random.Generator, onset_s: float) -> Act:
    is_micro = bool(rng.random() < _MICRO_SHARE)
    lasts_s = float(rng.uniform(*(MICRO_S if is_micro else MACRO_S)))
    class_name = str(rng.choice(CLASSES))
    return Act(
        onset_s=onset_s,
        apex_s=onset_s + float(rng.uniform(0.35, 0.65)) * lasts_s,
        offset_s=onset_s + lasts_s,
        is_micro=is_micro,
        class_name=class_name,
        expression=motion.sample_expression(rng, class_name),
        peak_units=float(rng.uniform(*(MICRO_UNITS if is_micro else MACRO_UNITS))),
    )


def draw_distractions(rng: np.random.Generator, seconds: float) -> tuple[Distraction, ...]:
    """Blinks every 2 to 7 seconds, turns, talking and changes of light, whatever else happens."""
    found = _series(rng, seconds, first_s=(1, 5), pause_s=(2, 7), lasts_s=(0.12, 0.35), make=_blink)
    found += _series(rng, seconds, first_s=(3, 12), pause_s=(6, 15), lasts_s=(0.6, 2), make=_turn)
    found += _series(rng, seconds, first_s=(5, 25), pause_s=(10, 25), lasts_s=(2, 8), make=_talk)
    found += _series(rng, seconds, first_s=(3, 20), pause_s=(8, 20), lasts_s=(0.3, 3), make=_light)
    return tuple(sorted(found, key=lambda one: one.onset_s))


_Range = tuple[float, float]


def _series(
    rng: np.random.Generator,
    seconds: float,
    *,
    first_s: _Range,
    pause_s: _Range,
    lasts_s: _Range,
    make: Callable[[np.random.Generator, float, float], Distraction],
) -> list[Distraction]:
    """One kind of distraction over the whole video."""
    found: list[Distraction] = []
    at_s = float(rng.uniform(*first_s))
    while True:
        long_s = float(rng.uniform(*lasts_s))
        if at_s + long_s > seconds - 1:
            return found
        found.append(make(rng, at_s, long_s))
        at_s += long_s + float(rng.uniform(*pause_s))


def _blink(_: np.random.Generator, at_s: float, long_s: float) -> Distraction:
    middle = at_s + 0.4 * long_s  # lids close faster than they open
    return Distraction(kind="blink", onset_s=at_s, middle_s=middle, offset_s=at_s + long_s)


def _turn(rng: np.random.Generator, at_s: float, long_s: float) -> Distraction:
    size = (float(rng.uniform(-0.25, 0.25)), float(rng.uniform(-0.15, 0.15)))
    return _even("turn", at_s, long_s, size)


def _talk(rng: np.random.Generator, at_s: float, long_s: float) -> Distraction:
    return _even("talk", at_s, long_s, (float(rng.uniform(2, 5.5)), float(rng.uniform(0.8, 2.5))))


def _light(rng: np.random.Generator, at_s: float, long_s: float) -> Distraction:
    return _even("light", at_s, long_s, (float(rng.uniform(-0.35, 0.3)), 0.0))


def _even(kind: DistractorKind, at_s: float, long_s: float, size: _Range) -> Distraction:
    return Distraction(
        kind=kind, onset_s=at_s, middle_s=at_s + long_s / 2, offset_s=at_s + long_s, size=size
    )
