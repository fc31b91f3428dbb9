"""Action units as the corpora write them: one grammar for all sheets.

A unit is a number with what may stand around it: ``AU12``, ``L12`` or ``12L`` or ``14(L)`` (side),
``12B`` (intensity A to E), ``12?`` (doubtful), ``ref(L10)``, ``4(k)``. Units are joined by ``+``, a
comma, a semicolon, ``&``, "and" or a space; ``or``, ``/`` and ``|`` join alternatives. Full-width
signs are taken as the plain ones. An empty text and ``?`` say that nobody coded the clip.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from openmer.clip import Clip
from openmer.errors import DataError, ProtocolError

_UNKNOWN = frozenset({"", "?", "/", "-", "nan", "none", "n/a", "na"})
_MOST_COMBINATIONS = 10_000
_UNIT = re.compile(r"(?:au|ad|m)?([lrtbua]?)(\d{1,2})([a-e]?)([lr]?)k?(\?*)")
_ALTERNATIVE = re.compile(r"\s*(?:[/|]|\bor\b)\s*")
_JOINED = re.compile(r"(?:[+,;&、\s]|\band\b)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionUnit:
    """One unit that an annotator wrote.

    Attributes:
        number: As in the Facial Action Coding System, 1..99.
        side: ``L``, ``R``, or ``T``, ``B``, ``U``, ``A`` (top, bottom, unilateral, asymmetric); ""
            for both sides.
        intensity: ``A`` (trace) to ``E`` (maximum); "" where none is given.
        doubtful: A question mark stands behind it, or it is one of several alternatives.
    """

    number: int
    side: str = ""
    intensity: str = ""
    doubtful: bool = False


def parse_action_units(text: str) -> tuple[tuple[ActionUnit, ...], ...] | None:
    """Read the coding of a clip.

    Args:
        text: `Clip.action_units`.

    Returns:
        One tuple for each place of the coding, with the alternatives of that place, mostly one;
        None where nobody coded the clip.

    Raises:
        DataError: A part is no action unit; it is named.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if plain in _UNKNOWN:
        return None
    plain = _ALTERNATIVE.sub("|", re.sub(r"\bref\b|[()]", "", plain))
    found = [_place(part, text) for part in _JOINED.split(plain) if part not in ("", "?")]
    return tuple(place for place in found if place)


def combinations_of(text: str) -> tuple[str, ...]:
    """List the combinations of units that a coding allows, without sides and intensities.

    Args:
        text: `Clip.action_units`.

    Returns:
        Each as ascending numbers joined by "+"; several where there are alternatives or doubtful
        units; none where nobody coded the clip.

    Raises:
        DataError: As `parse_action_units`; or there are more than 10,000.
    """
    ways = []
    for place in parse_action_units(text) or ():
        doubtful = len(place) == 1 and place[0].doubtful
        ways.append([unit.number for unit in place] + ([0] if doubtful else []))
    if math.prod(map(len, ways)) > _MOST_COMBINATIONS:
        raise DataError(
            f"Action units {text[:60]!r} allow more than {_MOST_COMBINATIONS:,} combinations. "
            "Leave out the doubtful ones."
        )
    chosen = {tuple(sorted(set(one) - {0})) for one in product(*ways)} if ways else set()
    return tuple("+".join(map(str, one)) for one in sorted(chosen) if one)


def units_of(clips: Iterable[Clip], minimum: int = 10) -> tuple[int, ...]:
    """List the action units that so many clips show, and so many do not, ascending.

    Args:
        clips: Clips; those that nobody coded do not count.
        minimum: How many.

    Raises:
        DataError: A coding cannot be read.
        ProtocolError: There is no such unit.
    """
    found: Counter[int] = Counter()
    coded = 0
    for clip in clips:
        places = parse_action_units(clip.action_units)
        coded += places is not None
        found.update({unit.number for place in places or () for unit in place})
    units = tuple(sorted(n for n, count in found.items() if minimum <= count <= coded - minimum))
    if not units:
        raise ProtocolError(
            f"No action unit is shown by {minimum} of {coded} coded clips, and not by as many. "
            "Give clips with the column action_units, or a smaller number."
        )
    return units


def unit_targets(
    clips: Sequence[Clip], units: Sequence[int], *, intensity: bool = False
) -> NDArray[np.float32]:
    """Say which action units clips show, as targets of a network.

    Args:
        clips: Clips.
        units: Numbers.
        intensity: Give a fifth of the level in place of 1, so 0.2 for A and 1 for E; NaN for a
            unit that is present without a level.

    Returns:
        1 where present, a doubtful one included, and 0 where absent; NaN where nobody coded the
        clip. Shape ``(clips, units)``.

    Raises:
        DataError: A coding cannot be read; the clip is named.
    """
    rows = [_target(clip, units, intensity=intensity) for clip in clips]
    return np.array(rows, np.float32).reshape(len(rows), len(units))


def _target(clip: Clip, units: Sequence[int], *, intensity: bool) -> list[float]:
    try:
        places = parse_action_units(clip.action_units)
    except DataError as error:
        raise DataError(f"{clip.key}: {error}") from error
    if places is None:
        return [math.nan] * len(units)
    shown = {unit.number: unit for place in places for unit in place}
    levels = {"": math.nan, **dict(zip("ABCDE", (0.2, 0.4, 0.6, 0.8, 1.0), strict=True))}
    return [
        (levels[shown[one].intensity] if intensity else 1.0) if one in shown else 0.0
        for one in units
    ]


def _place(part: str, text: str) -> tuple[ActionUnit, ...]:
    """Read one unit, or alternatives; none for unit 0, a neutral face."""
    alternatives = [one for one in part.split("|") if one]
    units = (_unit(one, text, doubtful=len(alternatives) > 1) for one in alternatives)
    return tuple(unit for unit in units if unit.number)


def _unit(part: str, text: str, *, doubtful: bool) -> ActionUnit:
    found = _UNIT.fullmatch(part)
    if found is None:
        raise DataError(
            f"Action units {text!r}: {part!r} is no unit. Write numbers joined by '+', as in "
            "'4+L10', 'R12 or R15', '5B+24', or '?' where nobody coded the clip."
        )
    before, number, intensity, behind, marks = found.groups()
    return ActionUnit(
        number=int(number),
        side=(before or behind).upper(),
        intensity=intensity.upper(),
        doubtful=doubtful or bool(marks),
    )
