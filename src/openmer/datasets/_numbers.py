"""Read whole numbers and rates as people and programs write them."""

from __future__ import annotations

import re
from fractions import Fraction

MOST_FPS = 100_000
_LEAST_FPS = Fraction(1, 100)
_EMPTY = frozenset({"", "-", "/", "na", "n/a", "nan", "nat", "none", "null", "<na>"})
_WHOLE = re.compile(r"(\d{1,15})(?:\.0*)?", flags=re.ASCII)
_RATE = re.compile(r"\d{1,12}(?:\.\d{0,12})?(?:e[+-]?\d{1,2})?|\d{1,9}/\d{1,9}", flags=re.ASCII)


def is_empty(text: str) -> bool:
    """Return whether a cell stands for no value, as "", "nan" or "NA" do."""
    return text.strip().lower() in _EMPTY


def read_whole(text: str) -> int | None:
    """Read a whole number, 0 or more, also where pandas wrote it as "9.0"; None for anything else.

    A number has 15 digits at most.
    """
    found = _WHOLE.fullmatch(text.strip())
    return None if found is None else int(found[1])


def read_rate(text: str) -> Fraction | None:
    """Read frames per second: "200", "29.97", "30000/1001"; None for what is no such rate.

    A rate is 0.01 to 100,000 per second; its text has 30 characters at most.
    """
    text = text.strip().lower()
    if not _RATE.fullmatch(text):
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    return rate if _LEAST_FPS <= rate <= MOST_FPS else None
