"""Brief movements of a face as the adaptive filters find them and the trees rate them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openmer.video._event import MICRO_S
from openmer.video.faces._patch import SIDE_PX
from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._brief_input import RATE_HZ, brief_input
from openmer.video.spotting._evidence import moments_of
from openmer.video.spotting._forest import BriefForest
from openmer.video.spotting._gates import Gates
from openmer.video.spotting._mesh_spotter import moved_regions
from openmer.video.spotting._motion_spotter import Candidate
from openmer.video.spotting._patterns import MIDDLES_PX
from openmer.video.spotting._regions import REGIONS, points, usual_layout
from openmer.video.spotting._settings import MeshSettings

_NOT_SEEN = ("covered", "light", "gap")  # gates under which nothing can be seen
_NEAR_PX = 28.0  # of a place to the middle of a region


def learned_of(
    forest: BriefForest, run: UniformRun, gates: Gates, settings: MeshSettings
) -> list[Candidate]:
    """Brief movements, none of them overlapping another; those not seen well name a gate."""
    found: list[Candidate] = []
    for one, place in _likeliest(forest, run, settings):
        if any(one.times_s[0] < k.times_s[2] and k.times_s[0] < one.times_s[2] for k in found):
            continue
        span = int(one.times_s[0] / run.step_s), int(np.ceil(one.times_s[2] / run.step_s))
        regions, peak_px = moved_regions(run, span, _near(place))
        reasons = tuple(name for name in gates.reasons(*span, REGIONS) if name in _NOT_SEEN)
        found.append(replace(one, regions=regions, peak_px=peak_px, gates=reasons))
    return found


def _likeliest(
    forest: BriefForest, run: UniformRun, settings: MeshSettings
) -> list[tuple[Candidate, int]]:
    """Candidates and their places, the likeliest first; several may be of one movement."""
    moments = moments_of(brief_input(run))
    likelihood, lasts_s, shift = forest(moments.evidence)
    end_s = (len(run.regions_px) - 1) * run.step_s
    found = []
    for which in np.argsort(-likelihood, kind="stable"):
        if likelihood[which] < settings.likelihood:
            break
        apex_s = float(moments.at[which] + shift[which]) / RATE_HZ
        half_s = float(np.clip(lasts_s[which], *MICRO_S)) / 2
        times = (max(apex_s - half_s, 0.0), apex_s, min(apex_s + half_s, end_s))
        if 0 < apex_s < end_s:
            strength = float(likelihood[which]) / settings.likelihood
            one = Candidate(times_s=times, strength=strength, peak_px=0.0, regions=())
            found.append((one, int(moments.place[which])))
    return found


@lru_cache(maxsize=32)
def _near(place: int) -> NDArray[np.bool_]:
    """Mark the regions that a movement at a place may be one of, on both sides."""
    middles = usual_layout().regions @ points()
    right = np.array(MIDDLES_PX[place])
    both = np.stack([right, [SIDE_PX - right[0], right[1]]])
    away = np.hypot(*(middles - both[:, None]).transpose(2, 0, 1)).min(0)
    return np.asarray(away <= max(_NEAR_PX, float(away.min())))
