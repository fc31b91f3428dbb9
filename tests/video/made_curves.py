"""Curves of a face whose movements are known."""

import numpy as np

from openmer.video.spotting._curves import FaceCurves
from openmer.video.spotting._regions import REGIONS

LOOKS_AHEAD = np.array([[1.0, 0, 0], [0, 1.0, 0]])


def bump(times_s, onset_s, apex_s, offset_s):
    """A raised cosine, 1 at the apex."""
    phase = np.interp(times_s, (onset_s, apex_s, offset_s), (0.0, 1.0, 2.0))
    return (1 - np.cos(np.pi * phase)) / 2


def curves(times_s, *, moves=(), noise=0.03, seed=0, eyes=None, warp=None, head=None, starts=(0,)):
    """A face that trembles a little; `moves` are (region, (x, y), course)."""
    rng = np.random.default_rng(seed)
    count = len(times_s)
    regions = rng.normal(0, noise, (count, len(REGIONS), 2))
    for region, direction, course in moves:
        regions[:, REGIONS.index(region)] += np.outer(course, direction)
    return FaceCurves(
        subject_id=1,
        frames=np.arange(count),
        times_s=np.asarray(times_s, float),
        regions_px=regions,
        head=np.zeros((count, 4)) if head is None else head,
        warp_px=np.zeros((count, 4)) if warp is None else warp,
        eyes=rng.normal(1.0, 0.02, count) if eyes is None else eyes,
        starts=tuple(starts),
        matrices=np.tile(LOOKS_AHEAD, (count, 1, 1)),
    )


def overlap(found, onset_s, offset_s):
    """Intersection over union in seconds."""
    shared = min(found.offset_s, offset_s) - max(found.onset_s, onset_s)
    whole = max(found.offset_s, offset_s) - min(found.onset_s, onset_s)
    return max(shared, 0) / whole
