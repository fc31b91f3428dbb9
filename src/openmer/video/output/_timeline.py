"""How much each face moved over the time of a video, small enough to be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from openmer.preprocessing import round_up
from openmer.theme import css_colour
from openmer.video._analysis import Analysis
from openmer.video._event import Event, Kind
from openmer.video.faces._patch import FACE_WIDTH_PX
from openmer.video.spotting._curves import FaceCurves

Floats = NDArray[np.float64]

_REST_S = 7.0  # window of the running median that stands for the face at rest
_SAMPLES_PER_S = 8.0  # that the running median is made of
_LEAST_PERCENT = 1.0  # of the face's width, what the axis shows at least
_HEIGHT_PX, _TOP_PX, _FOOT_PX = 120, 24, 22
_LABELS_APART_PERCENT = 2.2  # of the width
_TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)
_STYLE = f"""<style>
.mo-curve {{ fill: none; stroke: {css_colour("accent")}; stroke-width: 1.4;
  stroke-linejoin: round; }}
.mo-micro {{ fill: {css_colour("micro")}; }} .mo-macro {{ fill: {css_colour("macro")}; }}
.mo-band {{ opacity: .22; }} .mo-gone {{ fill: {css_colour("ink")}; opacity: .07; }}
.mo-axis {{ stroke: {css_colour("line")}; stroke-width: 1; }}
.mo-text {{ fill: {css_colour("soft")};
  font: 12px system-ui, "Liberation Sans", Arial, sans-serif; }}
