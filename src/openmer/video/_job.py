"""One video of many: analysed into a folder of its own, all of it or nothing, and never twice."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmer import __version__
from openmer.errors import DataError
from openmer.video._analysis import Analysis
from openmer.video._analyze import AnalyzeSettings, Progress, analyze_video
from openmer.video._event import Event
from openmer.video.io._reader import Video, open_video
from openmer.video.output._events import read_events, write_events
from openmer.video.output._evidence import Evidence, evidence_of
from openmer.video.output._replay import replay_of
from openmer.video.output._report import write_report

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

_STAMP = "done.json"
_PART_BYTES = 2**20  # of a file's beginning and end that tell it from others


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is wanted of every video.

    Attributes:
        model: Folder of a trained model; "" is the one that comes with OpenMER; None is none.
        settings: How videos are analysed.
        annotate: Whether a copy of the video with boxes, curve and events is written.
        replays: Whether every event gets a magnified replay.
    """

    model: str | None = ""
    settings: AnalyzeSettings = field(default_factory=AnalyzeSettings)
    annotate: bool = False
    replays: bool = True

    def load(self) -> FittedModel | None:
        """Return the model.

        Raises:
            DataError: The folder holds none.
        """
        from openmer.deployment import default_model, read_model

        if self.model is None:
            return None
        return read_model(Path(self.model)) if self.model else default_model()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one video.

    Attributes:
        video: Its path.
        folder: Where everything about it lies.
        verdict: What was found, in one sentence.
        events: By onset.
        faces: How many different faces were seen.
        duration_s: Length of what was decoded.
        damage: Why decoding ended early; "" where it did not.
        was_done: It had been analysed before, in the same way.
    """

    video: Path
    folder: Path
    verdict: str
    events: tuple[Event, ...]
    faces: int
    duration_s: float
    damage: str
    was_done: bool = False


def folders_for(videos: Sequence[Path], out: Path) -> list[Path]:
    """Choose a folder for each video, by its name; with a digest where names are equal."""
    names = [path.stem or path.name for path in videos]
    return [
        out / (name if names.count(name) == 1 else f"{name}-{_short(path)}")
        for name, path in zip(names, videos, strict=True)
    ]


def run_job(
    video: Path, folder: Path, request: Request, on_progress: Progress | None = None
) -> Done:
    """Analyse a video into a folder, unless that was done in the same way before.

    The folder gets `events.csv`, `events.json`, `report.html` and, on request, `annotated.mp4` and
    `replays/`. It appears when all of it is written; one of an earlier analysis is replaced then.

    Args:
        video: A file, or a folder of numbered images.
        folder: Made anew.
        request: What is wanted.
        on_progress: As in `analyze`; the stage "draw" follows.

    Raises:
        DataError: As `analyze_video`; or the folder holds something else, or cannot be written.
    """
    model = request.load()
    asked = _asked(video, request, model)
    before = _stamp(folder)
    if before is not None and before["asked"] == asked:
        return _done(video, folder, before["told"], was_done=True)
    if folder.exists() and before is None and any(folder.iterdir()):
        raise DataError(
            f"{folder} holds something that is no finished analysis. Choose another --out, or "
            "remove it."
        )
    analysis = analyze_video(video, model=model, settings=request.settings, on_progress=on_progress)
    told = {
        "verdict": analysis.verdict,
        "faces": len(analysis.faces),
        "duration_s": analysis.duration_s,
        "damage": analysis.damage,
    }
    with _appearing(folder) as place:
        write_all(place, video, analysis, request, model=model, on_progress=on_progress)
        _write_stamp(place, {"asked": asked, "told": told})
    return _done(video, folder, told)


def write_all(
    folder: Path,
    video: Path,
    analysis: Analysis,
    request: Request,
    *,
    model: FittedModel | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Write everything that is wanted of an analysed video into a folder.

    Args:
        folder: Made where it is missing.
        video: The file or folder of images that was analysed; it is read again.
        analysis: What was found in it.
        request: What is wanted.
        model: The model that gave the classes, for saliency maps.
        on_progress: Called with "draw", how many events are done, and how many there are.

    Raises:
        DataError: It cannot be written, or the video cannot be read again.
    """
    from openmer.video.output._draw import write_annotated

    settings = request.settings
    write_events(folder, analysis)
    with open_video(video, fps=settings.fps, threads=settings.threads, on_damage="skip") as reading:
        place = folder / "replays" if request.replays else None
        evidence, replays = drawn(reading, analysis, model, place, on_progress=on_progress)
        write_report(folder, analysis, evidence, replays)
        if request.annotate:
            write_annotated(folder / "annotated.mp4", reading, analysis)


