"""What the page shows of a video: analysed, drawn, and written into a folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZIP_STORED, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from openmer.app._settings import PageSettings
from openmer.errors import DataError
from openmer.video import (
    Analysis,
    Event,
    Evidence,
    Progress,
    RegionShift,
    analyze_video,
    drawn,
    open_video,
    write_events,
    write_report,
)

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

_JPEG_QUALITY = 90
_REPORT_EVERY = 20  # frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture of an event.

    Attributes:
        path: A JPEG file.
        title: What it is.
        words: What it shows.
    """

    path: Path
    title: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An event with all that can be seen of it.

    Attributes:
        number: Its place among the events, from 1.
        event: The event.
        pictures: Onset, apex, movement, and the saliency map where there is one.
        regions: Every region, the one that moved farthest first.
        saliency_note: Why there is no saliency map; "" where there is one or none was expected.
        replay: Slowed down and magnified; None where there are too few frames.
    """

    number: int
    event: Event
    pictures: tuple[Picture, ...]
    regions: tuple[RegionShift, ...]
    saliency_note: str
    replay: Path | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Results:
    """All that the page shows of a video.

    Attributes:
        analysis: What was found.
        events: By onset.
        files: To be kept by the user: the report, both tables of events, and everything at once.
    """

    analysis: Analysis
    events: tuple[Shown, ...]
    files: tuple[Path, ...]


def find(
    video: Path,
    folder: Path,
    model: FittedModel | None,
    settings: PageSettings,
    on_progress: Progress,
) -> Results:
    """Analyse a video and write everything about it into a folder.

    Args:
        video: A file.
        folder: An empty one that exists.
        model: A trained method; None gives no classes.
        settings: How long and how large a video may be.
        on_progress: Called with "measure" (of a video that does not state its length), "follow",
            "recognize" or "draw", how much of it is done, and of how much (0: not known).

    Raises:
        DataError: The video is too long or too large, or cannot be read; or the folder cannot be
            written.
    """
    frames, pixels = check_size(video, settings, on_progress)

    with open_video(video, on_damage="skip") as opened:

        def report(stage: str, done: int, total: int) -> None:
            if stage == "follow":  # what a file says of itself may be wrong, and its size may grow
                settings.refuse_work(done, max(pixels, opened.largest_px))
            on_progress(stage, done, max(frames, done) if stage == "follow" else total)

        analysis = analyze_video(opened, model=model, on_progress=report)
        evidence, replays = drawn(opened, analysis, model, folder, on_progress=on_progress)
    tables = write_events(folder, analysis)
    page = write_report(folder, analysis, evidence, replays)
    events = tuple(
        shown_event(number, found, replays.get(number), folder)
        for number, found in evidence.items()
    )
    files = (page, *tables)
    return Results(
        analysis=analysis,
        events=events,
        files=(*files, _bundle(folder, video.stem, [*files, *replays.values()])),
    )


def check_size(video: Path, settings: PageSettings, on_progress: Progress) -> tuple[int, int]:
    """Refuse a video that is too long or too large; one that does not state its length is read.

    Args:
        video: A file.
        settings: The limits.
        on_progress: Called with "measure", frames read, and 0.

    Returns:
        How many frames it has, about (0: not known), and how many pixels each of them has.

    Raises:
        DataError: It is longer or larger, or cannot be read.
    """
    with open_video(video, on_damage="skip") as opened:
        info, most = opened.info, settings.max_minutes
        pixels, count = info.width * info.height, 0
        if info.duration_s is not None:
            _refuse_longer(info.duration_s, most, "is {} long")
            count = info.frames or round(info.duration_s * (info.fps or 0))
            settings.refuse_work(count, pixels)
            return count, pixels
        for frame in opened:
            count = frame.number + 1
            _refuse_longer(float(frame.time_s), most, "does not end after {}")
            settings.refuse_work(count, max(pixels, opened.largest_px))
            if not frame.number % _REPORT_EVERY:
                on_progress("measure", count, 0)
    return count, pixels


def _refuse_longer(seconds: float, max_minutes: float, words: str) -> None:
    if seconds > 60 * max_minutes:
        found = words.format(f"{seconds / 60:.1f} minutes")
        raise DataError(
            f"This video {found}; this page takes at most {max_minutes:g}. Cut out the part that "
            "matters, or start the page with a larger --max-minutes."
        )


def shown_event(number: int, found: Evidence, replay: Path | None, folder: Path) -> Shown:
    """Write the pictures of an event and say where they are.

    Args:
        number: Its place among the events, from 1.
        found: Its pictures and numbers.
        replay: Its replay, where there is one.
        folder: An existing one.
    """
    pictures = tuple(
        Picture(path=_saved(folder / f"event-{number}-{name}.jpg", rgb), title=title, words=words)
        for name, rgb, title, words in _views(found)
    )
    return Shown(
        number=number,
        event=found.event,
        pictures=pictures,
        regions=found.regions,
        saliency_note="" if found.saliency_rgb is not None else found.saliency_note,
        replay=replay,
    )


def _views(found: Evidence) -> Iterator[tuple[str, NDArray[np.uint8], str, str]]:
    """Name, picture, title and words of what can be seen of an event."""
    yield "onset", found.onset_rgb, "Onset", "the face before the movement"
    yield "apex", found.apex_rgb, "Apex", "the largest movement, head held still"
    full = f"{found.flow_full_percent:g} % of the face's width"
    yield "flow", found.flow_rgb, "Movement", f"from onset to apex; full colour and arrow: {full}"
    if found.saliency_rgb is not None:
        yield "saliency", found.saliency_rgb, "What the model looked at", found.saliency_note


def _saved(path: Path, rgb: NDArray[np.uint8]) -> Path:
    Image.fromarray(rgb).save(path, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return path


def _bundle(folder: Path, name: str, files: list[Path]) -> Path:
    """All files in one archive."""
    path = folder / "everything.zip"
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for file in files:
            archive.write(file, f"{name}/{file.name}")
    return path
