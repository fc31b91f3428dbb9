"""Brief movements of a face as the network finds them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from openmer.video._event import MICRO_S
from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._brief_input import RATE_HZ, brief_input
from openmer.video.spotting._gates import Gates
from openmer.video.spotting._mesh_spotter import moved_regions
from openmer.video.spotting._motion_spotter import Candidate
from openmer.video.spotting._network import PLACES_PX, BriefNetwork
from openmer.video.spotting._regions import REGIONS, points, usual_layout
from openmer.video.spotting._settings import MeshSettings

_NOT_SEEN = ("covered", "light", "gap")  # gates under which nothing can be seen
_SHAKY = ("mouth", "turn")  # gates under which a movement must be likelier
_SURE = 0.66  # likelihood from which they do not count
_NEAR_PX = 28.0  # of a place of the network to the middle of a region


def learned_of(
    network: BriefNetwork, run: UniformRun, gates: Gates, settings: MeshSettings
) -> list[Candidate]:
    """Brief movements, none of them overlapping another.

    Those that were not seen well name a gate; so do those of a face that turns fast, or whose mouth
    opens widely, unless they are likely by far.
    """
    found: list[Candidate] = []
    for one, place in _peaks(network, run, settings):
        if any(one.times_s[0] < k.times_s[2] and k.times_s[0] < one.times_s[2] for k in found):
            continue
        span = int(one.times_s[0] / run.step_s), int(np.ceil(one.times_s[2] / run.step_s))
        near = _near(place)
        regions, peak_px = moved_regions(run, span, near)
        is_sure = one.strength * settings.likelihood >= _SURE
        shut = _NOT_SEEN if is_sure else _NOT_SEEN + _SHAKY
        reasons = tuple(name for name in gates.reasons(*span, REGIONS) if name in shut)
        found.append(replace(one, regions=regions, peak_px=peak_px, gates=reasons))
    return found


def _peaks(
    network: BriefNetwork, run: UniformRun, settings: MeshSettings
) -> list[tuple[Candidate, int]]:
    """Candidates and their places, the likeliest first; many are neighbours of one apex."""
    likelihood, lasts_s, shift = (
        values.reshape(len(values), -1) for values in network(brief_input(run))
    )
    best = likelihood.argmax(1)
    highest = likelihood.max(1)
    end_s = (len(run.regions_px) - 1) * run.step_s
    found = []
    for at in np.argsort(-highest, kind="stable"):
        if highest[at] < settings.likelihood:
            break
        place = int(best[at])
        apex_s = float(at + shift[at, place]) / RATE_HZ
        half_s = float(lasts_s[at, place]) / 2
        times = (max(apex_s - half_s, 0.0), apex_s, min(apex_s + half_s, end_s))
        if MICRO_S[0] <= 2 * half_s <= MICRO_S[1] and 0 < apex_s < end_s:
            strength = float(highest[at]) / settings.likelihood
            one = Candidate(times_s=times, strength=strength, peak_px=0.0, regions=())
            found.append((one, place))
    return found


@lru_cache(maxsize=32)
def _near(place: int) -> NDArray[np.bool_]:
    """Mark the regions that a movement at a place of the network may be one of."""
    middles = usual_layout().regions @ points()
    away = np.hypot(*(middles - PLACES_PX[place]).T)
    return np.asarray(away <= max(_NEAR_PX, float(away.min())))
