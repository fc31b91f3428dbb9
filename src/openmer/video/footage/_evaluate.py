"""How well brief movements are found in a folder of footage of which something is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import cpu_count, delayed

from openmer._workers import in_workers
from openmer.datasets import NONE, Movement, read_footage
from openmer.evaluation import Span, match_spans, overlap, span_of
from openmer.reports import Table
from openmer.video._analysis import Analysis
from openmer.video._analyze import AnalyzeSettings, analyze_video
from openmer.video._quality import quality_of
from openmer.video.footage._inject import is_upper
from openmer.video.spotting._evaluate import require_inside

_ALL = "all"
_SIZES_PX = (1.0, 2.0, 3.0, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTally:
    """What was found in one video.

    Attributes:
        video: Its file.
        footage: The word for its kind.
        movements: True ones, each with the regions they are in.
        hits: Which of them were found with an overlap (IoU) of 0.5.
        touched: Which of them were met by anything that was found.
        found: How many micro-expressions were found.
        false: How many of these in spans that hold none.
        macros: How many longer movements were found.
        faces: How many different faces.
        face_s: Seconds in which a face was seen.
        clear_s: Seconds of these that could be measured.
        restarts: How often a face was started again.
        calm_s: Seconds of a face in spans that hold no micro-expression.
    """

    video: str
    footage: str
    movements: tuple[Movement, ...]
    hits: tuple[bool, ...]
    touched: tuple[bool, ...]
    found: int
    false: int
    macros: int
    faces: int
    face_s: float
    clear_s: float
    restarts: int
    calm_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FootageRow:
    """Scores of one kind of footage; None where nothing was there to be counted.

    Attributes:
        footage: The word, "all" for all of them.
        videos: How many.
        movements: True ones.
        recall: Share that was found with an overlap of 0.5.
        recall_touched: Share that was met by anything.
        recall_upper: Share of those of the brows.
        recall_by_size: For 1, 2, 3 and 4 px of a face 200 px wide.
        precision: Share of what was found, in videos with true movements, that is one.
        f1: Of precision and recall.
        false_per_minute: False micro-expressions a minute where there are none.
        restarts_per_minute: Of a face.
        clear_share: Share of the time of a face that could be measured.
    """

    footage: str
    videos: int
    movements: int
    recall: float | None
    recall_touched: float | None
    recall_upper: float | None
    recall_by_size: tuple[float | None, ...]
    precision: float | None
    f1: float | None
    false_per_minute: float | None
    restarts_per_minute: float | None
    clear_share: float | None


def evaluate_footage(
    folder: Path,
    settings: AnalyzeSettings | None = None,
    *,
    workers: int = 1,
    on_progress: Callable[[str, int, int], None] | None = None,
    notes: list[str] | None = None,
) -> tuple[VideoTally, ...]:
    """Spot in every video of a folder, and compare with its table.

    Args:
        folder: With ``truth.csv``, as `inject_movements` writes it or by hand.
        settings: How videos are analysed.
        workers: Processes; 0 is one per core.
        on_progress: Called with "videos", how many are done, and how many there are.
        notes: Gets a text on each name of a video that was taken as another spelling.

    Raises:
        DataError: The table is wrong, a video cannot be read, or a row is beyond its end.
    """
    rows = read_footage(folder, notes)
    by_video: dict[str, list[Movement]] = {}
    for row in rows:
        by_video.setdefault(row.video, []).append(row)
    chosen = settings or AnalyzeSettings()
    tasks = (delayed(_tally)(folder, name, each, chosen) for name, each in by_video.items())
    done: list[VideoTally] = []
    for tally in in_workers(tasks, workers or cpu_count()):
        done.append(tally)
        if on_progress is not None:
            on_progress("videos", len(done), len(by_video))
    return tuple(done)


def footage_rows(tallies: Sequence[VideoTally]) -> tuple[FootageRow, ...]:
    """Scores of each kind of footage, and of all."""
    kinds = sorted({tally.footage for tally in tallies if tally.footage})
    return (
        *(_scores(kind, [t for t in tallies if t.footage == kind]) for kind in kinds),
        _scores(_ALL, tallies),
    )


def footage_table(rows: Sequence[FootageRow]) -> Table:
    """Put the scores into a table; no name of a video is in it."""
    titles = (
        "Footage", "Videos", "Movements", "Recall", "Any overlap", "Brows",
        *(f"{size:g} px" for size in _SIZES_PX), "Precision", "F1", "False/min", "Restarts/min",
        "Measurable",
    )  # fmt: skip
    cells = (
        (
            row.footage, row.videos, row.movements, row.recall, row.recall_touched,
            row.recall_upper, *row.recall_by_size, row.precision, row.f1, row.false_per_minute,
            row.restarts_per_minute, row.clear_share,
        )
        for row in rows
    )  # fmt: skip
    align = "l" + "r" * (len(titles) - 1)
    return Table("", titles, tuple(tuple(map(_cell, row)) for row in cells), align=align)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _tally(
    folder: Path, name: str, rows: Sequence[Movement], settings: AnalyzeSettings
) -> VideoTally:
    """Analyse one video and compare."""
    return tally_of(name, rows, analyze_video(folder / name, model=None, settings=settings))


def tally_of(name: str, rows: Sequence[Movement], analysis: Analysis) -> VideoTally:
    """Compare what was found in one video with its rows of the table.

    Raises:
        DataError: A row is beyond the end of the video.
    """
    require_inside(name, [row.offset for row in rows], analysis.frames)
    found = [span_of(event) for event in analysis.events if event.kind == "micro"]
    true = [row for row in rows if row.kind == "micro"]
    spans = [
        Span(kind="micro", onset=row.onset, offset=row.offset, apex=None, subject_id=1)
        for row in true
    ]
    matches = match_spans([_of_first(span) for span in found], spans)
    hits = {match.truth for match in matches}
    calm = [row for row in rows if row.kind == NONE]
    qualities = [quality_of(curves) for curves in analysis.faces]
    face_s = sum(curves.seen_s for curves in analysis.faces)
    return VideoTally(
        video=name,
        footage=rows[0].footage,
        movements=tuple(true),
        hits=tuple(span in hits for span in spans),
        touched=tuple(any(overlap(_of_first(one), span) > 0 for one in found) for span in spans),
        found=len(found),
        false=sum(any(_is_within(span, row) for row in calm) for span in found),
        macros=sum(event.kind == "macro" for event in analysis.events),
        faces=len(analysis.faces),
        face_s=face_s,
        clear_s=sum(quality.clear_s for quality in qualities),
        restarts=sum(len(curves.starts) - 1 for curves in analysis.faces),
        calm_s=_calm_s(calm, face_s, analysis.frames, analysis.duration_s),
    )


def _of_first(span: Span) -> Span:
    """Return the span as if the first face had it: the table does not number faces."""
    return Span(kind=span.kind, onset=span.onset, offset=span.offset, apex=span.apex, subject_id=1)


def _is_within(span: Span, row: Movement) -> bool:
    return row.is_whole or row.onset <= (span.onset + span.offset) / 2 <= row.offset


def _calm_s(calm: Sequence[Movement], face_s: float, frames: int, duration_s: float) -> float:
    if any(row.is_whole for row in calm):
        return face_s
    share = sum(row.offset - row.onset + 1 for row in calm) / max(frames, 1)
    return min(share * duration_s, face_s)


def _scores(footage: str, tallies: Sequence[VideoTally]) -> FootageRow:
    marks = [mark for tally in tallies for mark in _marks(tally)]
    with_truth = [tally for tally in tallies if tally.movements]
    hits, found = sum(hit for _, hit, _ in marks), sum(tally.found for tally in with_truth)
    recall = _share(hits, len(marks))
    precision = _share(hits, found)
    both = (recall or 0) + (precision or 0)
    face_s = sum(tally.face_s for tally in tallies)
    return FootageRow(
        footage=footage,
        videos=len(tallies),
        movements=len(marks),
        recall=recall,
        recall_touched=_share(sum(touched for _, _, touched in marks), len(marks)),
        recall_upper=_mean(hit for one, hit, _ in marks if is_upper(one.region)),
        recall_by_size=tuple(
            _mean(hit for one, hit, _ in marks if one.size_px == size) for size in _SIZES_PX
        ),
        precision=precision,
        f1=None if not marks else (2 * (recall or 0) * (precision or 0) / both if both else 0.0),
        false_per_minute=_share(
            60 * sum(tally.false for tally in tallies), sum(tally.calm_s for tally in tallies)
        ),
        restarts_per_minute=_share(60 * sum(tally.restarts for tally in tallies), face_s),
        clear_share=_share(sum(tally.clear_s for tally in tallies), face_s),
    )


def _marks(tally: VideoTally) -> Iterator[tuple[Movement, bool, bool]]:
    return zip(tally.movements, tally.hits, tally.touched, strict=True)


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _mean(values: Iterator[bool]) -> float | None:
    all_values = list(values)
    return _share(sum(all_values), len(all_values))
