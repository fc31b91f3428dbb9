"""Band-pass filters along the time of a clip, and what each of them really does to a short one.

A micro-expression lasts a fraction of a second, so that its clip has few frequency bins: at half a
second they are 2 Hz apart. `band_report` says what a band means for a clip before anyone magnifies
it. No filter here lets a constant pass: a clip that stands still filters to zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import scipy  # its parts come when they are asked for
from numpy.typing import NDArray

from openmer.errors import ConfigError, DataError, unknown_name

Band = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideal:
    """Keep the frequency bins of the whole clip from `low` to `high`, both included; drop others.

    A record without fields, because a filter is known by its type.

    References:
        Wu, Rubinstein, Shih, Guttag, Durand, Freeman (2012), Eulerian video magnification for
        revealing subtle changes in the world.

    Differences:
        A bin that lies exactly on an edge of the band is kept.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Butterworth:
    """A Butterworth band-pass with -3 dB (once over) at the edges of the band.

    A record, because a filter is known by its type.

    Attributes:
        order: Of the low-pass it is made from; the band-pass has twice as many poles.
        causal: False filters forward and backward as `scipy.signal.sosfiltfilt` does, which
            moves nothing in time and squares the gain. True filters forward only, starting as if
            the first frame had always been shown; movements then come out late.

    References:
        Wu et al. (2012).

    Differences:
        Wu et al. subtract two first-order low-passes; this is a band-pass design.
    """

    order: int = 2
    causal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstOrder:
    """The difference of two first-order low-passes, ``low[t] = (1 - r) low[t-1] + r x[t]``. Causal.

    A record, because a filter is known by its type.

    Attributes:
        r1, r2: Share of the new frame in the faster and in the slower low-pass, 0 < r2 < r1 <= 1.
            These are fractions per frame, not Hz. None takes both from the band:
            ``r = 1 - exp(-2 pi f / fps)``, r1 from its upper edge and r2 from its lower one.

    References:
        Wu et al. (2012), the temporal filter of their motion examples.

    Differences:
        None known. As there, both low-passes start at the first frame.
    """

    r1: float | None = None
    r2: float | None = None


TemporalFilter = Ideal | Butterworth | FirstOrder

