"""Find micro-expressions in a video, and look at what was found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from openmer import remote
from openmer.api._display import Displayed, frame
from openmer.api._model import Model, fitted_of
from openmer.api._progress import progress as shown
from openmer.video import Analysis as Found
from openmer.video import (
    AnalyzeSettings,
    Event,
    Request,
    analyze_video,
    motion_percent,
    signal_columns,
    write_all,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from openmer.deployment import FittedModel


@dataclass(frozen=True, repr=False, eq=False)
class Analysis(Displayed):
    """What was found in a video.

    Attributes:
        video: The file, or the folder of images.
        found: All of it, as the room `openmer.video` has it.
        settings: How it was analysed.
        fitted: The model that gave the classes; None where there was none.
    """

    video: Path
    found: Found
    settings: AnalyzeSettings
    fitted: FittedModel | None

    @property
    def events(self) -> tuple[Event, ...]:
        """The expressions by their onset, each with its times, class, confidence and reason."""
        return self.found.events

    @property
    def signals(self) -> DataFrame:
        """The table of signals: a row for each face and frame, as `openmer analyze --signals`."""
        return frame(signal_columns(self.found))

    def to_frame(self) -> DataFrame:
        """Return a table with a row for each event."""
        columns = (
            "subject_id", "kind", "onset_s", "apex_s", "offset_s", "onset_frame", "apex_frame",
            "offset_frame", "class_name", "confidence", "strength", "regions", "reason",
        )  # fmt: skip
        rows = (asdict(event) | {"regions": ", ".join(event.regions)} for event in self.events)
        return frame(({name: row[name] for name in columns} for row in rows), columns)

    def report(self, folder: str | Path) -> Path:
        """Write events.csv, events.json, replays and report.html, and return the path of the page.

        Raises:
            DataError: The folder cannot be written to, or the video cannot be read again.
        """
        place = remote.out(folder)
        place.mkdir(parents=True, exist_ok=True)
        request = Request(settings=self.settings)
        write_all(place, self.video, self.found, request, model=self.fitted)
        return place / "report.html"

    def plot(self) -> Figure:
        """Draw the movement of each face over time; events are shaded."""
        from matplotlib.figure import Figure

        rows = max(1, len(self.found.faces))
        figure = Figure(figsize=(9, 1 + 2 * rows), layout="constrained")
        panels = figure.subplots(rows, squeeze=False, sharex=True)[:, 0]
        for axes, face in zip(panels, self.found.faces, strict=False):
            axes.plot(face.times_s, motion_percent(face), lw=0.8)
            axes.set_ylabel(f"face {face.subject_id}, %")
            for event in self.events:
                if event.subject_id == face.subject_id:
                    axes.axvspan(event.onset_s, event.offset_s, alpha=0.3)
        panels[0].set_title(self.found.verdict)
        panels[-1].set_xlabel("seconds")
        return figure

    def _line(self) -> str:
        return f"{self.found.info.name}, {self.found.duration_s:.1f} s. {self.found.verdict}"


def analyze(
    video: str | Path,
    model: Model | str | Path | Literal[False] | None = None,
    *,
    fps: float | str | None = None,
    spotter: str = "learned",
    abstain_below: float | None = None,
    progress: bool = True,
) -> Analysis:
    """Find micro-expressions in a video: when, which class, how sure, and why.

    Args:
        video: A video file, or a folder of numbered images.
        model: What `load_model` takes or returns; False spots movements and names no class.
        fps: Frames per second of a folder of images.
        spotter: Name of what finds movements.
        abstain_below: Confidence in 0..1 under which no class is given; None is the model's own.
        progress: Show how far it is.

    Returns:
        The events with their times and classes, and the movement of each face over time.

    Raises:
        ConfigError: There is no such spotter.
        DataError: The video cannot be read.

    Example:
        analysis = openmer.analyze("interview.mp4")
        print(analysis.to_frame())
        analysis.report("analysis")
    """
    rate = None if fps is None else Fraction(str(fps))
    settings = AnalyzeSettings(spotter=spotter, abstain_below=abstain_below, fps=rate)
    fitted = None if model is False else fitted_of(model)
    place = remote.here(video, stream=True)
    with shown(progress) as report:
        found = analyze_video(place, model=fitted, settings=settings, on_progress=report)
    return Analysis(place, found, settings, fitted)
