"""Paths of this computer that stand for files elsewhere: which is which URL, and what to print.

The list is in an environment variable, from where worker processes have it, too.
"""

from __future__ import annotations

import functools
import json
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple

VARIABLE = "OPENMER_STAND_INS"
Kind = Literal["copied", "streamed", "output"]

_PASSWORD = re.compile(r"(?<=://)[^\s/@'\"]*:[^\s/@'\"]*@")
_SIGNATURE = re.compile(r"(\b[a-z][a-z0-9+]*://[^\s?'\"]+)\?[^\s'\"]+")


class StandIn(NamedTuple):
    """A path that stands for a URL, and so do all paths below it.

    Attributes:
        path: Absolute, without links.
        url: Without a slash at its end; it may hold a signature.
        kind: A "copied" one is read from its copy, a "streamed" one from afar; what is written
            below an "output" is sent there.
    """

    path: str
    url: str
    kind: Kind


def add_stand_in(path: Path, url: str, kind: Kind) -> None:
    """Let a path stand for a URL in this process and those that it starts."""
    one = StandIn(str(path), url, kind)
    if one not in stand_ins():
        os.environ[VARIABLE] = json.dumps([one, *stand_ins()])


def stand_ins() -> tuple[StandIn, ...]:
    """List all stand-ins."""
    return _parsed(os.environ.get(VARIABLE, ""))


def stand_in_of(path: Path) -> StandIn | None:
    """Return what a path itself stands for; None for an ordinary path."""
    if not stand_ins():
        return None
    whole = os.path.abspath(path)  # noqa: PTH100 (which takes ".." away, too)
    around = [one for one in stand_ins() if f"{whole}{os.sep}".startswith(one.path + os.sep)]
    if not around:
        return None
    nearest = max(around, key=lambda one: len(one.path))
    below = whole[len(nearest.path) :].replace(os.sep, "/")
    return StandIn(whole, nearest.url + below, nearest.kind)


def place_of(path: Path) -> str:
    """Return where a file really is: its URL, or its path without links."""
    found = stand_in_of(path)
    return os.path.realpath(path) if found is None else without_secrets(found.url)


def send(path: Path) -> None:
    """Send what was completed at a path of results to where it belongs; see `openmer.remote`."""
    if stand_in_of(path) is not None:
        import_module("openmer.remote").send(path)


def shown(text: str) -> str:
    """Return a text with URLs in place of their stand-ins, and without passwords and signatures."""
    for one in stand_ins():
        text = text.replace(one.path, one.url)
    return without_secrets(text)


def without_secrets(text: str) -> str:
    """Leave out of the URLs in a text what only their user may know."""
    return _SIGNATURE.sub(r"\1", _PASSWORD.sub("", text)) if "://" in text else text


@functools.lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[StandIn, ...]:
    return tuple(StandIn(*one) for one in json.loads(text)) if text else ()
