"""Movements of a face that is followed by its mesh: brief ones by flow, long ones by the mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, percentile_filter, uniform_filter1d

from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.faces._resample import UniformRun
from openmer.video.spotting._bumps import Bump, Bumps, channel_regions
from openmer.video.spotting._gates import Gates, gates_of
from openmer.video.spotting._motion_spotter import Candidate
from openmer.video.spotting._regions import MOUTH, REGIONS
from openmer.video.spotting._settings import MeshSettings

Floats = NDArray[np.float64]

_REST_S = 30.0
_EDGE_S = 0.1
_STEADY_PX = 0.5  # spread of the rigid parts of a face that is followed well
_MOUTH = np.isin(REGIONS, MOUTH)


Brief = Callable[[UniformRun, Gates, MeshSettings], list[Candidate]]


def mesh_candidates(run: UniformRun, settings: MeshSettings, brief_of: Brief) -> list[Candidate]:
    """Brief and long movements of one piece; those under a gate name it.

    Args:
        run: The piece.
        settings: Thresholds.
        brief_of: Finds the brief ones: `bumps_of`, or by the network. Long ones are times away from
            the rest of the face.
    """
    if len(run.regions_px) < run.samples(settings.least_s):
        return []
    gates = gates_of(run)
    long = _long(run, gates, settings)
    brief = brief_of(run, gates, settings)
    return long + [one for one in brief if not any(_is_edge(one, whole) for whole in long)]


def _is_edge(brief: Candidate, long: Candidate) -> bool:
    """Tell whether a brief movement is how a long one begins or ends."""
    onset, _, offset = brief.times_s
    near = any(onset - _EDGE_S <= edge <= offset + _EDGE_S for edge in long.times_s[::2])
    return near and not set(brief.regions[:1]).isdisjoint(long.regions)


def bumps_of(run: UniformRun, gates: Gates, settings: MeshSettings) -> list[Candidate]:
    """Brief movements that are bumps, not steps, no larger or faster than skin moves."""
    chosen = channel_regions()
    cheeks = np.array([all("cheek" in n for n in np.array(REGIONS)[own]) for own in chosen])
    reach = _reach(run, settings)[:, None] * np.where(cheeks, settings.cheek, 1.0)
    shut = (gates.regions()[:, None, :] & chosen[None]).any(2)
    bumps = Bumps(
        run,
        least_ratio=settings.ratio,
        least_px=settings.least_share * FACE_WIDTH_PX,
        least_shape=settings.shape,
    )
    found = bumps.found(np.where(shut, np.inf, reach))
    kept = [_candidate(run, bump) for bump in found if _is_plausible(run, bump, gates, settings)]
    for bump in bumps.found(reach):
        near = any(abs(bump.apex - one.apex) <= bump.half + one.half for one in found)
        reasons = gates.reasons(*_span(bump), np.array(REGIONS)[chosen[bump.channel]])
        if not near and reasons:
            kept.append(replace(_candidate(run, bump), gates=reasons))
    return kept


def _span(bump: Bump) -> tuple[int, int]:
    return int(bump.apex - bump.half), int(np.ceil(bump.apex + bump.half))


def _reach(run: UniformRun, settings: MeshSettings) -> Floats:
    """Compute the factor on the noise while the head turns or is followed badly."""
    speed = np.zeros(len(run.regions_px))
    for name in ("yaw", "pitch"):
        angle = gaussian_filter1d(run.signal(name), 0.05 / run.step_s)
        speed = np.hypot(speed, np.gradient(angle, run.step_s))
    turning = settings.per_turn * gaussian_filter1d(speed, 0.1 / run.step_s)
    unsteady = maximum_filter1d(run.signal("spread_px"), 2 * run.samples(0.1) + 1)
    return np.asarray(1 + turning + settings.per_spread * np.maximum(unsteady - _STEADY_PX, 0))


def _is_plausible(run: UniformRun, bump: Bump, gates: Gates, settings: MeshSettings) -> bool:
    """Tell whether skin can move so: shape, size, speed, and no gate within it."""
    first, last = _span(bump)
    regions = np.array(REGIONS)[channel_regions()[bump.channel]]
    if gates.reasons(first, last, regions):
        return False
    share = bump.size_px / FACE_WIDTH_PX
    speed = share / (bump.half * run.step_s)
    return bool(
        share <= settings.most_share
        and speed <= settings.most_per_s
        and run.samples(0.1) <= first
        and last <= len(run.regions_px) - 1 - run.samples(0.1)
    )


def _candidate(run: UniformRun, bump: Bump) -> Candidate:
    end = (len(run.regions_px) - 1) * run.step_s
    times = [run.step_s * (bump.apex + by) for by in (-bump.half, 0.0, bump.half)]
    return Candidate(
        times_s=(max(times[0], 0.0), times[1], min(times[2], end)),
        strength=bump.ratio,
        peak_px=bump.size_px,
        regions=moved_regions(run, _span(bump), channel_regions()[bump.channel])[0],
    )


def moved_regions(
    run: UniformRun, span: tuple[int, int], own: NDArray[np.bool_]
) -> tuple[tuple[str, ...], float]:
    """Regions that move within some samples, up to four, the strongest of its own first.

    Args:
        run: The piece.
        span: First and last sample.
        own: Which regions come first, ``(regions,)``.

    Returns:
        Their names, and how far the strongest of its own moves, pixels of the patch.
    """
    first, last = max(span[0], 0), min(span[1], len(run.regions_px) - 1)
    window = run.regions_px[first : last + 1]
    moved = np.linalg.norm(window - (window[0] + window[-1]) / 2, axis=2).max(0)
    order = [int(r) for r in np.argsort(-moved) if own[r]]
    others = [int(r) for r in np.argsort(-moved) if not own[r] and moved[r] > moved[own].max() / 2]
    return tuple(REGIONS[r] for r in [*order, *others][:4]), float(moved[own].max())


def _long(run: UniformRun, gates: Gates, settings: MeshSettings) -> list[Candidate]:
    """Find times at which the mesh is away from its rest for long."""
    smooth = gaussian_filter1d(run.mesh_px, settings.long_smooth_s / run.step_s, axis=0)
    away = np.linalg.norm(smooth - _rest(run, smooth), axis=2) / FACE_WIDTH_PX
    talks = gates.flags["speech"][:, None] & _MOUTH
    away = np.where(talks, away / settings.talk, away)
    ratio = away.max(1) / settings.long_share
    found = []
    for first, end in _stretches(ratio, settings):
        if (end - first) * run.step_s <= 0.5:
            continue
        apex = first + int(ratio[first:end].argmax())
        order = np.argsort(-away[apex])
        strong = [r for r in order[:4] if away[apex, r] >= 0.5 * away[apex, order[0]]]
        found.append(
            Candidate(
                times_s=(first * run.step_s, apex * run.step_s, (end - 1) * run.step_s),
                strength=float(ratio[apex]),
                peak_px=float(away[apex].max()) * FACE_WIDTH_PX,
                regions=tuple(REGIONS[r] for r in strong),
            )
        )
    return found


def _rest(run: UniformRun, smooth: Floats) -> Floats:
    """Compute where each region rests: its mean while the mouth is least open and least wide.

    The median is no rest: a grin may last for most of a video.
    """
    window = min(run.samples(_REST_S), len(smooth)) | 1
    strain = run.signal("mouth_opening") + np.maximum(
        run.signal("mouth_width") - np.median(run.signal("mouth_width")), 0
    )
    strain = gaussian_filter1d(strain, 0.1 / run.step_s)
    least = percentile_filter(strain, 25, size=window)
    calm = (strain <= least + 1e-6).astype(np.float64)[:, None, None]
    count = np.maximum(uniform_filter1d(calm, window, axis=0), 1e-9)
    return np.asarray(uniform_filter1d(calm * smooth, window, axis=0) / count)


def _stretches(ratio: Floats, settings: MeshSettings) -> list[tuple[int, int]]:
    """Stretches above the lower edge that pass 1 somewhere."""
    over = ratio > settings.long_edge
    edges = np.flatnonzero(np.diff(np.concatenate([[0], over.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if ratio[a:b].max() > 1]
