"""What was found in a video as one HTML page that needs nothing from outside itself."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image as Pillow

from openmer import __version__
from openmer.errors import DataError
from openmer.files import replace_file
from openmer.theme import css_colours
from openmer.video._analysis import Analysis
from openmer.video._event import MICRO_S, Event
from openmer.video.output._events import rate_text, video_name
from openmer.video.output._evidence import Evidence, RegionShift
from openmer.video.output._timeline import clock_text, timeline_of, timeline_svg

if TYPE_CHECKING:
    from markupsafe import Markup

    from openmer.deployment import ModelRecord
    from openmer.video._quality import Quality
    from openmer.video.spotting._curves import FaceCurves

Image = NDArray[np.uint8]

REPORT = "report.html"

_REPLAY_BYTES = 1_500_000  # a longer replay is linked
_PAGE_BYTES = 24_000_000  # of pictures and replays inside of the page
_JPEG_QUALITY = 88
_REGIONS_SHOWN = 6
_SHOWN = 0.05  # share of the time from which a gate is named
_LEAST_PERCENT = 0.05  # of the face's width; less is shown as none
_VIDEO_TYPES = {".mp4": "video/mp4", ".mov": "video/quicktime", ".mkv": "video/x-matroska"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """An image of an event; `source` is a data URI."""

    source: str
    words: str
    sub: str
    side: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """A named share; `width` in percent of the longest one possible."""

    name: str
    value: str
    width: float
    is_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """What the page shows of one event."""

    number: int
    event: Event
    headline: str
    sub: str
    times: tuple[tuple[str, str], ...]
    scores: tuple[_Bar, ...]
    regions: tuple[_Bar, ...]
    pictures: tuple[_Picture, ...]
    replay: str
    replay_type: str
    is_linked: bool
    left_out: bool


class _Room:
    """How much still fits into the page."""

    def __init__(self, size: int) -> None:
        self._left = size

    def uri(self, kind: str, content: bytes) -> str:
        """Return the content as a data URI; "" where there is no room for it."""
        text = f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
        if len(text) > self._left:
            return ""
        self._left -= len(text)
        return text


def write_report(
    folder: Path | str,
    analysis: Analysis,
    evidence: Mapping[int, Evidence] | None = None,
    replays: Mapping[int, Path] | None = None,
) -> Path:
    """Write ``report.html``: verdict, timeline, events with their evidence, limits.

    The page needs no other file, no network and no JavaScript; only replays of more than 1.5 MB,
    and those that no longer fit, are linked where they lie. The same input gives the same bytes.

    Args:
        folder: Made where it is missing.
        analysis: What was found.
        evidence: Of some or all events, by their number: 1 for the first one of `analysis.events`.
        replays: Files written by `openmer.video.output._replay.write_replay`, by the same numbers.

    Returns:
        The path of the page.

    Raises:
        DataError: A replay cannot be read, or the page cannot be written.
    """
    path = Path(folder) / REPORT
    text = render_report(analysis, evidence or {}, replays or {}, Path(folder))
    replace_file(path, text.encode("utf-8", "xmlcharrefreplace"))
    return path


def page_template(name: str) -> Template:
    """Load a template of a page about videos; it may include our one style sheet."""
    packages = ("openmer.video", "openmer.reports")
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def render_report(
    analysis: Analysis, evidence: Mapping[int, Evidence], replays: Mapping[int, Path], folder: Path
) -> str:
    """Write the page of `write_report` as text; links are relative to the folder."""
    room = _Room(_PAGE_BYTES)
    sections = [
        _section(number, event, evidence.get(number), room)
        for number, event in enumerate(analysis.events, 1)
    ]
    shown = [
        _with_replay(section, replays.get(section.number), folder, room) for section in sections
    ]
    return page_template("video_report.html.j2").render(
        colours=css_colours(),
        analysis=analysis,
        state=_state(analysis),
        name=video_name(analysis),
        about=_about(analysis),
        faces=_timelines(analysis),
        sections=shown,
        how=_how(analysis),
        model=analysis.model,
        model_facts=[] if analysis.model is None else _model_facts(analysis.model),
        saliency_notes=sorted(
            {e.saliency_note for e in evidence.values() if e.saliency_rgb is None} - {""}
        ),
        micro_ms=[round(1000 * seconds) for seconds in MICRO_S],
        version=__version__,
    )


def _state(analysis: Analysis) -> str:
    """Which of the four pages this is."""
    if not analysis.faces:
        return "no face"
    if not analysis.events and not analysis.is_measurable:
        return "not measurable"
    return "found" if analysis.events else "nothing"


def _about(analysis: Analysis) -> str:
    """Describe the video in one line."""
    info = analysis.info
    rate = "rate not stated" if info.fps is None else f"{float(info.fps):.4g} frames per second"
    count = len(analysis.faces)
    people = "no face" if not count else f"{count} face" + ("s" if count > 1 else "")
    return f"{_length(analysis.duration_s)} long, {info.width} x {info.height}, {rate}, {people}"


def _length(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{clock_text(seconds, 0)} {'min' if seconds < 3599.5 else 'h'}"


def _timelines(analysis: Analysis) -> list[tuple[str, Markup]]:
    """Words and image for each face."""
    timeline = timeline_of(analysis)
    return [
        (
            _face_words(curves, quality),
            Markup(timeline_svg(timeline, curves.subject_id)),
        )
        for curves, quality in zip_longest(analysis.faces, analysis.qualities)
    ]


def _face_words(curves: FaceCurves, quality: Quality | None) -> str:
    """Say how long a face was in view, and how well it could be measured."""
    words = f"Subject {curves.subject_id}, in view for {_length(curves.seen_s)}"
    if quality is None:
        return words
    words += (
        f"; {quality.clear_share:.0%} of it measurable, face {quality.face_px:.0f} pixels wide, "
        f"{quality.fps:.3g} frames per second, started again {quality.restarts} times"
    )
    shut = [f"{name} {share:.0%}" for name, share in quality.gated.items() if share >= _SHOWN]
    words += f"; gated by {', '.join(shut)}" if shut else ""
    return " ".join([f"{words}.", *quality.advice])


def _section(number: int, event: Event, found: Evidence | None, room: _Room) -> _Section:
    pictures, left_out = _pictures(found, room)
    moved = () if found is None else tuple(s for s in found.regions if s.percent >= _LEAST_PERCENT)
    return _Section(
        number=number,
        event=event,
        headline=event.headline,
        sub=_sub(event),
        times=(
            ("Onset", f"{clock_text(event.onset_s)} (frame {event.onset_frame})"),
            ("Apex", f"{clock_text(event.apex_s)} (frame {event.apex_frame})"),
            ("Offset", f"{clock_text(event.offset_s)} (frame {event.offset_frame})"),
            ("Duration", f"{event.duration_s:.2f} s"),
            ("Strength", f"{event.strength:.1f} times the threshold"),
            ("Movement", f"{100 * event.displacement:.1f} % of the face's width"),
            ("Where", ", ".join(event.regions) or "not known"),
            ("Looks like", _hint_words(event) or "no action unit that is known here"),
        ),
        scores=_score_bars(event),
        regions=_region_bars(moved[:_REGIONS_SHOWN]),
        pictures=pictures,
        replay="",
        replay_type="",
        is_linked=False,
        left_out=left_out,
    )


def _hint_words(event: Event) -> str:
    """Name the action units that the movement looks like, with side and size."""
    return ", ".join(
        f"AU{hint.unit}{'' if hint.side == 'both' else f' ({hint.side})'} {hint.strength:.1f} %"
        for hint in event.looks_like
    )


def _sub(event: Event) -> str:
    return f"{event.kind}-expression of subject {event.subject_id} at {clock_text(event.onset_s)}"


def _score_bars(event: Event) -> tuple[_Bar, ...]:
    """Only what is a probability is drawn as one."""
    if event.confidence is None:
        return ()
    highest = max(event.scores.values(), default=0.0)
    return tuple(
        _Bar(
            name=name, value=f"{score:.2f}", width=round(100 * score, 1), is_first=score == highest
        )
        for name, score in event.scores.items()
    )


def _region_bars(moved: tuple[RegionShift, ...]) -> tuple[_Bar, ...]:
    longest = max([shift.percent for shift in moved], default=0.0) or 1.0
    return tuple(
        _Bar(
            name=shift.name,
            value=f"{shift.percent:.1f} % {shift.direction}",
            width=round(100 * shift.percent / longest, 1),
            is_first=number == 0,
        )
        for number, shift in enumerate(moved)
    )


def _pictures(found: Evidence | None, room: _Room) -> tuple[tuple[_Picture, ...], bool]:
    """Choose the pictures that fit; also return whether some did not."""
    if found is None:
        return (), False
    full = f"{found.flow_full_percent:g} % of the face's width"
    all_of_them = [
        ("Onset", "the face before the movement", found.onset_rgb),
        ("Apex", "the largest movement, head held still", found.apex_rgb),
        ("Movement", f"from onset to apex; full colour and arrow: {full}", found.flow_rgb),
    ]
    if found.saliency_rgb is not None:
        all_of_them.append(("Where the class comes from", found.saliency_note, found.saliency_rgb))
    pictures = [
        _Picture(source=room.uri("image/jpeg", _jpeg(rgb)), words=words, sub=sub, side=len(rgb))
        for words, sub, rgb in all_of_them
    ]
    kept = tuple(picture for picture in pictures if picture.source)
    return kept, len(kept) < len(pictures)


def _jpeg(image_rgb: Image) -> bytes:
    content = io.BytesIO()
    Pillow.fromarray(image_rgb).save(content, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return content.getvalue()


def _with_replay(section: _Section, path: Path | None, folder: Path, room: _Room) -> _Section:
    """Return the section with its replay, inside of the page where it fits, else as a link."""
    if path is None:
        return section
    kind = _VIDEO_TYPES.get(path.suffix.lower(), "video/mp4")
    try:
        small = path.stat().st_size <= _REPLAY_BYTES
        source = room.uri(kind, path.read_bytes()) if small else ""
    except OSError as error:
        raise DataError(
            f"Cannot read the replay {path}: {error.strerror}. Write it again."
        ) from error
    relative = Path(os.path.relpath(path.resolve(), folder.resolve()))
    link = source or quote(relative.as_posix())
    return replace(section, replay=link, replay_type=kind, is_linked=not source)


def _how(analysis: Analysis) -> list[tuple[str, str]]:
    info = analysis.info
    rows = {
        "Video": video_name(analysis),
        "Frames": f"{analysis.frames} decoded, {rate_text(info.fps) or 'unknown'} per second",
        "Stored as": f"{info.codec}, {info.pixel_format}, {info.bits} bit"
        + (f", turned by {info.rotation_degrees}°" if info.rotation_degrees else ""),
        "Spotter": analysis.spotter,
        "OpenMER": __version__,
    }
    return [(name, value) for name, value in rows.items() if value]


def _model_facts(record: ModelRecord) -> list[tuple[str, str]]:
    trained = record.trained_on
    corpora = [
        f"{name}: {count.clips} clips of {count.subjects} subjects"
        for name, count in trained.corpora.items()
    ]
    found = record.calibration
    rows = {
        "Method": f"{record.title} ({record.method})",
        "Classes": ", ".join(record.classes),
        "Trained on": "; ".join(corpora) or trained.what,
        "Confidence": "not calibrated" if found is None else f"calibrated; {found}",
        "Weights": f"SHA-256 {record.weights_sha256[:16]}…" if record.weights_sha256 else "",
        "Versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
    }
    return [(name, value) for name, value in rows.items() if value]
