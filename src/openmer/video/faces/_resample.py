"""Curves of a face on an even grid of times, one piece for each time that it was in view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openmer.video.faces._seen import SIGNALS
from openmer.video.spotting._curves import FaceCurves

Floats = NDArray[np.float64]

_APART = 1.6  # steps between two frames from which something is missing
_SHORTEST = 8  # frames in view; fewer say nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UniformRun:
    """One piece of the curves of a face, sampled every `step_s` seconds.

    Attributes:
        first_row: Row of the curves at which it starts.
        times_s: Times of the frames themselves, ``(frames,)``.
        step_s: Seconds between two samples: the median of the frames' own.
        regions_px: As in `FaceCurves`, ``(samples, regions, 2)``.
        head: Likewise, ``(samples, 4)``.
        warp_px: Likewise, ``(samples, 4)``.
        eyes: Likewise, ``(samples,)``.
        mesh_px: Likewise, ``(samples, regions, 2)``; empty without the mesh.
        signals: Likewise, ``(samples, signals)``; empty without the mesh.
        brief_px: As in `FaceCurves`, at the times of the frames themselves; empty where it was not
            measured.
        gaps: Samples that lie in a gap between frames, ``(samples,)``.
    """

    first_row: int
    times_s: Floats
    step_s: float
    regions_px: Floats
    head: Floats
    warp_px: Floats
    eyes: Floats
    mesh_px: Floats
    signals: Floats
    brief_px: NDArray[np.float16]
    gaps: NDArray[np.bool_]

    def signal(self, name: str) -> Floats:
        """Return one of `SIGNALS`, ``(samples,)``."""
        return np.asarray(self.signals[:, SIGNALS.index(name)])

    def samples(self, seconds: float) -> int:
        """How many samples last so long, 1 at least."""
        return max(1, round(seconds / self.step_s))

    def row(self, at_s: float) -> int:
        """Return the row of the curves nearest to a time since the start of the piece."""
        return self.first_row + int(np.argmin(np.abs(self.times_s - self.times_s[0] - at_s)))


def uniform_runs(curves: FaceCurves) -> Iterator[UniformRun]:
    """Each time in view, long enough to say anything."""
    for first, end in curves.runs:
        if end - first >= _SHORTEST:
            yield _run(curves, first, end)


def _run(curves: FaceCurves, first: int, end: int) -> UniformRun:
    times_s = curves.times_s[first:end]
    step_s = float(np.median(np.diff(times_s)))
    even = times_s[0] + np.arange(int((times_s[-1] - times_s[0]) / step_s + 1e-6) + 1) * step_s

    def on_grid(values: Floats) -> Floats:
        if not len(values):
            return values
        flat = values[first:end].reshape(end - first, -1)
        columns = [np.interp(even, times_s, column) for column in flat.T]
        return np.stack(columns, axis=1).reshape(len(even), *values.shape[1:])

    return UniformRun(
        first_row=first,
        times_s=times_s,
        step_s=step_s,
        regions_px=on_grid(curves.regions_px),
        head=on_grid(curves.head),
        warp_px=on_grid(curves.warp_px),
        eyes=on_grid(curves.eyes),
        mesh_px=on_grid(curves.mesh_px),
        signals=on_grid(curves.signals),
        brief_px=curves.brief_px[first:end],
        gaps=_gaps(even, times_s, step_s),
    )


def _gaps(even: Floats, times_s: Floats, step_s: float) -> NDArray[np.bool_]:
    """Find samples between two frames that are too far apart."""
    after = np.searchsorted(times_s, even).clip(1, len(times_s) - 1)
    apart_s = times_s[after] - times_s[after - 1]
    return np.asarray(apart_s > _APART * step_s)
