"""Where in a video a face makes a movement of an expression: spotters, behind one interface.

A spotter takes the curves of one face and gives intervals. `LearnedSpotter` is the default;
`MotionSpotter` works by rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from openmer.registry import Registry
from openmer.video._event import MICRO_S, Interval, Kind
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._resample import UniformRun, uniform_runs
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._forest import BriefForest, brief_forest
from openmer.video.spotting._learned import learned_of
from openmer.video.spotting._mesh_spotter import bumps_of, mesh_candidates
from openmer.video.spotting._motion_spotter import Candidate, candidates_of, kept_apart
from openmer.video.spotting._settings import MeshSettings, SpotSettings

__all__ = [
    "LearnedSpotter",
    "MotionSpotter",
    "SpotSettings",
    "Spotter",
    "list_spotters",
    "register_spotter",
    "spotter",
]


class Spotter(Protocol):
    """Finds movements in the curves of one face."""

    def __call__(self, curves: FaceCurves, /) -> tuple[Interval, ...]:
        """Movements by time, none of them overlapping another of its kind.

        Those with gates are no events, but candidates that are listed apart.
        """


_SPOTTERS: Registry[Callable[[], Spotter]] = Registry("spotter")


def register_spotter(name: str) -> Callable[[Callable[[], Spotter]], Callable[[], Spotter]]:
    """Return a decorator that registers a class or function that makes a spotter.

    Args:
        name: How `analyze` calls it.

    Returns:
        The decorator. A spotter is called with the `openmer.video.FaceCurves` of one face and
        returns a tuple of `openmer.video.Interval` by time, none overlapping another.

    Raises:
        ValueError: The name is taken.

    Example:
        @openmer.register_spotter("never")
        class Never:
            def __call__(self, curves):
                return ()
    """
    return _SPOTTERS.decorator(name)


def list_spotters() -> tuple[str, ...]:
    """List the names of all spotters, sorted."""
    return tuple(_SPOTTERS.names())


def spotter(name: str) -> Spotter:
    """Return the spotter of that name.

    Raises:
        ConfigError: There is none; the nearest name is suggested.
    """
    return _SPOTTERS[name]()


@register_spotter("motion")
@dataclass(frozen=True, slots=True)
class MotionSpotter:
    """Peaks of the movement of facial regions, apart from the head, above an adaptive threshold.

    Each region's displacement is compared with its own running median, once over `brief_s` for
    micro-expressions and once over `long_s` for longer movements. What is left must pass a
    threshold of its own: a multiple of how restless this region of this face was in the seconds
    around (a running median again, so that rare movements do not raise it), never less than a fixed
    share of the face's width, and more while the head turns. Brows are left out while the eyes
    blink, the mouth while it talks; what is next to them must then move farther. A movement lasts
    from where it passes a share of its peak to where it falls below it, extended as the rise and
    fall of a raised cosine would be. 1/25 to 1/2 second is reported as micro, longer as macro, up
    to `longest_s`.

    Faces that were followed by their mesh are spotted otherwise: micro-expressions are bumps in the
    flow of a region or of a pair of them, found by matched filters of 0.1 to 0.5 s over the noise
    around; longer movements are times away from the rest of the mesh. Gates (blink, speech, turn,
    covered, light, gap) each concern some regions for a short time.

    Args:
        settings: Thresholds and windows, all with defaults that were tuned on synthetic videos.
        mesh: Likewise for faces with a mesh, tuned on real footage with known movements.

    References:
        Durations: Yan et al. (2013), How fast are the leaked facial expressions. Flow apart from
        the head in regions, peaks above a threshold: the line of Shreve et al. (2011) and of the
        baselines of the MEGC spotting challenges; the adaptive threshold and the treatment of
        blinks and talking are ours.
    """

    settings: SpotSettings = field(default_factory=SpotSettings)
    mesh: MeshSettings = field(default_factory=MeshSettings)

    def __call__(self, curves: FaceCurves, /) -> tuple[Interval, ...]:
        """Movements by time, none of them overlapping another of its kind."""
        if curves.has_mesh:
            return _intervals(curves, lambda run: mesh_candidates(run, self.mesh, bumps_of))
        return _intervals(curves, lambda run: kept_apart(candidates_of(run, self.settings)))


@register_spotter("learned")
@dataclass(frozen=True, slots=True)
class LearnedSpotter:
    """Brief movements by filters that adapt to the face, rated by trees; long ones by rules.

    Movements of known place, way and length are looked for in how 10 x 10 cells of the face moved
    within a tenth of a second, apart from the head. The filters take what this face does anyway
    from the ten seconds around, so that speech, turning and noise count little. Boosted trees rate
    each peak by its strength, its course, what else happens, and how many like it there are. They
    learned from movements of known place, time and size that were put into the measured motion of
    real people who talk, act and look, and from drawn faces (`benchmarks/train_spotter.py`; scores
    on videos that they did not learn from: benchmarks/results/spotter.md). Faces without the mesh,
    or without measured brief motion, are spotted by `MotionSpotter`.

    Args:
        settings: Thresholds and windows.
        forest: What rates brief movements; None is the one that comes with the package.
    """

    settings: MeshSettings = field(default_factory=MeshSettings)
    forest: BriefForest | None = None

    def __call__(self, curves: FaceCurves, /) -> tuple[Interval, ...]:
        """Movements by time, none of them overlapping another of its kind."""
        if not curves.has_mesh or not np.isfinite(curves.brief_px).any():
            return MotionSpotter(mesh=self.settings)(curves)
        brief_of = partial(learned_of, self.forest or brief_forest())
        return _intervals(curves, lambda run: mesh_candidates(run, self.settings, brief_of))


def _intervals(
    curves: FaceCurves, candidates_in: Callable[[UniformRun], Iterable[Candidate]]
) -> tuple[Interval, ...]:
    """Build the movements of all pieces, by time."""
    runs = uniform_runs(curves)
    built = (_interval(curves, run, one) for run in runs for one in candidates_in(run))
    found = [interval for interval in built if interval is not None]
    return tuple(sorted(found, key=lambda interval: interval.onset_frame))


def _interval(curves: FaceCurves, run: UniformRun, candidate: Candidate) -> Interval | None:
    """Build a candidate at the frames of the video; None if it is too brief or has no room."""
    onset, apex, offset = (run.row(at_s) for at_s in candidate.times_s)
    if not onset < apex < offset:
        return None
    duration_s = float(curves.times_s[offset] - curves.times_s[onset])
    if duration_s < MICRO_S[0]:
        return None
    return Interval(
        subject_id=curves.subject_id,
        kind=_kind(duration_s),
        onset_frame=int(curves.frames[onset]),
        apex_frame=int(curves.frames[apex]),
        offset_frame=int(curves.frames[offset]),
        onset_s=float(curves.times_s[onset]),
        apex_s=float(curves.times_s[apex]),
        offset_s=float(curves.times_s[offset]),
        strength=candidate.strength,
        displacement=candidate.peak_px / FACE_WIDTH_PX,
        regions=candidate.regions,
        gates=candidate.gates,
    )


def _kind(duration_s: float) -> Kind:
    return "micro" if duration_s <= MICRO_S[1] else "macro"