FILTERS: Final[dict[str, TemporalFilter]] = {
    "ideal": Ideal(),
    "butterworth": Butterworth(),
    "iir": FirstOrder(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BandReport:
    """What a temporal filter does to a clip of a given length.

    Attributes:
        filter: The filter in words.
        n_frames: Length of the clip.
        fps: Frames per second.
        band_hz: Lower and upper edge of the band.
        bins_hz: All frequency bins of the clip, from 0 to at most half the frame rate.
        bins_in_band_hz: Those of them that the band holds.
        gains: Share of each bin of `bins_hz` that passes, without transients: 0..1.
        apex_gain: A movement that rises and falls once over the clip, as a raised cosine, is
            magnified by ``1 + apex_gain * alpha`` from the first frame to the middle one. 1 where
            the band holds the movement; it includes the lag and the transients of the filter.
        says: One sentence about all this.
    """

    filter: str
    n_frames: int
    fps: float
    band_hz: Band
    bins_hz: tuple[float, ...]
    bins_in_band_hz: tuple[float, ...]
    gains: tuple[float, ...]
    apex_gain: float
    says: str

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """A filter ready to run.

    Attributes:
        filter: Its settings.
        fps: Frames per second.
        band_hz: Lower and upper edge of the band.
        sections: Second-order sections as in SciPy, shape ``(sections, 6)``; None where the filter
            is ideal.
    """

    filter: TemporalFilter
    fps: float
    band_hz: Band
    sections: NDArray[np.float64] | None

    @property
    def is_causal(self) -> bool:
        """Whether a frame depends on no later frame."""
        return isinstance(self.filter, FirstOrder) or (
            isinstance(self.filter, Butterworth) and self.filter.causal
        )

    def __str__(self) -> str:
        match self.filter:
            case Ideal():
                return "the ideal filter"
            case Butterworth(order=order, causal=causal):
                way = "forward only" if causal else "forward and backward"
                return f"the Butterworth filter of order {order}, {way},"
            case FirstOrder():
                r1, r2 = (_share(edge, self.fps) for edge in reversed(self.band_hz))
                return f"the first-order filter with r1 = {r1:.3g} and r2 = {r2:.3g}"


def design_filter(
    filter: TemporalFilter | str,  # noqa: A002  # the field's word
    *,
    fps: float | Fraction,
    band_hz: Band | None,
) -> Design:
    """Check the settings of a filter and work out its coefficients.

    Args:
        filter: "ideal", "butterworth", "iir", or one of the records of this module.
        fps: Frames per second.
        band_hz: Lower and upper edge, ``0 < low < high <= fps / 2``; None only where a first-order
            filter has its own `r1` and `r2`.
    """
    if isinstance(filter, str):
        if filter not in FILTERS:
            raise unknown_name("temporal filter", filter, FILTERS)
        filter = FILTERS[filter]  # noqa: A001
    rate = float(fps)
    if not (np.isfinite(rate) and rate > 0):
        raise ConfigError(f"fps is {fps}; give the frames per second, a number above 0.")
    match filter:
        case FirstOrder():
            band = _first_order_band(filter, rate, band_hz)
            return Design(filter=filter, fps=rate, band_hz=band, sections=_first_order(band, rate))
        case Butterworth():
            band = _checked_band(band_hz, rate)
            sections = _butterworth(filter, band, rate)
            return Design(filter=filter, fps=rate, band_hz=band, sections=sections)
        case Ideal():
            band = _checked_band(band_hz, rate)
            return Design(filter=filter, fps=rate, band_hz=band, sections=None)


def band_report(
    n_frames: int,
    fps: float | Fraction,
    band_hz: Band | None,
    filter: TemporalFilter | str = "ideal",  # noqa: A002  # the field's word
) -> BandReport:
    """Describe what a filter does to a clip of `n_frames` frames, in numbers and a sentence.

    Raises:
        ConfigError: As in `design_filter`.
        DataError: There are fewer than two frames.
    """
    design = design_filter(filter, fps=fps, band_hz=band_hz)
    bins_hz = frequency_bins(n_frames, design.fps)
    inside = holds(design, bins_hz)
    gains = gains_at(design, bins_hz)
    course = (1 - np.cos(2 * np.pi * np.arange(n_frames) / (n_frames - 1))) / 2
    response = filter_course(design, course)
    middle = (n_frames - 1) // 2
    span = course[middle] - course[0]
    gain = float((response[middle] - response[0]) / span) if span else 0.0
    return BandReport(
        filter=str(design).removeprefix("the ").rstrip(","),
        n_frames=n_frames,
        fps=design.fps,
        band_hz=design.band_hz,
        bins_hz=tuple(map(float, bins_hz)),
        bins_in_band_hz=tuple(map(float, bins_hz[inside])),
        gains=tuple(map(float, gains)),
        apex_gain=gain,
        says=_sentence(design, n_frames, bins_hz, inside, gain),
    )


def frequency_bins(n_frames: int, fps: float) -> NDArray[np.float64]:
    """Return the frequencies in Hz that a clip of `n_frames` frames can tell apart, from 0."""
    if n_frames < 2:
        raise DataError(
            f"Found {n_frames} frame(s); a filter along time needs at least 2. Give a longer clip."
        )
    return np.arange(n_frames // 2 + 1) * fps / n_frames


def holds(design: Design, bins_hz: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the bins lie in the band, its edges included."""
    low, high = design.band_hz
    slack = 1e-9 * high  # a bin on the edge, worked out in another order, may be a rounding away
    inside: NDArray[np.bool_] = (bins_hz >= low - slack) & (bins_hz <= high + slack)
    return inside


def gains_at(design: Design, frequencies_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each frequency that passes once the filter has settled, 0..1."""
    if design.sections is None:
        return holds(design, frequencies_hz).astype(np.float64)
    z = np.exp(-2j * np.pi * frequencies_hz / design.fps)
    powers = np.stack([np.ones_like(z), z, z**2])
    ratio = (design.sections[:, :3] @ powers) / (design.sections[:, 3:] @ powers)
    gain: NDArray[np.float64] = np.abs(ratio.prod(axis=0))
    return gain if design.is_causal else gain**2


def filter_course(design: Design, course: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filter one or more plain time courses: the reference for the fast path.

    Args:
        design: The filter.
        course: Shape ``(time, ...)``, at least two frames.

    Returns:
        Same shape.
    """
    away = course - course[0]
    if design.sections is None:
        inside = holds(design, frequency_bins(len(course), design.fps))
        spectrum = np.fft.rfft(away, axis=0) * inside.reshape(-1, *[1] * (course.ndim - 1))
        return np.asarray(np.fft.irfft(spectrum, len(course), axis=0))
    if design.is_causal:
        return np.asarray(scipy.signal.sosfilt(design.sections, away, axis=0))
    padding = padding_frames(design, len(course))
    both_ways = scipy.signal.sosfiltfilt(design.sections, away, axis=0, padlen=padding)
    return np.ascontiguousarray(both_ways)


def padding_frames(design: Design, n_frames: int) -> int:
    """Frames by which a clip is continued at both ends, turned about its end points.

    SciPy's rule, three times the taps of the filter, but at most what the clip has.
    """
    if design.sections is None:
        return 0
    zeros = min((design.sections[:, 2] == 0).sum(), (design.sections[:, 5] == 0).sum())
    return int(min(3 * (2 * len(design.sections) + 1 - zeros), n_frames - 1))


def _checked_band(band_hz: Band | None, fps: float) -> Band:
    """Return the band as two floats; refuse an impossible one."""
    if band_hz is None or len(band_hz) != 2:
        raise ConfigError(f"band_hz is {band_hz!r}; give a lower and an upper edge in Hz.")
    low, high = (float(edge) for edge in band_hz)
    if not 0 < low < high <= fps / 2:
        raise ConfigError(
            f"band_hz is {low:g}..{high:g} Hz at {fps:g} fps. Give two rising edges above 0, at "
            f"most half the frame rate, {fps / 2:g} Hz."
        )
    return low, high


def _butterworth(settings: Butterworth, band: Band, fps: float) -> NDArray[np.float64]:
    """Second-order sections of a Butterworth band-pass."""
    if settings.order < 1:
        raise ConfigError(f"The order of the Butterworth filter is {settings.order}; give 1..8.")
    if band[1] >= fps / 2:
        raise ConfigError(
            f"band_hz ends at {band[1]:g} Hz; a Butterworth filter needs an upper edge below half "
            f"the frame rate, {fps / 2:g} Hz."
        )
    return np.asarray(scipy.signal.butter(settings.order, band, "bandpass", fs=fps, output="sos"))


def _first_order_band(settings: FirstOrder, fps: float, band_hz: Band | None) -> Band:
    """Return the band of a first-order filter, from Hz or from its fractions per frame."""
    if settings.r1 is None and settings.r2 is None:
        return _checked_band(band_hz, fps)
    if band_hz is not None:
        raise ConfigError(
            f"Found band_hz {band_hz} and r1 {settings.r1}, r2 {settings.r2}; r1 and r2 are the "
            "band in fractions per frame. Give one of the two and leave the other None."
        )
    r1, r2 = settings.r1 or 0.0, settings.r2 or 0.0
    if not 0 < r2 < r1 < 1:
        raise ConfigError(f"Found r1 {settings.r1} and r2 {settings.r2}; give 0 < r2 < r1 < 1.")
    low, high = (float(-np.log1p(-r) * fps / (2 * np.pi)) for r in (r2, r1))
    return low, high


def _first_order(band: Band, fps: float) -> NDArray[np.float64]:
    """One second-order section that is the difference of the two low-passes.

    ``r1 / (1 - p1 z) - r2 / (1 - p2 z) = (r1 - r2) (1 - z) / ((1 - p1 z) (1 - p2 z))``, p = 1 - r.
    """
    slow, fast = (_share(edge, fps) for edge in band)
    difference = fast - slow
    poles = (1 - fast, 1 - slow)
    row = (difference, -difference, 0.0, 1.0, -sum(poles), poles[0] * poles[1])
    return np.array([row])


def _share(edge_hz: float, fps: float) -> float:
    """Share of the new frame in a first-order low-pass of this corner frequency."""
    return float(-np.expm1(-2 * np.pi * edge_hz / fps))


def _sentence(
    design: Design,
    n_frames: int,
    bins_hz: NDArray[np.float64],
    inside: NDArray[np.bool_],
    gain: float,
) -> str:
    """Describe what the filter really does to this clip."""
    low, high = design.band_hz
    band = f"between {low:.3g} and {high:.3g} Hz"
    has = f"{n_frames} frames at {design.fps:.5g} fps have bins at {_listed(bins_hz)} Hz"
    effect = f"a movement that rises and falls once in the clip by 1 + {gain:.2g} alpha"
    if inside.any():
        held = _listed(bins_hz[inside])
        return (
            f"{inside.sum()} of {len(bins_hz)} bins lie {band} ({held} Hz); {design} magnifies "
            f"{effect}."
        )
    if design.sections is None:
        return f"No bin {band}: {has}; {design} returns zero and the output equals the input."
    return f"No bin {band}: {has}; {design} has no sharp edge and still magnifies {effect}."


def _listed(values: NDArray[np.float64]) -> str:
    """Write the first three of some numbers."""
    return ", ".join(f"{value:.3g}" for value in values[:3]) + (", ..." if len(values) > 3 else "")