def drawn(
    video: Video,
    analysis: Analysis,
    model: FittedModel | None,
    replays: Path | None,
    *,
    on_progress: Progress | None = None,
) -> tuple[dict[int, Evidence], dict[int, Path]]:
    """Draw the evidence and the replay of every event, by their numbers from 1.

    Args:
        video: That was analysed.
        analysis: What was found in it.
        model: The model that gave the classes, for saliency maps.
        replays: The folder for replays; None makes none.
        on_progress: Called with "draw", how many events are done, and how many there are.

    Raises:
        DataError: The video cannot be read again, or a replay cannot be written.
    """
    faces = {curves.subject_id: curves for curves in analysis.faces}
    evidence: dict[int, Evidence] = {}
    written: dict[int, Path] = {}
    total = len(analysis.events)
    for number, event in enumerate(analysis.events, start=1):
        _tell(on_progress, number - 1, total)
        curves = faces[event.subject_id]
        evidence[number] = evidence_of(video, curves, event, model)
        if replays is not None:
            replay = replay_of(video, curves, event, replays / f"event{number}.mp4")
            written |= {} if replay is None else {number: replay}
    _tell(on_progress, total, total)
    return evidence, written


def _tell(on_progress: Progress | None, done: int, total: int) -> None:
    if on_progress is not None and total:
        on_progress("draw", done, total)


def _done(video: Path, folder: Path, told: Mapping[str, Any], *, was_done: bool = False) -> Done:
    return Done(video=video, folder=folder, events=read_events(folder), was_done=was_done, **told)


def _asked(video: Path, request: Request, model: FittedModel | None) -> str:
    """Return a digest of the video, of what is wanted and of this version."""
    told = {
        "version": __version__,
        "video": _identity(video),
        "model": None if model is None else model.record.weights_sha256,
        "settings": asdict(request.settings),
        "annotate": request.annotate,
        "replays": request.replays,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _identity(video: Path) -> list[str]:
    """Return what tells a video from another: size, beginning and end of a file; names in a folder.

    Raises:
        DataError: It is not there or cannot be read.
    """
    try:
        if video.is_dir():
            images = sorted(path for path in video.iterdir() if path.is_file())
            return [f"{path.name} {path.stat().st_size}" for path in images]
        size = video.stat().st_size
        with video.open("rb") as file:
            ends = file.read(_PART_BYTES)
            file.seek(max(0, size - _PART_BYTES))
            ends += file.read(_PART_BYTES)
    except OSError as error:
        raise DataError(f"Cannot read {video}: {error.strerror}. Correct the path.") from error
    return [str(size), hashlib.sha256(ends).hexdigest()]


def _stamp(folder: Path) -> dict[str, Any] | None:
    """Return what a finished analysis says of itself; None where there is none."""
    try:
        found = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and {"asked", "told"} <= set(found)
    return found if whole and (folder / "events.json").is_file() else None


def _write_stamp(folder: Path, content: Mapping[str, Any]) -> None:
    (folder / _STAMP).write_text(json.dumps(content) + "\n", encoding="utf-8")


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder that takes the place of `folder` when all went well."""
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except OSError as error:
        raise DataError(
            f"Cannot write {folder}: {error.strerror or error}. Make room, or choose a folder that "
            "you may write to."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _short(path: Path) -> str:
    return hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]
