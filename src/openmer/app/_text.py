"""The parts of the page as HTML."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from openmer import __version__
from openmer.app._jobs import Failed, State, Stopped, Waiting, Working
from openmer.app._results import Results, Shown
from openmer.app._settings import PageSettings, is_loopback
from openmer.theme import css_colours
from openmer.video import clock_text, timeline_of, timeline_svg, video_name

if TYPE_CHECKING:
    from jinja2 import Environment

_STAGES = {
    "follow": "Following faces",
    "recognize": "Looking at each movement",
    "draw": "Drawing what was found",
}
_MEASURE = "Measuring how long it is"
_REGIONS_SHOWN = 6
_KEPT = {
    "report.html": "the report, one page",
    "events.csv": "for a sheet",
    "events.json": "for a program",
    "everything.zip": "all of it, with replays",
}


def head() -> str:
    """Write style sheet and script: a click on a band of the timeline chooses its event.

    The sheet is that of the reports. Gradio would take nested rules out of it, were it given apart.
    """
    return _render("head.html.j2", colours=css_colours(dark=".dark"))


def top(settings: PageSettings) -> str:
    """Write what this is, which videos it takes, and what it cannot tell."""
    return _render("top.html.j2", settings=settings, is_local=is_loopback(settings.host))


def foot() -> str:
    """Write the end of the page."""
    return _render("foot.html.j2", version=__version__)


def state_text(state: State, name: str) -> str:
    """How far an analysis is, or why it ended without results; "" with results.

    Args:
        state: Of the job.
        name: Of the video.
    """
    if isinstance(state, Working):
        return _render("working.html.j2", name=name, **_working(state))
    if isinstance(state, Waiting):
        return _render("waiting.html.j2", name=name, before=state.before)
    if isinstance(state, Stopped):
        return message("Stopped.", "The video was removed. Give it again, or another one.")
    if isinstance(state, Failed):
        return message(state.message)
    return ""


def message(text: str, more: str = "") -> str:
    """Write what went wrong and what to do."""
    return _render("message.html.j2", text=text, more=more)


def results_text(results: Results) -> str:
    """Write the verdict and the timeline of every face."""
    analysis = results.analysis
    timeline = timeline_of(analysis)
    return _render(
        "results.html.j2",
        analysis=analysis,
        name=video_name(analysis),
        rate="" if analysis.info.fps is None else f"{float(analysis.info.fps):.4g}",
        faces=[
            (curves.subject_id, timeline_svg(timeline, curves.subject_id))
            for curves in analysis.faces
        ],
    )


def choices(results: Results) -> list[tuple[str, int]]:
    """One line and the number of each event."""
    several = len(results.analysis.faces) > 1
    return [(_line(shown, several), shown.number) for shown in results.events]


def event_text(shown: Shown) -> str:
    """All that can be seen of an event."""
    event = shown.event
    longest = max([shift.percent for shift in shown.regions], default=0.0) or 1.0
    return _render(
        "event.html.j2",
        shown=shown,
        event=event,
        headline=event.headline,
        times=[
            ("Onset", clock_text(event.onset_s), event.onset_frame),
            ("Apex", clock_text(event.apex_s), event.apex_frame),
            ("Offset", clock_text(event.offset_s), event.offset_frame),
        ],
        regions=[(r, 100 * r.percent / longest) for r in shown.regions[:_REGIONS_SHOWN]],
        scores=event.scores if event.confidence is not None else {},
        link=_link,
    )


def files_text(results: Results) -> str:
    """Links to what can be kept."""
    stem = Path(video_name(results.analysis)).stem
    files = [
        (_link(path), f"{stem}-{path.name}", _KEPT[path.name], path.name) for path in results.files
    ]
    return _render("files.html.j2", files=files, has_pictures=bool(results.events))


def _line(shown: Shown, several: bool) -> str:
    event = shown.event
    sure = "" if event.confidence is None else f" {event.confidence:.2f}"
    named = event.class_name + sure if event.class_name else "not sure" if event.scores else ""
    who = f"subject {event.subject_id}" if several else ""
    words = (f"{shown.number}", clock_text(event.onset_s), who, event.kind, named)
    return " · ".join(word for word in words if word)


def _working(state: Working) -> dict[str, Any]:
    """Words and numbers of a stage."""
    names = list(_STAGES)
    place = f"step {names.index(state.stage) + 1} of {len(names)}" if state.stage in names else ""
    return {
        "title": _STAGES.get(state.stage, _MEASURE if state.stage else "Opening it"),
        "percent": int(100 * state.done / state.total) if state.total else None,
        "count": _count(state),
        "place": place,
        "left": "" if state.left_s is None else _about(state.left_s),
    }


def _count(state: Working) -> str:
    """How much is done: of frames in percent, of events by their number."""
    if not state.total:
        return f"{state.done} frames" if state.done else ""
    if state.stage == "follow":
        return f"{int(100 * state.done / state.total)} %"
    return f"{min(state.done + 1, state.total)} of {state.total}"


def _about(seconds: float) -> str:
    """Write an estimated time in words."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    return f"about {round(seconds / 60)} minutes"


def _link(path: Path) -> str:
    return f"gradio_api/file={quote(path.as_posix())}"


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    packages = ("openmer.app", "openmer.video", "openmer.reports")
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, "templates") for name in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
