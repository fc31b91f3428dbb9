"""One video of many: analysed into a folder of its own, all of it or nothing, and never twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openmer import __version__, deployment, remote
from openmer._stand_ins import place_of
from openmer.datasets import VIDEO_SUFFIXES
from openmer.files import check_replaceable, replace_folder, short_name
from openmer.video._analysis import Analysis
from openmer.video._analyze import AnalyzeSettings, Progress, analyze_video
from openmer.video._event import Event
from openmer.video._identity import identity_of
from openmer.video.io._reader import Video, open_video
from openmer.video.output._events import read_events, write_events
from openmer.video.output._evidence import Evidence, evidence_of
from openmer.video.output._replay import replay_of
from openmer.video.output._report import write_report
from openmer.video.output._signals import SIGNAL_FORMS, write_signals
from openmer.video.output._summary import SHEET, SUMMARY

if TYPE_CHECKING:
    from openmer.deployment import FittedModel

REVIEWS = "reviews"  # beside the folders of videos: what coders decided
STAMP = "done.json"
_TAKEN = frozenset({REVIEWS, SUMMARY, SHEET})  # beside the folders of videos


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is wanted of every video.

    Attributes:
        model: Folder of a trained model; "" is the one that comes with OpenMER; None is none.
        settings: How videos are analysed.
        annotate: Whether a copy of the video with boxes, curve and events is written.
        replays: Whether every event gets a magnified replay.
        signals: Forms in which the signals of each frame are written (`write_signals`).
    """

    model: str | None = ""
    settings: AnalyzeSettings = field(default_factory=AnalyzeSettings)
    annotate: bool = False
    replays: bool = True
    signals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.signals:
            SIGNAL_FORMS[name]

    def load(self) -> FittedModel | None:
        """Load the model.

        Raises:
            DataError: The folder holds none.
        """
        if self.model is None:
            return None
        if not self.model:
            return deployment.default_model()
        return deployment.read_model(Path(self.model))


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
        is_measurable: Something was found, or "nothing found" says something.
        without_mesh: Why faces were not followed by the face mesh; "" where they were.
        was_done: It had been analysed before, in the same way.
    """

    video: Path
    folder: Path
    verdict: str
    events: tuple[Event, ...]
    faces: int
    duration_s: float
    damage: str
    is_measurable: bool = True
    without_mesh: str = ""
    was_done: bool = False

    @property
    def is_renamed(self) -> bool:
        """Whether the folder has a suffix, because another video has the same name."""
        return self.folder.name != folder_name(self.video)


def folders_for(videos: Sequence[Path], out: Path) -> list[Path]:
    """Choose a folder for each video, named after it.

    A part of a digest of its path follows where another video has the same name, in this list or
    in the results that are there already.
    """
    names = Counter(folder_name(path).casefold() for path in dict.fromkeys(videos))
    return [
        _folder_for(path, out, is_shared=names[folder_name(path).casefold()] > 1) for path in videos
    ]


def refuse_taken(folders: Sequence[Path]) -> None:
    """Refuse places of results where something else is; call it before the work.

    Raises:
        DataError: As `check_replaceable`.
    """
    for folder in folders:
        if _stamp(folder) is None:
            check_replaceable(folder)


def folder_name(video: Path) -> str:
    """Return the name of a video's folder: its own without the ending, shortened where too long."""
    named = video.resolve() if video.name in {"", ".."} else video
    name = short_name(named.stem or "video")
    return f"{name}_" if name.casefold() in _TAKEN else name


def run_job(
    video: Path, folder: Path, request: Request, on_progress: Progress | None = None
) -> Done:
    """Analyse a video into a folder, unless that was done in the same way before.

    The folder gets `events.csv`, `events.json`, `report.html` and, on request, `annotated.mp4` and
    `replays/`. It appears when all of it is written; one of an earlier analysis is replaced then.

    Args:
        video: A file, or a folder of numbered images.
        folder: Made again; one that holds anything but earlier results is refused beforehand.
        request: What is wanted.
        on_progress: As in `analyze`; the stage "draw" follows.

    Raises:
        DataError: As `analyze_video`; or the folder holds something else, or cannot be written.
    """
    model = request.load()
    if video.suffix.lower() not in VIDEO_SUFFIXES:
        remote.bring(video)  # a folder of images
    before = _stamp(folder, "asked", "result")  # earlier versions have no "result"
    identity = identity_of(video, None if before is None else before["video"])
    asked = _asked(identity, request, model)
    if before is not None and before["asked"] == asked:
        return _done(video, folder, before["result"], was_done=True)
    check_replaceable(folder)
    analysis = analyze_video(video, model=model, settings=request.settings, on_progress=on_progress)
    result = {
        "verdict": analysis.verdict,
        "faces": len(analysis.faces),
        "duration_s": analysis.duration_s,
        "damage": analysis.damage,
        "is_measurable": bool(analysis.events) or analysis.is_measurable,
        "without_mesh": analysis.without_mesh,
    }
    if _holds_another(folder, video):  # written meanwhile
        folder = _beside(folder, video)
    with replace_folder(folder) as place:
        write_all(place, video, analysis, request, model=model, on_progress=on_progress)
        fps = None if request.settings.fps is None else str(request.settings.fps)
        stamp = json.dumps({"asked": asked, "video": identity, "fps": fps, "result": result})
        (place / STAMP).write_text(f"{stamp}\n", encoding="utf-8")
    return _done(video, folder, result)


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
    write_signals(folder, analysis, request.signals)
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


def _done(video: Path, folder: Path, result: Mapping[str, Any], *, was_done: bool = False) -> Done:
    return Done(video=video, folder=folder, events=read_events(folder), was_done=was_done, **result)


def _asked(identity: Mapping[str, Any], request: Request, model: FittedModel | None) -> str:
    """Compute a digest of the video, the settings and this version."""
    question = {
        "version": __version__,
        "video": identity["sha256"],
        "model": None if model is None else model.record.weights_sha256,
        "settings": asdict(request.settings),
        "annotate": request.annotate,
        "replays": request.replays,
        "signals": request.signals,
    }
    return hashlib.sha256(json.dumps(question, sort_keys=True, default=str).encode()).hexdigest()


def _stamp(folder: Path, *wanted: str) -> dict[str, Any] | None:
    """Read the stamp of a finished analysis; None where it is not there, or lacks a part."""
    try:
        found = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(found, dict) and {"video", *wanted} <= set(found)
    return found if whole and (folder / "events.json").is_file() else None


def _folder_for(video: Path, out: Path, *, is_shared: bool) -> Path:
    """Return the folder of one video; `is_shared` says that another one has the same name."""
    plain = out / folder_name(video)
    if _holds_another(plain, video) or (is_shared and _stamp(plain) is None):
        return _beside(plain, video)
    return plain


def _holds_another(folder: Path, video: Path) -> bool:
    """Tell whether a folder is the video itself, or holds the results of another one.

    Results of the same content are those of this video where it was moved from the place that they
    name; a copy is another video.
    """
    stamp = _stamp(folder)
    if stamp is None:
        return place_of(folder) == place_of(video)
    holder = stamp["video"]
    if holder["path"] == place_of(video):
        return False
    return os.path.lexists(holder["path"]) or identity_of(video)["sha256"] != holder["sha256"]


def _beside(folder: Path, video: Path) -> Path:
    mark = hashlib.sha256(os.fsencode(place_of(video))).hexdigest()[:8]
    return folder.with_name(f"{folder_name(video)}-{mark}")
