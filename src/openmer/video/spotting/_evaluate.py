"""A spotter and a model run on annotated long videos, to be evaluated by what is true of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from joblib import cpu_count, delayed
from pydantic import TypeAdapter

from openmer import __version__
from openmer._workers import in_workers
from openmer.datasets import AnnotatedVideo
from openmer.errors import DataError, reading_file
from openmer.evaluation import Span, SpottingScores, score_spotting, span_of
from openmer.files import replace_file
from openmer.video._analyze import AnalyzeSettings, Progress, analyze_video

if TYPE_CHECKING:
    from openmer.deployment import FittedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoResult:
    """What was found in one video.

    Attributes:
        key: `AnnotatedVideo.key`.
        spans: The movements.
        face_s: Seconds in which a face was seen, added up over the faces.
        faces: How many faces.
        frames: Frames that were decoded.
    """

    key: str
    spans: tuple[Span, ...]
    face_s: float
    faces: int
    frames: int


def analyze_videos(
    videos: Sequence[AnnotatedVideo],
    *,
    model: FittedModel | None,
    settings: AnalyzeSettings,
    out: Path,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> tuple[VideoResult, ...]:
    """Analyse every video; what was finished before, in the same way, is read from `out`.

    Args:
        videos: With a file or a folder of frames each.
        model: A trained method; None spots only.
        settings: How videos are analysed.
        out: Folder that keeps one small file per video.
        workers: Processes, one video each; 0 is one per core.
        on_progress: Called with "videos", how many are done, and how many there are.

    Raises:
        DataError: A video has no file, cannot be read, or is shorter than its true events; what
            was finished is kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"{_digest(video, model, settings)}.json" for video in videos]
    missing = [pair for pair in zip(videos, files, strict=True) if not pair[1].is_file()]
    done = len(videos) - len(missing)
    for _ in _all(missing, model, settings, workers):
        if on_progress is not None:
            on_progress("videos", done, len(videos))
        done += 1
    if on_progress is not None:
        on_progress("videos", len(videos), len(videos))
    return tuple(_inside(_read(file), video) for file, video in zip(files, videos, strict=True))


def require_inside(name: str, offsets: Iterable[int], frames: int) -> None:
    """Refuse true events beyond the end of a video: nobody could find them.

    Raises:
        DataError: There is one.
    """
    last = max(offsets, default=-1)
    if last >= frames:
        raise DataError(
            f"{name} has a true event up to frame {last}, but only {frames} frames (0 to "
            f"{frames - 1}) that can be read. Correct its row, or give the video that was coded."
        )


def evaluate_detections(
    results: Sequence[VideoResult], videos: Sequence[AnnotatedVideo], classes: Sequence[str] | None
) -> SpottingScores:
    """Scores of what was found; rates are per minute in which a face was seen."""
    return score_spotting(
        {each.key: each.spans for each in results},
        videos,
        classes=classes,
        face_seconds={each.key: each.face_s for each in results},
    )


def _all(
    missing: Sequence[tuple[AnnotatedVideo, Path]],
    model: FittedModel | None,
    settings: AnalyzeSettings,
    workers: int,
) -> Iterator[None]:
    processes = min(workers or cpu_count(), len(missing))
    if processes <= 1:
        for video, file in missing:
            _analyze(video, file, model, settings)
            yield
        return
    tasks = (delayed(_analyze)(video, file, model, settings) for video, file in missing)
    yield from in_workers(tasks, processes, ordered=False)


def _analyze(
    video: AnnotatedVideo, file: Path, model: FittedModel | None, settings: AnalyzeSettings
) -> None:
    if video.path is None:
        raise DataError(f"{video.key} names neither a file nor a folder. Give its path.")
    if video.path.is_dir():
        settings = replace(settings, fps=settings.fps or video.fps)
    analysis = analyze_video(video.path, model=model, settings=settings)
    result = VideoResult(
        key=video.key,
        spans=tuple(span_of(event) for event in analysis.events),
        face_s=sum(face.seen_s for face in analysis.faces),
        faces=len(analysis.faces),
        frames=analysis.frames,
    )
    replace_file(file, f"{json.dumps(asdict(result))}\n")
    _inside(result, video)


def _inside(result: VideoResult, video: AnnotatedVideo) -> VideoResult:
    """Return the result of a video of one's own if its events are in it; readers check corpora."""
    if not video.corpus:
        require_inside(video.name, (event.offset for event in video.events), result.frames)
    return result


def _read(file: Path) -> VideoResult:
    with reading_file(file, "results of a video", "Delete it; only this video is repeated."):
        return TypeAdapter(VideoResult).validate_json(file.read_bytes())


def _digest(video: AnnotatedVideo, model: FittedModel | None, settings: AnalyzeSettings) -> str:
    """Compute a digest of the video, the model, the settings and the version."""
    path = video.path
    there = path.stat() if path is not None and path.is_file() else None
    table: Mapping[str, object] = {
        "version": __version__,
        "video": [video.key, str(path), there and [there.st_size, there.st_mtime_ns]],
        "frames": len(video.frame_paths),
        "model": None if model is None else model.record.weights_sha256,
        "settings": asdict(settings),
    }
    text = json.dumps(table, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _plain(value: object) -> str:
    return str(value) if isinstance(value, Fraction) else repr(value)
