"""When a frame is shown, from timestamps that may be missing or broken; and where to seek to."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

_NEW_SECTION_S = 1  # a step back by more than this is another recording that was appended
_LEAST_STEPS = Fraction(1, 100)  # between a frame and one that is not later


class Clock:
    """Turns timestamps into strictly rising exact seconds since the first frame.

    A missing stamp continues at the nominal rate. One that is not later than the frame before
    is put just behind it, by 1/100 of a nominal step; after a step back of more than a second
    time goes on from the frame before by a nominal step, and later stamps count from there.

    Args:
        unit_s: Seconds that one unit of a stamp stands for.
        step_s: Nominal seconds from frame to frame.
        origin: Stamp of the first frame of the video; None where the next frame is the first.
    """

    def __init__(self, *, unit_s: Fraction, step_s: Fraction, origin: int | None = None) -> None:
        self._unit_s = unit_s
        self._step_s = step_s
        self._zero_s = None if origin is None else origin * unit_s
        self._last_s: Fraction | None = None
        self.is_clean = True  # no stamp had to be replaced so far

    def tell(self, stamp: int | None) -> Fraction:
        """Return the time of the next frame, seconds since the first one."""
        self._last_s = self._placed(stamp)
        return self._last_s

    @property
    def stamped_s(self) -> Fraction:
        """The time of the last frame as the file counts it, not from the first frame on."""
        return (self._zero_s or Fraction(0)) + (self._last_s or Fraction(0))

    def _placed(self, stamp: int | None) -> Fraction:
        last = self._last_s
        if stamp is None:
            self.is_clean = False
            return Fraction(0) if last is None else last + self._step_s
        now = stamp * self._unit_s
        if self._zero_s is None:
            due = Fraction(0) if last is None else last + self._step_s
            self._zero_s = now - due
        time_s = now - self._zero_s
        if last is None or time_s > last:
            return time_s
        self.is_clean = False
        if last - time_s <= _NEW_SECTION_S:
            return last + self._step_s * _LEAST_STEPS
        self._zero_s = now - last - self._step_s
        return last + self._step_s


class KeyFrames:
    """Some key frames that were passed, where a second look can begin; memory is bounded.

    Args:
        most: How many are kept; beyond that every second one is forgotten.
    """

    def __init__(self, most: int = 2048) -> None:
        self._most = most
        self._least_gap = 1
        self._stamps: dict[int, int] = {}  # by number, rising

    def add(self, number: int, stamp: int) -> None:
        """Keep a key frame, unless it was kept or is too near to the one before."""
        last = next(reversed(self._stamps), -self._least_gap)
        if number - last < self._least_gap:
            return
        self._stamps[number] = stamp
        if len(self._stamps) > self._most:
            self._stamps = dict(list(self._stamps.items())[::2])
            self._least_gap = 2 * max(1, number // self._most)

    def are_before(self, number: int) -> bool:
        """Whether there is anything to seek to for a frame."""
        return next(self.before(number), None) is not None

    def before(self, number: int) -> Iterator[int]:
        """Stamps to seek to for a frame, the nearest first, two of them; not that of frame 0."""
        near = [stamp for known, stamp in self._stamps.items() if 0 < known <= number]
        return iter(near[:-3:-1])

    def number_of(self, stamp: int | None) -> int | None:
        """Which frame has a stamp; None where it was not kept."""
        return next((known for known, kept in self._stamps.items() if kept == stamp), None)