.mo-number {{ font-weight: 650; }}
</style>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """An event on the timeline.

    Attributes:
        number: Its place among all events of the video, from 1.
        kind: "micro" or "macro".
        onset_s: When it begins.
        apex_s: When it is largest.
        offset_s: When it ends.
    """

    number: int
    kind: Kind
    onset_s: float
    apex_s: float
    offset_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceLine:
    """How one face moved.

    Attributes:
        subject_id: Its number.
        pieces: Of each time in view: pairs of a time in seconds and a movement in percent of the
            face's width.
        gaps: Start and end in seconds of each time out of view.
        events: Of this face, by onset.
    """

    subject_id: int
    pieces: tuple[tuple[tuple[float, float], ...], ...]
    gaps: tuple[tuple[float, float], ...]
    events: tuple[Marked, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """How all faces of a video moved.

    Attributes:
        duration_s: Length of the video.
        full_percent: Upper end of the axis of all faces, percent of the face's width.
        faces: By their numbers.
    """

    duration_s: float
    full_percent: float
    faces: tuple[FaceLine, ...]


def motion_percent(curves: FaceCurves) -> Floats:
    """How far the face is from its rest: the largest displacement of a region from its median.

    The median runs over 7 s of each time in view, so that slow drift does not count; it is made of
    8 samples a second, in between it is interpolated. Movements of more than half of that time
    disappear in it.

    Returns:
        Percent of the face's width, one for each row of the curves.
    """
    away = np.zeros(len(curves))
    for first, end in curves.runs:
        moved = curves.regions_px[first:end] - _rest_px(curves, first, end)
        away[first:end] = np.linalg.norm(moved, axis=2).max(1)
    return 100 * away / FACE_WIDTH_PX


def timeline_of(analysis: Analysis, *, most_points: int = 2000) -> Timeline:
    """Build the timeline of a video.

    Args:
        analysis: What was found.
        most_points: Largest number of points of a face, 2 or more. Of all frames between two points
            the largest movement is kept, so that no peak is lost. Times out of view that are
            shorter than that, or than a quarter of a second, are not shown.
    """
    duration_s = max([analysis.duration_s, *(float(c.times_s[-1]) for c in analysis.faces)])
    step_s = max(duration_s, 1e-3) / max(most_points - 1, 1)
    lines = tuple(_line(curves, analysis.events, duration_s, step_s) for curves in analysis.faces)
    highest = [value for line in lines for piece in line.pieces for _, value in piece]
    return Timeline(
        duration_s=duration_s,
        full_percent=round_up(max([_LEAST_PERCENT, *highest])),
        faces=lines,
    )


def timeline_svg(timeline: Timeline, subject_id: int) -> str:
    """Draw the timeline of one face as an SVG image, to be put into a page.

    It fills the width it is given and is 120 pixels high. Bands are events, with the numbers they
    have in the report, which they link to as ``#event-NUMBER``; gray areas are times out of view.
    Colours are the page's (``--accent``, ``--micro``, ``--macro``, ``--ink``, ``--soft``,
    ``--line``), with some for a light page where it has none.

    Args:
        timeline: Of the video.
        subject_id: Number of the face.
    """
    line = next(face for face in timeline.faces if face.subject_id == subject_id)
    floor_px = _HEIGHT_PX - _FOOT_PX
    parts = [
        f'<svg class="timeline" width="100%" height="{_HEIGHT_PX}" role="group" '
        f'aria-label="{_spoken(timeline, line)}">{_STYLE}',
        *_axis(timeline, floor_px),
        *(_area(timeline, "mo-gone", *gap) for gap in line.gaps),
        *_bands(timeline, line),
        f'<svg x="0" y="{_TOP_PX}" width="100%" height="{floor_px - _TOP_PX}" '
        'viewBox="0 0 1000 100" preserveAspectRatio="none">',
        *(_curve(timeline, piece) for piece in line.pieces),
        "</svg>",
        f'<text class="mo-text" x="4" y="{_TOP_PX + 12}">{timeline.full_percent:g} %</text>',
        "</svg>",
    ]
    return "".join(parts)


def clock_text(time_s: float, digits: int = 2) -> str:
    """Write a time as minutes and seconds, with hours where there are any: "1:02.50"."""
    ticks = round(time_s * 10**digits)
    seconds, rest = divmod(ticks, 10**digits)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    tail = f".{rest:0{digits}}" if digits else ""
    head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{head}:{seconds:02}{tail}"


def _rest_px(curves: FaceCurves, first: int, end: int) -> Floats:
    """Compute the running median of one time in view, ``(rows, regions, 2)``."""
    times_s, places = curves.times_s[first:end], curves.regions_px[first:end]
    count = max(2, int((times_s[-1] - times_s[0]) * _SAMPLES_PER_S) + 1)
    rows = np.unique(np.linspace(0, end - first - 1, count).astype(int))
    size = min(int(_REST_S * _SAMPLES_PER_S) | 1, 2 * len(rows) - 1)
    middle = median_filter(places[rows], size=(size, 1, 1), mode="reflect")
    flat = [np.interp(times_s, times_s[rows], c) for c in middle.reshape(len(rows), -1).T]
    return np.stack(flat, axis=1).reshape(places.shape)


def _line(
    curves: FaceCurves, events: Sequence[Event], duration_s: float, step_s: float
) -> FaceLine:
    least_s = max(step_s, 0.25)
    motion = motion_percent(curves)
    breaks = np.flatnonzero(np.diff(curves.times_s) > least_s) + 1
    edges = [0, *breaks.tolist(), len(curves)]
    pieces = tuple(
        tuple(_pooled(curves.times_s[first:end], motion[first:end], step_s))
        for first, end in pairwise(edges)
    )
    seen = [(float(curves.times_s[a]), float(curves.times_s[b - 1])) for a, b in pairwise(edges)]
    bounds = [0.0, *(time_s for span in seen for time_s in span), duration_s]
    gaps = tuple((a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if b - a > least_s)
    marked = tuple(
        Marked(number=number, kind=e.kind, onset_s=e.onset_s, apex_s=e.apex_s, offset_s=e.offset_s)
        for number, e in enumerate(events, 1)
        if e.subject_id == curves.subject_id
    )
    return FaceLine(subject_id=curves.subject_id, pieces=pieces, gaps=gaps, events=marked)


def _pooled(times_s: Floats, motion: Floats, step_s: float) -> Iterator[tuple[float, float]]:
    """Yield the largest movement within every `step_s`, at its own time."""
    bins = np.floor(times_s / step_s).astype(np.int64)
    for rows in np.split(np.arange(len(bins)), np.flatnonzero(np.diff(bins)) + 1):
        row = rows[int(np.argmax(motion[rows]))]
        yield round(float(times_s[row]), 3), round(float(motion[row]), 3)


def _percent(timeline: Timeline, time_s: float) -> float:
    """Place on the time axis, percent of the width."""
    return round(100 * time_s / max(timeline.duration_s, 1e-3), 3)


def _curve(timeline: Timeline, piece: Sequence[tuple[float, float]]) -> str:
    points = " ".join(
        f"{10 * _percent(timeline, time_s):g},{100 - 100 * value / timeline.full_percent:.1f}"
        for time_s, value in piece
    )
    return f'<polyline class="mo-curve" vector-effect="non-scaling-stroke" points="{points}"/>'


def _area(timeline: Timeline, style: str, start_s: float, end_s: float) -> str:
    x, width = _percent(timeline, start_s), _percent(timeline, end_s - start_s)
    return (
        f'<rect class="{style}" x="{x}%" y="{_TOP_PX}" width="{width}%" '
        f'height="{_HEIGHT_PX - _FOOT_PX - _TOP_PX}"/>'
    )


def _bands(timeline: Timeline, line: FaceLine) -> Iterator[str]:
    """Each event as a band and a mark, with its number where there is room."""
    labelled = -100.0
    for event in line.events:
        place = _percent(timeline, event.apex_s)
        title = f"{event.number}, {event.kind}, {clock_text(event.onset_s)}"
        yield f'<a href="#event-{event.number}"><title>{title}</title>'
        band = f"mo-{event.kind} mo-band"
        yield _area(timeline, band, event.onset_s, event.offset_s)
        height_px = _HEIGHT_PX - _FOOT_PX - _TOP_PX
        yield (
            f'<svg x="{place}%" y="{_TOP_PX}" width="1" height="1" overflow="visible"><path '
            f'class="mo-{event.kind}" opacity=".45" d="M0 0v{height_px}h1v-{height_px}z"/><path '
            f'class="mo-{event.kind}" d="M-4 -6h9l-4.5 6z"/></svg>'
        )
        if place - labelled > _LABELS_APART_PERCENT:
            labelled = place
            yield (
                f'<text class="mo-text mo-number" x="{place}%" y="{_TOP_PX - 10}" '
                f'text-anchor="middle">{event.number}</text>'
            )
        yield "</a>"


def _axis(timeline: Timeline, floor_px: int) -> Iterator[str]:
    yield f'<line class="mo-axis" x1="0" x2="100%" y1="{floor_px}" y2="{floor_px}"/>'
    step_s = next((s for s in _TICKS_S if timeline.duration_s / s <= 6), 6 * _TICKS_S[-1])
    digits = 1 if step_s < 1 else 0
    for number in range(int(timeline.duration_s / step_s + 1e-9) + 1):
        at = _percent(timeline, number * step_s)
        anchor = "start" if at < 3 else "end" if at > 97 else "middle"
        yield (
            f'<line class="mo-axis" x1="{at}%" x2="{at}%" y1="{_TOP_PX}" y2="{floor_px + 4}"/>'
            f'<text class="mo-text" x="{at}%" y="{floor_px + 17}" text-anchor="{anchor}">'
            f"{clock_text(number * step_s, digits)}</text>"
        )


def _spoken(timeline: Timeline, line: FaceLine) -> str:
    events = ", ".join(f"{e.kind} at {clock_text(e.onset_s)}" for e in line.events[:20])
    return (
        f"Movement of subject {line.subject_id} over {clock_text(timeline.duration_s)}, up to "
        f"{timeline.full_percent:g} percent of the face's width. Events: {events or 'none'}."
    )
