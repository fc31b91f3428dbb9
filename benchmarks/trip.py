"""Count the stops of one clip on its way from `evaluate` to its prepared array.

A stop is a call from one module of openmer into another; a return is a stop in a module that the
trip has already been in. Counted is what happens to the second clip (what a recipe does once is
not counted): the calls that lead from `evaluate` to it, and all below until its array is there.
Comprehensions, dunder methods and a call that the same function has made before are left out. The
cache is empty. A step more in a recipe is a stop or two more.

    python benchmarks/trip.py            # ststnet: flow, strain, resize, stretch
    python benchmarks/trip.py flow-svm   # three steps more
"""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from unittest import mock

from openmer.datasets import read_manifest, write_corpus
from openmer.evaluation import Protocol, evaluate
from openmer.methods import load_method
from openmer.training import Resources

START, END = "openmer.preprocessing._prepare._array", "openmer.preprocessing.steps._step.run"


class DoneError(Exception):
    """The array is there."""


class Trip:
    """Write down the calls between modules, as a profiler of Python."""

    def __init__(self) -> None:
        self.stops: list[str] = []
        self._seen: set[tuple[str, str]] = set()
        self._clips = 0

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Note one event."""
        name = place(frame)
        if name == END and event == "return" and self._clips == 2:
            raise DoneError
        if event != "call" or not counted(frame):
            return
        if name == START:
            self._clips += 1
        if name == START and self._clips == 2:
            chain = [frame]
            while chain[-1].f_back is not None:
                chain.append(chain[-1].f_back)
            ours = [one for one in reversed(chain) if counted(one)]
            for one in ours:
                self._add(one)
        elif self._clips == 2:
            self._add(frame)

    def _add(self, frame: FrameType) -> None:
        before = frame.f_back
        while before is not None and not module(before).startswith("openmer"):
            before = before.f_back
        pair = (place(before) if before else "", place(frame))
        if pair in self._seen or (before and module(before) == module(frame)):
            return
        self._seen.add(pair)
        self.stops.append(pair[1])

    @property
    def returns(self) -> int:
        """Stops in a module that an earlier stop was in."""
        modules = [stop.rsplit(".", 1)[0] for stop in self.stops]
        return sum(name in modules[:i] for i, name in enumerate(modules))


def module(frame: FrameType) -> str:
    """Return the module of a frame."""
    return str(frame.f_globals.get("__name__", ""))


def place(frame: FrameType) -> str:
    """Return module and function of a frame."""
    return f"{module(frame)}.{frame.f_code.co_name}"


def counted(frame: FrameType) -> bool:
    """Return whether a call is one of openmer's own functions."""
    name = frame.f_code.co_name
    inner = "<locals>" in frame.f_code.co_qualname
    return module(frame).startswith("openmer.") and not name.startswith(("<", "__")) and not inner


def trip_of(name: str) -> Trip:
    """Follow the second clip of a tiny synthetic corpus through a method; the cache is empty."""
    trip, method = Trip(), load_method(name)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        write_corpus(Path(folder) / "corpus", "tiny")
        clips = read_manifest(Path(folder) / "corpus" / "manifest.csv")
        opened.enter_context(mock.patch.dict(os.environ, OPENMER_CACHE=str(Path(folder) / "cache")))
        opened.callback(sys.setprofile, sys.getprofile())
        opened.enter_context(suppress(DoneError))
        sys.setprofile(trip)
        evaluate(method, clips, Protocol(), out=Path(folder), resources=Resources(workers=1))
    return trip


def main() -> None:
    """Print the stops, and how many they are."""
    trip = trip_of(sys.argv[1] if len(sys.argv) > 1 else "ststnet")
    print("\n".join(trip.stops))
    print(f"{len(trip.stops)} stops, {trip.returns} returns")


if __name__ == "__main__":
    main()
