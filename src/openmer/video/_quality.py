"""How well a face could be measured, and what to record better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from openmer.video.faces._patch import eye_distance
from openmer.video.faces._resample import uniform_runs
from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._gates import GATED, gates_of

_WIDTH_EYES = 2.2  # widths of a face are so many distances of its eyes
_LEAST_SHARE = 0.4  # of the time, below which nothing can be said
_LEAST_FPS = 12.0
_LEAST_FACE_PX = 60.0
_POOR_FACE_PX = 110.0
_POOR_FPS = 24.0
_BLURRED = 4.0  # standard deviation of the Laplacian of the patch, gray levels
_DARK, _BRIGHT = 40.0, 225.0  # mean gray levels of the patch
_LEAST_RUN_S = 1.2
_RESTARTS_PER_MINUTE = 6.0
_NOTHING_MOVES = ("turn", "covered", "light", "gap")

_ADVICE = MappingProxyType(
    {
        "short": "The face must stay in view for longer than 1.2 seconds at a time.",
        "turn": "The head must turn more slowly.",
        "covered": "Nothing may cover the face.",
        "light": "The light must be steady.",
        "gap": "Record without dropped frames.",
        "fps": "Record at 25 frames a second at least, better 60.",
        "small": "Come nearer: the face must be 110 pixels wide at least.",
        "blurred": "Focus on the face, compress less.",
        "dark": "Use more light.",
        "bright": "Use less light.",
        "restarts": "The face must stay in view, near to frontal.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """How well one face could be measured.

    Attributes:
        seen_s: Seconds in view.
        clear_s: Seconds of these in which brief movements could be measured.
        restarts: How often it was started again.
        fps: Frames per second in which it was seen.
        face_px: Width of the face, median, pixels of the video.
        sharpness: Standard deviation of the Laplacian on the face, median; None without the mesh.
        light: Mean gray level of the face, median, 0..255; None without the mesh.
        gated: Share of the time under each gate; empty without the mesh.
        region_share: Share of the time in which each region was under no gate; likewise.
        problems: What is below its threshold, by short names.
    """

    seen_s: float
    clear_s: float
    restarts: int
    fps: float
    face_px: float
    sharpness: float | None = None
    light: float | None = None
    gated: Mapping[str, float] = field(default_factory=dict)
    region_share: Mapping[str, float] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def clear_share(self) -> float:
        """Share of the time in view in which brief movements could be measured, 0..1."""
        return self.clear_s / self.seen_s if self.seen_s > 0 else 0.0

    @property
    def is_measurable(self) -> bool:
        """Whether "nothing found" says anything."""
        return (
            self.clear_share >= _LEAST_SHARE
            and self.fps >= _LEAST_FPS
            and self.face_px >= _LEAST_FACE_PX
        )

    @property
    def advice(self) -> tuple[str, ...]:
        """What to record better, a sentence for each problem."""
        return tuple(_ADVICE[name] for name in self.problems)


def quality_of(curves: FaceCurves) -> Quality:
    """Measure how well a face could be measured."""
    steps = np.diff(curves.times_s)
    seen_s = curves.seen_s
    gated: dict[str, float] = {}
    regions: dict[str, float] = {}
    clear_s = sum(
        float(curves.times_s[end - 1] - curves.times_s[first])
        for first, end in curves.runs
        if curves.times_s[end - 1] - curves.times_s[first] >= _LEAST_RUN_S
    )
    short = clear_s < _LEAST_SHARE * seen_s
    if curves.has_mesh:
        clear_s, gated, regions = _gated(curves)
    distances = [eye_distance(matrix) for matrix in curves.matrices[:: max(1, len(curves) // 200)]]
    quality = Quality(
        seen_s=seen_s,
        clear_s=min(clear_s, seen_s),
        restarts=len(curves.starts) - 1,
        fps=float(1 / np.median(steps)) if len(steps) else 0.0,
        face_px=_WIDTH_EYES * float(np.median(distances)),
        sharpness=float(np.median(curves.signal("sharpness"))) if curves.has_mesh else None,
        light=float(np.median(curves.signal("light"))) if curves.has_mesh else None,
        gated=gated,
        region_share=regions,
    )
    return Quality(
        **{name: getattr(quality, name) for name in Quality.__slots__ if name != "problems"},
        problems=_problems(quality, short=short),
    )


def _gated(curves: FaceCurves) -> tuple[float, dict[str, float], dict[str, float]]:
    """Seconds in which the face could be measured; share of each gate; free share of regions."""
    from openmer.video.spotting._regions import REGIONS

    clear_s = 0.0
    under, samples = dict.fromkeys(GATED, 0.0), 0.0
    free = np.zeros(len(REGIONS))
    for run in uniform_runs(curves):
        count = len(run.regions_px)
        gates = gates_of(run)
        shut = np.any([gates.flags[name] for name in _NOTHING_MOVES], axis=0)
        if count * run.step_s >= _LEAST_RUN_S:
            clear_s += float((~shut).sum()) * run.step_s
        for name, flags in gates.flags.items():
            under[name] += float(flags.sum())
        free += (~gates.regions()).sum(0)
        samples += count
    whole = max(samples, 1.0)
    return (
        clear_s,
        {name: value / whole for name, value in under.items()},
        {name: float(value / whole) for name, value in zip(REGIONS, free, strict=True)},
    )


def _problems(quality: Quality, *, short: bool) -> tuple[str, ...]:
    minutes = quality.seen_s / 60
    found = {
        "short": short,
        **{name: quality.gated.get(name, 0.0) > 1 - _LEAST_SHARE for name in _NOTHING_MOVES},
        "fps": quality.fps < _POOR_FPS,
        "small": quality.face_px < _POOR_FACE_PX,
        "blurred": quality.sharpness is not None and quality.sharpness < _BLURRED,
        "dark": quality.light is not None and quality.light < _DARK,
        "bright": quality.light is not None and quality.light > _BRIGHT,
        "restarts": quality.restarts > 1 and quality.restarts > _RESTARTS_PER_MINUTE * minutes,
    }
    return tuple(name for name, is_so in found.items() if is_so)
